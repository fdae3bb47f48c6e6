import { describe, expect, it } from 'vitest'
import type { Attempt } from './drafts'
import { IDLE, next, pauseAfter, type Sending, type SendingEvent } from './sending'

const attempt: Attempt = {
  key: 'k',
  body: { text: 'Dear Jo' },
  etag: '"3"',
  to: 'Jo',
  pressedAt: 0,
  leavesAt: 8000,
}
const refusal = { kind: 'no-recipient', detail: 'No address.' }
const STATES = {
  idle: IDLE,
  leaving: { state: 'leaving', attempt },
  sending: { state: 'sending', attempt, tries: 1 },
  lost: { state: 'lost', attempt, tries: 1, why: 'network' },
  refused: { state: 'refused', refusal },
  conflicted: { state: 'conflicted', last: null },
  sent: { state: 'sent', attempt },
} as const satisfies Record<string, Sending>
const EVENTS = {
  pressed: { type: 'pressed', attempt, now: 0 },
  'taken-back': { type: 'taken-back' },
  left: { type: 'left' },
  answered: { type: 'answered' },
  lost: { type: 'lost', why: 'network' },
  again: { type: 'again' },
  refused: { type: 'refused', refusal },
  conflicted: { type: 'conflicted', last: null },
  stopped: { type: 'stopped' },
  edited: { type: 'edited' },
  gone: { type: 'gone' },
} as const satisfies Record<SendingEvent['type'], SendingEvent>

/** Every event that has a meaning in a state, and the state that follows. All others change nothing. */
const TRANSITIONS: Record<keyof typeof STATES, Partial<Record<keyof typeof EVENTS, Sending['state']>>> = {
  idle: { pressed: 'leaving' },
  leaving: { 'taken-back': 'idle', left: 'sending', gone: 'idle' },
  sending: { answered: 'sent', lost: 'lost', refused: 'refused', conflicted: 'conflicted', gone: 'idle' },
  lost: { again: 'sending', lost: 'lost', stopped: 'idle', gone: 'idle' },
  refused: { pressed: 'leaving', edited: 'idle' },
  conflicted: { pressed: 'leaving' },
  sent: { pressed: 'leaving', edited: 'idle' },
}

describe('sending', () => {
  const cases = Object.keys(STATES).flatMap(state =>
    Object.keys(EVENTS).map(event => [state as keyof typeof STATES, event as keyof typeof EVENTS] as const),
  )
  it.each(cases)('%s, %s', (state, event) => {
    const after = next(STATES[state], EVENTS[event])
    const wanted = TRANSITIONS[state][event]
    if (wanted) expect(after.state).toBe(wanted)
    else expect(after).toBe(STATES[state])
  })

  it('sends at once when nothing can be taken back', () => {
    expect(next(IDLE, { type: 'pressed', attempt, now: 8000 })).toEqual({
      state: 'sending',
      attempt,
      tries: 1,
    })
  })

  it('keeps one attempt, and so one key, through every repeat', () => {
    let sending: Sending = STATES.sending
    for (let tries = 1; tries < 6; tries++) {
      sending = next(next(sending, EVENTS.lost), EVENTS.again)
      expect(sending).toEqual({ state: 'sending', attempt, tries: tries + 1 })
    }
  })

  it('waits longer after each failure, at most 30 seconds', () => {
    expect([1, 2, 3, 5, 6, 40].map(pauseAfter)).toEqual([1000, 2000, 4000, 16_000, 30_000, 30_000])
  })
})
