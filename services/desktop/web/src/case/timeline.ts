import type { EntryView, InteractionView, ReplyView, WholeCaseView } from '@/api/case-mgmt'

/** What the conversation of a case shows, the oldest first: what was said, and between that runs of what else happened. */
export type Item =
  | { readonly kind: 'interaction'; readonly id: string; readonly at: string; readonly said: InteractionView }
  | {
      readonly kind: 'reply'
      readonly id: string
      readonly at: string
      readonly reply: ReplyView
      /** Where it can be seen on the network. */
      readonly link: string | null
    }
  | { readonly kind: 'note'; readonly id: string; readonly at: string; readonly entry: EntryView }
  | { readonly kind: 'changes'; readonly id: string; readonly at: string; readonly entries: EntryView[] }

/** The items of a case in the order of its record. What an answer or a message shows itself is no change beside it. */
export function timeline(whole: WholeCaseView): Item[] {
  const said = new Map(whole.interactions.map(one => [one.interaction.interaction_id, one]))
  const replies = new Map(whole.replies.map(one => [one.reply_id, one]))
  const links = new Map(
    whole.entries.filter(entry => entry.kind === 'reply-sent').map(entry => [of(entry, 'reply_id'), entry]),
  )
  const items: Item[] = []
  for (const entry of whole.entries) {
    const item = spoken(entry, said, replies, links)
    if (item === 'shown') continue
    const last = items.at(-1)
    if (item) items.push(item)
    else if (last?.kind === 'changes') last.entries.push(entry)
    else items.push({ kind: 'changes', id: `c${entry.id}`, at: entry.occurred_at, entries: [entry] })
  }
  return items
}

function spoken(
  entry: EntryView,
  said: ReadonlyMap<string, InteractionView>,
  replies: ReadonlyMap<string, ReplyView>,
  links: ReadonlyMap<string, EntryView>,
): Item | 'shown' | null {
  const id = `e${entry.id}`
  const at = entry.occurred_at
  switch (entry.kind) {
    case 'interaction': {
      const found = said.get(of(entry, 'interaction_id'))
      return found ? { kind: 'interaction', id, at, said: found } : null
    }
    case 'reply-requested':
    case 'acknowledgement-requested': {
      const reply = replies.get(of(entry, 'reply_id'))
      const sent = links.get(of(entry, 'reply_id'))
      return reply ? { kind: 'reply', id, at, reply, link: (sent && of(sent, 'link')) || null } : null
    }
    case 'note':
      return { kind: 'note', id, at, entry }
    case 'reply-sent':
    case 'acknowledgement-sent':
    case 'interaction-deleted':
    case 'interaction-edited':
      return 'shown'
    default:
      return null
  }
}

/** A text of an entry's data; empty where there is none. */
export function of(entry: EntryView, name: string): string {
  const value = entry.data[name]
  return typeof value === 'string' ? value : ''
}

/** A part of an entry's data that has members of its own, e.g. `clock`; empty where there is none. */
export function part(entry: EntryView, name: string): EntryView['data'] {
  const value = entry.data[name]
  return typeof value === 'object' && value !== null ? (value as EntryView['data']) : {}
}

/** The entry that says most of a run: the newest act of a person, else what became of the work, else the newest. */
export function telling(entries: readonly EntryView[]): EntryView {
  return (
    entries.findLast(entry => entry.actor.kind !== 'system') ??
    entries.findLast(entry => entry.kind.startsWith('work.')) ??
    entries.at(-1)!
  )
}

const FIRST = 60
const MORE = 120
/** How many of the newest items are shown after `steps` requests for older ones. */
export function shownCount(all: number, steps: number): number {
  return Math.min(all, FIRST + steps * MORE)
}
