import type { InteractionView, ReplyLimits } from '@/api/case-mgmt'
import { graphemes } from '@/format/number'

/** The most characters of any reply or note. */
export const MOST_CHARACTERS = 50_000

/** The size of a reply against the limits of a part on its network. */
export interface Size {
  readonly characters: number
  readonly bytes: number
  /** How many more characters fit into one part; negative when it takes several. */
  readonly left: number
  readonly fitsOnePart: boolean
}

/** How large a reply is. As the server does: without space around it, by what a reader sees as one character, in UTF-8. */
export function sizeOf(text: string, limits: Pick<ReplyLimits, 'characters' | 'bytes'>): Size {
  const trimmed = text.trim()
  const characters = graphemes(trimmed)
  const bytes = new TextEncoder().encode(trimmed).length
  return {
    characters,
    bytes,
    left: limits.characters - characters,
    fitsOnePart: characters <= limits.characters && bytes <= limits.bytes,
  }
}

/** Whether a text is longer than any reply or note may be: in code points, as the server counts them. */
export function isTooLong(text: string): boolean {
  return text.length > MOST_CHARACTERS && [...text.trim()].length > MOST_CHARACTERS
}

const HANDED_OVER: readonly string[] = ['phone', 'letter', 'visit', 'web', 'chat', 'partner']

/** Whether a person or a system hands a reply over, so that it needs no address. */
export function isHandedOver(channel: string): boolean {
  return HANDED_OVER.includes(channel)
}

/** The interactions of a case that can be answered, the newest first. Programs and deleted words are never answered. */
export function answerable(interactions: readonly InteractionView[]): InteractionView[] {
  return interactions
    .filter(
      one =>
        !one.deleted_at &&
        one.interaction.automation === 'none' &&
        (one.recipient !== null || isHandedOver(one.interaction.channel)),
    )
    .toReversed()
}
