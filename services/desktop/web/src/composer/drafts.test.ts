import { beforeEach, describe, expect, it } from 'vitest'
import { type Attempt, Drafts, type Place } from './drafts'

/** A storage that holds so many characters, as a browser's does. */
class Store {
  readonly items = new Map<string, string>()
  constructor(readonly room = Number.POSITIVE_INFINITY) {}
  get length() {
    return this.items.size
  }
  key(index: number) {
    return [...this.items.keys()][index] ?? null
  }
  getItem(name: string) {
    return this.items.get(name) ?? null
  }
  removeItem(name: string) {
    this.items.delete(name)
  }
  setItem(name: string, value: string) {
    const others = [...this.items].filter(([other]) => other !== name)
    const size = others.reduce((sum, [one, words]) => sum + one.length + words.length, 0)
    if (size + name.length + value.length > this.room) throw new Error('QuotaExceededError')
    this.items.set(name, value)
  }
}

const attempt: Attempt = { key: 'k', body: { text: 'x' }, etag: '"1"', to: 'Jo', pressedAt: 0, leavesAt: 0 }
const answer = (caseId: string): Place => ({ caseId, kind: 'answer' })
let time = 0
const now = () => ++time
let storage: Store

describe('drafts', () => {
  beforeEach(() => {
    storage = new Store()
  })

  it('are kept per case and per kind, through a reload', () => {
    const drafts = new Drafts('elena', storage, now)
    drafts.write(answer('one'), { text: 'Dear Jo' })
    drafts.write({ caseId: 'one', kind: 'note' }, { text: 'She called' })
    const again = new Drafts('elena', storage, now)
    expect(again.read(answer('one')).text).toBe('Dear Jo')
    expect(again.read({ caseId: 'one', kind: 'note' }).text).toBe('She called')
    expect(again.read(answer('two')).text).toBe('')
  })

  it('are never shown to another person', () => {
    new Drafts('elena', storage, now).write(answer('one'), { text: 'Dear Jo', attempt })
    const others = new Drafts('el', storage, now)
    expect(others.read(answer('one')).text).toBe('')
    expect(others.attempts()).toEqual([])
  })

  it('leave nothing when their words are deleted, but a key whose outcome nobody knows', () => {
    const drafts = new Drafts('elena', storage, now)
    drafts.write(answer('one'), { text: 'Dear Jo' })
    drafts.write(answer('one'), { text: '' })
    expect(storage.length).toBe(0)
    drafts.write(answer('one'), { text: 'Dear Jo', key: 'k' })
    drafts.write(answer('one'), { text: '' })
    expect(drafts.read(answer('one')).key).toBe('k')
  })

  it('are the same object until they change', () => {
    const drafts = new Drafts('elena', storage, now)
    drafts.write(answer('one'), { text: 'Dear Jo' })
    expect(drafts.read(answer('one'))).toBe(drafts.read(answer('one')))
  })

  it('are the oldest 200 at most; what is being sent stays', () => {
    const drafts = new Drafts('elena', storage, now)
    drafts.write(answer('sent'), { text: 'first', attempt })
    for (let number = 0; number < 210; number++) drafts.write(answer(`${number}`), { text: 'words' })
    expect(storage.length).toBe(201)
    expect(drafts.read(answer('sent')).text).toBe('first')
    expect(drafts.read(answer('0')).text).toBe('')
    expect(drafts.read(answer('209')).text).toBe('words')
  })

  it('give way to newer words when the storage is full, and last as long as the page when it never fits', () => {
    const small = new Store(700)
    const drafts = new Drafts('elena', small, now)
    for (const name of ['one', 'two', 'three']) drafts.write(answer(name), { text: 'w'.repeat(150) })
    drafts.write(answer('four'), { text: 'w'.repeat(400) })
    expect(drafts.isKept(answer('four'))).toBe(true)
    drafts.write(answer('five'), { text: 'w'.repeat(900) })
    expect(drafts.isKept(answer('five'))).toBe(false)
    expect(drafts.read(answer('five')).text).toHaveLength(900)
  })

  it('show what another tab wrote last, and say so', () => {
    const one = new Drafts('elena', storage, now)
    const other = new Drafts('elena', storage, now)
    one.write(answer('one'), { text: 'Dear Jo' })
    other.write(answer('one'), { text: 'Dear Jo, thank you' })
    one.hear('antiphon.draft:elena:one:answer')
    expect(one.read(answer('one')).text).toBe('Dear Jo, thank you')
    expect(one.isFromElsewhere(answer('one'))).toBe(true)
    one.write(answer('one'), { text: 'Dear Jo!' })
    expect(one.isFromElsewhere(answer('one'))).toBe(false)
  })

  it('name every attempt that has had no answer', () => {
    const drafts = new Drafts('elena', storage, now)
    drafts.write(answer('one'), { text: 'Dear Jo', attempt })
    drafts.write(answer('two'), { text: 'Dear Mei' })
    expect(new Drafts('elena', storage, now).attempts()).toEqual([answer('one')])
  })
})
