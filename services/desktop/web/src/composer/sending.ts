import type { LastEntry } from '@/api/case-mgmt'
import type { Attempt } from './drafts'

/** Why nothing is known of a request: no answer came, or nobody was signed in to send it. */
export type Lost = 'network' | 'signed-out'

/** How the sending of one draft stands. Words can be changed in `idle`, `refused`, `conflicted` and `sent`. */
export type Sending =
  | { readonly state: 'idle' }
  | { readonly state: 'leaving'; readonly attempt: Attempt }
  | { readonly state: 'sending'; readonly attempt: Attempt; readonly tries: number }
  | { readonly state: 'lost'; readonly attempt: Attempt; readonly tries: number; readonly why: Lost }
  | { readonly state: 'refused'; readonly refusal: Refusal }
  | { readonly state: 'conflicted'; readonly last: LastEntry | null }
  | { readonly state: 'sent'; readonly attempt: Attempt }

/** What the server said against a request. */
export interface Refusal {
  readonly kind: string
  readonly detail: string
  /** The recipient that must be confirmed. */
  readonly recipient?: string | undefined
}

export type SendingEvent =
  /** The person pressed Send: here, in another tab, or before a reload. */
  | { readonly type: 'pressed'; readonly attempt: Attempt; readonly now: number }
  | { readonly type: 'taken-back' }
  /** The time for taking back is over, or the page is closed or hidden. */
  | { readonly type: 'left' }
  | { readonly type: 'answered' }
  /** No answer came, or it could not be sent again. */
  | { readonly type: 'lost'; readonly why: Lost }
  | { readonly type: 'again' }
  | { readonly type: 'refused'; readonly refusal: Refusal }
  | { readonly type: 'conflicted'; readonly last: LastEntry | null }
  /** The person does not want it to be tried again. */
  | { readonly type: 'stopped' }
  | { readonly type: 'edited' }
  /** The attempt is no longer in the storage: another tab finished it or took it back. */
  | { readonly type: 'gone' }

export const IDLE: Sending = { state: 'idle' }

/** What follows. An event that has no meaning in the state changes nothing: the same object is returned. */
export function next(sending: Sending, event: SendingEvent): Sending {
  switch (event.type) {
    case 'pressed':
      return attemptOf(sending) ? sending : begun(event.attempt, event.now)
    case 'taken-back':
      return sending.state === 'leaving' ? IDLE : sending
    case 'left':
      return sending.state === 'leaving' ? { state: 'sending', attempt: sending.attempt, tries: 1 } : sending
    case 'again':
      return sending.state === 'lost'
        ? { state: 'sending', attempt: sending.attempt, tries: sending.tries + 1 }
        : sending
    case 'answered':
      return sending.state === 'sending' ? { state: 'sent', attempt: sending.attempt } : sending
    case 'lost':
      if (sending.state === 'sending')
        return { state: 'lost', attempt: sending.attempt, tries: sending.tries, why: event.why }
      return sending.state === 'lost' ? { ...sending, tries: sending.tries + 1, why: event.why } : sending
    case 'refused':
      return sending.state === 'sending' ? { state: 'refused', refusal: event.refusal } : sending
    case 'conflicted':
      return sending.state === 'sending' ? { state: 'conflicted', last: event.last } : sending
    case 'stopped':
      return sending.state === 'lost' ? IDLE : sending
    case 'edited':
      return sending.state === 'refused' || sending.state === 'sent' ? IDLE : sending
    case 'gone':
      return attemptOf(sending) ? IDLE : sending
  }
}

function begun(attempt: Attempt, now: number): Sending {
  return attempt.leavesAt > now ? { state: 'leaving', attempt } : { state: 'sending', attempt, tries: 1 }
}

/** The attempt that is under way; null when the words are the author's again. */
export function attemptOf(sending: Sending): Attempt | null {
  return sending.state === 'leaving' || sending.state === 'sending' || sending.state === 'lost'
    ? sending.attempt
    : null
}

/** How long to wait before a request is sent again, in milliseconds: 1 s, doubled each time, at most 30 s. */
export function pauseAfter(tries: number): number {
  return Math.min(30_000, 1000 * 2 ** (tries - 1))
}
