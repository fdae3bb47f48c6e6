import type { EntryView, LastEntry, WholeCaseView } from '@/api/case-mgmt'

/** What somebody did to a case while an answer to it was written. */
export interface Happening {
  readonly entry: number
  readonly kind: 'answered' | 'answer-failed' | 'spoke' | 'edited' | 'deleted' | 'status'
  readonly who: string
  readonly at: string
  /** The words of it; null where it has none. */
  readonly text: string | null
  readonly status: string | null
}

const KINDS: Readonly<Record<string, Happening['kind']>> = {
  'reply-requested': 'answered',
  'reply-failed': 'answer-failed',
  interaction: 'spoke',
  'interaction-edited': 'edited',
  'interaction-deleted': 'deleted',
  'status-changed': 'status',
}

/** The newest entry of a case: what an author has seen who looks at it as it is now. */
export function newestEntry(whole: WholeCaseView): number {
  return whole.entries.reduce((newest, entry) => Math.max(newest, entry.id), 0)
}

/**
 * What others did to the case since its author saw it, of what must be seen before an answer goes out.
 *
 * It is what case-mgmt refuses an answer for (412), less the author's own acts. A note and a change of the work are not.
 */
export function happenedSince(whole: WholeCaseView, seen: number, me: string): Happening[] {
  return whole.entries
    .filter(entry => entry.id > seen && entry.kind in KINDS && entry.actor.id !== me)
    .filter(entry => !isEffectOfAnother(entry))
    .map(entry => ({
      entry: entry.id,
      kind: KINDS[entry.kind]!,
      who: entry.actor.name ?? nameOfSpeaker(whole, entry) ?? entry.actor.id,
      at: entry.occurred_at,
      text: wordsOf(whole, entry),
      status: textOf(entry.data.status),
    }))
}

/** The same of the entry that a refusal names. */
export function happeningOf(last: LastEntry): Happening {
  return {
    entry: last.entry_id,
    kind: KINDS[last.kind] ?? 'status',
    who: last.actor.name ?? last.actor.id,
    at: last.occurred_at,
    text: last.text ?? null,
    status: last.status ?? null,
  }
}

/** A status that follows from words or an answer needs no mention beside them. */
function isEffectOfAnother(entry: EntryView): boolean {
  return entry.kind === 'status-changed' && entry.data.trigger !== 'set-by-person'
}

function wordsOf(whole: WholeCaseView, entry: EntryView): string | null {
  const reply = whole.replies.find(one => one.reply_id === entry.data.reply_id)
  if (reply) return reply.text
  const spoken = whole.interactions.find(one => one.interaction.interaction_id === entry.data.interaction_id)
  return spoken && !spoken.deleted_at ? spoken.interaction.content.text : null
}

function nameOfSpeaker(whole: WholeCaseView, entry: EntryView): string | null {
  const spoken = whole.interactions.find(one => one.interaction.interaction_id === entry.data.interaction_id)
  return spoken?.interaction.speaker.name ?? whole.case.customer.name ?? null
}

function textOf(value: unknown): string | null {
  return typeof value === 'string' ? value : null
}
