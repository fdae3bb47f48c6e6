import { expect, test } from 'vitest'
import { byDue, matches, placeAfter, type Row, rowOfChange, rowOfWork, type WorkView } from './rows'

const work: WorkView = {
  work_item_id: 'work-1',
  case_id: 'case-1',
  case_reference: 'C-1042',
  customer_id: 'customer-1',
  channel: 'email',
  subject: 'Building permit',
  state: 'queued',
  queue: 'planning',
  priority: 50,
  skills: {},
  prefer_skills: {},
  labels: ['storm'],
  queued_at: '2026-11-24T09:00:00Z',
  due_at: '2026-11-24T17:00:00Z',
  agent_id: null,
  attempts: 0,
  step: 0,
  also_queues: [],
  units: 1,
  profiles: [],
  changed_at: '2026-11-24T09:00:00Z',
  completed_at: null,
}
const row = (changed: Partial<WorkView> = {}): Row => rowOfWork({ ...work, ...changed })

test('a change keeps the subject that was read before', () => {
  const { work_item_id, customer_id, subject, ...rest } = work
  const change = { ...rest, subject: work_item_id, priority: 90 }
  expect(rowOfChange(change, row())).toEqual(row({ priority: 90 }))
  expect(rowOfChange(change, undefined).subject).toBeNull()
})

test('the first due comes first, then the urgent, then who waits longest; what is not due is last', () => {
  const rows = [
    row({ case_id: 'not-due', due_at: null }),
    row({ case_id: 'later', queued_at: '2026-11-24T09:05:00Z' }),
    row({ case_id: 'plain' }),
    row({ case_id: 'urgent', priority: 90 }),
    row({ case_id: 'first', due_at: '2026-11-24T08:00:00.5Z' }),
  ]
  const order = ['first', 'urgent', 'plain', 'later', 'not-due']
  expect(rows.toSorted(byDue).map(one => one.caseId)).toEqual(order)
})

test('a filter wants every word, in any case, anywhere in what is known', () => {
  expect(matches(row(), undefined, 'PERMIT c-1042')).toBe(true)
  expect(matches(row(), undefined, 'storm')).toBe(true)
  expect(matches(row(), undefined, 'permit rates')).toBe(false)
})

test.each([
  [3, 10, 3],
  [9, 9, 8],
  [0, 0, 0],
  [-1, 4, 0],
])('when the row at %i leaves, a list of %i rows has its cursor at %i', (at, size, expected) => {
  expect(placeAfter(at, size)).toBe(expected)
})
