import { describe, expect, it } from 'vitest'
import type { EntryView, InteractionView, ReplyView, WholeCaseView } from '@/api/case-mgmt'
import { happenedSince, newestEntry } from './since'

const AT = '2026-11-23T22:20:00Z'
function entry(id: number, kind: string, by: string, data: EntryView['data'] = {}): EntryView {
  return { id, kind, data, occurred_at: AT, recorded_at: AT, actor: { kind: 'agent', id: by, name: by } }
}
const words = { interaction: { interaction_id: 'i', content: { text: 'And when?' } }, deleted_at: null }
const whole = {
  entries: [
    entry(1, 'interaction', 'jo', { interaction_id: 'i' }),
    entry(2, 'work.queued', 'routing'),
    entry(3, 'status-changed', 'farid', { status: 'open', trigger: 'work-accepted' }),
    entry(4, 'note', 'farid'),
    entry(5, 'reply-requested', 'farid', { reply_id: 'r' }),
    entry(6, 'status-changed', 'farid', { status: 'pending', trigger: 'reply-requested' }),
    entry(7, 'interaction', 'jo', { interaction_id: 'i' }),
    entry(8, 'status-changed', 'sam', { status: 'resolved', trigger: 'set-by-person' }),
  ],
  replies: [{ reply_id: 'r', text: 'On Monday.' } as ReplyView],
  interactions: [words as InteractionView],
} as unknown as WholeCaseView

describe('what happened since', () => {
  it.each([
    [0, 'elena', ['spoke', 'answered', 'spoke', 'status']],
    [1, 'elena', ['answered', 'spoke', 'status']],
    [5, 'elena', ['spoke', 'status']],
    [1, 'farid', ['spoke', 'status']],
    [7, 'sam', []],
    [8, 'elena', []],
  ])('after entry %i, for %s', (seen, me, kinds) => {
    expect(happenedSince(whole, seen, me).map(one => one.kind)).toEqual(kinds)
  })

  it('has the words of an answer and of a customer, and who said them', () => {
    expect(happenedSince(whole, 4, 'elena').map(({ who, text }) => [who, text])).toEqual([
      ['farid', 'On Monday.'],
      ['jo', 'And when?'],
      ['sam', null],
    ])
  })

  it('is nothing for who has seen the newest entry', () => {
    expect(happenedSince(whole, newestEntry(whole), 'elena')).toEqual([])
  })
})
