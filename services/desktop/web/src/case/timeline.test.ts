import { describe, expect, test } from 'vitest'
import type { EntryView, WholeCaseView } from '@/api/case-mgmt'
import { shownCount, telling, timeline } from './timeline'

const AT = '2026-11-24T09:00:00Z'
let ids = 0
function entry(kind: string, data: EntryView['data'] = {}, actor = 'system'): EntryView {
  return {
    id: ++ids,
    kind,
    occurred_at: AT,
    recorded_at: AT,
    actor: { kind: actor, id: 'elena', name: 'Elena' },
    data,
  }
}
function whole(entries: EntryView[]): WholeCaseView {
  return {
    entries,
    interactions: [{ interaction: { interaction_id: 'i1' } }],
    replies: [{ reply_id: 'r1' }],
  } as unknown as WholeCaseView
}

describe('the timeline', () => {
  test('has what was said, and folds the changes between into one run', () => {
    const items = timeline(
      whole([
        entry('interaction', { interaction_id: 'i1' }, 'customer'),
        entry('work.queued'),
        entry('sla.started'),
        entry('work.offered'),
        entry('reply-requested', { reply_id: 'r1' }, 'agent'),
        entry('status-changed', {}, 'agent'),
        entry('reply-sent', { reply_id: 'r1', link: 'https://social.example/1' }),
        entry('note', { text: 'She called.' }, 'agent'),
      ]),
    )
    expect(items.map(item => item.kind)).toEqual(['interaction', 'changes', 'reply', 'changes', 'note'])
    expect(items[1]).toMatchObject({ entries: [{}, {}, {}] })
    expect(items[2]).toMatchObject({ link: 'https://social.example/1' })
  })

  test('keeps an entry as a change whose words are not in the case', () => {
    expect(timeline(whole([entry('interaction', { interaction_id: 'gone' })]))[0]?.kind).toBe('changes')
  })

  test('shows of a run what a person did last, else what became of the work, else the newest', () => {
    const [system, person, newest] = [
      entry('work.queued'),
      entry('work.accepted', {}, 'agent'),
      entry('sla.met'),
    ]
    expect(telling([system, person, newest])).toBe(person)
    expect(telling([system, newest])).toBe(system)
    expect(telling([entry('sla.started'), newest])).toBe(newest)
  })

  test('shows the newest 60 of a long case, and more on request', () => {
    expect([shownCount(10, 0), shownCount(2000, 0), shownCount(2000, 2), shownCount(100, 1)]).toEqual([
      10, 60, 300, 100,
    ])
  })
})
