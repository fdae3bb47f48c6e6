import { expect, test } from 'vitest'
import type { ClockView, WorkDetail } from '@/api/routing'
import { coming, past } from './moments'
import { texts } from './texts'

const clock = (target: string, due: string, more: Partial<ClockView> = {}) =>
  ({
    clock_id: target,
    target,
    due_at: `2026-11-24T${due}:00Z`,
    paused_since: null,
    met_at: null,
    ...more,
  }) as ClockView
const work = {
  coming: [
    { at: '2026-11-24T09:02:00Z', kind: 'step', step: 1, what: 'Roads is asked too' },
    { at: '2026-11-24T09:10:00.000Z', kind: 'due', what: 'the customer was promised an answer by then' },
  ],
  offers: [{ offer_id: 'o', agent_id: 'elena', expires_at: '2026-11-24T09:01:00Z', result: null }],
  candidates: [{ agent_id: 'elena', name: 'Elena' }],
} as unknown as WorkDetail

test('what comes is in order of time, says each due time once, and ends with clocks that stand still', () => {
  const clocks = [
    clock('resolution', '08:00', { paused_since: '2026-11-24T07:00:00Z' }),
    clock('first-response', '09:10'),
    clock('next-response', '07:00', { met_at: '2026-11-24T06:00:00Z' }),
  ]
  expect(coming(clocks, work, texts.en).map(moment => moment.what)).toEqual([
    'The offer to Elena ends',
    'Roads is asked too',
    'First answer is due',
    'Resolution: paused',
  ])
})

test('a promise that was missed and met afterwards was met late', () => {
  const late = clock('first-response', '09:10', {
    breached_at: '2026-11-24T09:10:00Z',
    met_at: '2026-11-24T09:20:00Z',
  })
  expect(past([late], texts.en).map(moment => moment.what)).toEqual([
    'First answer: met late',
    'First answer: missed',
  ])
})
