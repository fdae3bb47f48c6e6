import { expect, test } from 'vitest'
import { type FailedEvent, outcomeOf } from './failed-events'

const event = (number: number, replayRequestedAt: string | null): FailedEvent => ({
  service: 'routing',
  number,
  topic: 'cases',
  place: '0 / 1',
  eventId: null,
  bytes: null,
  reason: 'unknown event type',
  failedAt: '2026-12-01T03:00:00Z',
  attempts: 1,
  replayRequestedAt,
})

test('a replayed event was handled when it is gone, and failed again when it waits no more', () => {
  const failed = event(2, null)
  const listed = [failed, event(3, '2026-12-01T03:01:00Z'), event(4, null)]
  expect(outcomeOf(new Set(['routing:1', 'routing:2', 'routing:3']), listed)).toEqual({
    handled: ['routing:1'],
    failedAgain: [failed],
    waiting: ['routing:3'],
  })
})
