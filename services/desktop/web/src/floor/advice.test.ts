import { describe, expect, test } from 'vitest'
import type { AgentLive, QueueLive } from '@/api/routing'
import { advise } from './advice'

const flow = { last_5_minutes: 0, last_30_minutes: 0, last_60_minutes: 0 }
const queue = (changed: Partial<QueueLive>): QueueLive => ({
  queue: 'roads',
  name: 'Roads',
  state: 'open',
  open: true,
  not_open_because: null,
  opens_at: null,
  waiting: 0,
  offered: 0,
  accepted: 0,
  oldest_queued_at: null,
  next_due_at: null,
  overdue: 0,
  at_risk: 0,
  arrived: flow,
  usual: null,
  completed: flow,
  agents: { available: 1 },
  agents_free: 1,
  surge: null,
  ...changed,
})
const agent = (id: string, changed: Partial<AgentLive> = {}): AgentLive => ({
  agent_id: id,
  name: id,
  presence: 'available',
  since: null,
  away: null,
  load: 0,
  capacity: 3,
  profiles: [],
  ...changed,
})

describe('what is wrong', () => {
  test.each<[string, Partial<QueueLive>, string[], string | null]>([
    ['nothing waits', {}, [], null],
    ['work waits and somebody is free', { waiting: 3 }, [], null],
    ['work is past due', { waiting: 3, overdue: 2 }, ['overdue'], 'late'],
    ['work is due soon', { waiting: 3, at_risk: 1 }, ['at-risk'], 'soon'],
    ['nobody is there', { waiting: 3, agents: {}, agents_free: 0 }, ['nobody'], 'late'],
    ['all are full', { waiting: 3, agents_free: 0 }, ['full'], 'soon'],
    [
      'it is paused and work waits',
      { waiting: 1, open: false, state: 'paused', not_open_because: 'Fire drill' },
      ['not-open'],
      'soon',
    ],
    ['it is paused and empty', { open: false, state: 'paused' }, [], null],
    [
      'it is closed by its hours and work is late',
      { waiting: 1, overdue: 1, open: false },
      ['not-open', 'overdue'],
      'late',
    ],
  ])('%s', (_, changed, reasons, severity) => {
    const advice = advise(queue(changed), [])
    expect(advice.reasons.map(reason => reason.kind)).toEqual(reasons)
    expect(advice.severity).toBe(severity)
  })
})

describe('what can be done', () => {
  test('the emptiest agent who is there is assigned what is waiting, and not more than they hold', () => {
    const advice = advise(queue({ waiting: 5, overdue: 1 }), [agent('dev', { load: 2 }), agent('chloe')])
    expect(advice.acts.filter(act => act.kind === 'assign')).toMatchObject([
      { agent: { agent_id: 'chloe' }, count: 2 },
      { agent: { agent_id: 'dev' }, count: 1 },
    ])
  })
  test('who is away from the desk can be made available, who is offline or absent can not', () => {
    const absent = { kind: 'absent', until: null, because: 'Holiday' } as const
    const advice = advise(queue({ waiting: 1, overdue: 1 }), [
      agent('dev', { presence: 'away' }),
      agent('chloe', { presence: 'offline' }),
      agent('bruno', { presence: 'away', away: absent }),
    ])
    expect(advice.acts.filter(act => act.kind === 'make-available')).toMatchObject([
      { agent: { agent_id: 'dev' } },
    ])
  })
  test('a paused queue can be opened, an open one paused', () => {
    expect(advise(queue({ state: 'paused', open: false }), []).acts.map(act => act.kind)).toEqual(['open'])
    expect(advise(queue({}), []).acts.map(act => act.kind)).toEqual(['pause'])
  })
})
