import { expect, test } from 'vitest'
import { momentsOf, type OfferView, othersOf, shareLeft, type WorkDetail } from './explain'

const offer = {
  offered_at: '2026-11-24T10:00:00Z',
  expires_at: '2026-11-24T10:00:30Z',
  work: { due_at: '2026-11-24T10:00:20Z' },
} as OfferView

test('the moments that come are in the order in which they come, and the due time is there once', () => {
  const work = {
    coming: [
      { at: '2026-11-24T10:00:20Z', kind: 'due', what: 'it is due' },
      { at: '2026-11-24T10:01:00Z', kind: 'step', what: 'roads are asked too' },
    ],
  } as WorkDetail
  expect(momentsOf(offer, work).map(one => one.kind)).toEqual(['due', 'offer-ends', 'step'])
  expect(momentsOf(offer, undefined).map(one => one.kind)).toEqual(['due', 'offer-ends'])
})

test('others who can take the work are named, the agent is not among them', () => {
  const candidates = [
    { agent_id: 'elena', name: 'Elena', why_not: null },
    { agent_id: 'farid', name: 'Farid', why_not: null },
    { agent_id: 'grace', name: 'Grace', why_not: 'offline' },
  ]
  expect(othersOf({ candidates } as WorkDetail, 'elena')).toEqual({ free: ['Farid'], not: 1 })
})

test.each([
  ['2026-11-24T10:00:00Z', 1],
  ['2026-11-24T10:00:15Z', 0.5],
  ['2026-11-24T10:00:31Z', 0],
])('at %s the share that is left of 30 seconds is %d', (now, share) => {
  expect(shareLeft(offer, Date.parse(now))).toBe(share)
})
