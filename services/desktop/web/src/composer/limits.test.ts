import { describe, expect, it } from 'vitest'
import type { InteractionView } from '@/api/case-mgmt'
import { answerable, isTooLong, MOST_CHARACTERS, sizeOf } from './limits'

const BLUESKY = { characters: 300, bytes: 3000 }

describe('limits', () => {
  it.each([
    ['a'.repeat(300), 300, 300, true],
    ['a'.repeat(301), 301, 301, false],
    [`  ${'a'.repeat(300)}\n`, 300, 300, true],
    ['ü'.repeat(300), 300, 600, true],
    ['👩‍👩‍👧‍👦'.repeat(300), 300, 7500, false],
    ['e\u0301'.repeat(10), 10, 30, true],
    ['🇦🇺🇩🇪', 2, 16, true],
    ['नमस्ते', 3, 18, true],
    ['', 0, 0, true],
  ])('counts what a reader sees, and bytes: case %#', (text, characters, bytes, fitsOnePart) => {
    expect(sizeOf(text, BLUESKY)).toMatchObject({ characters, bytes, fitsOnePart })
  })

  it('counts the length of a text as the server does, in code points', () => {
    expect(isTooLong('a'.repeat(MOST_CHARACTERS))).toBe(false)
    expect(isTooLong('a'.repeat(MOST_CHARACTERS + 1))).toBe(true)
    expect(isTooLong('😀'.repeat(MOST_CHARACTERS))).toBe(false)
  })

  it('answers neither programs, nor deleted words, nor posts and mails without an address', () => {
    const view = (channel: string, more: object = {}, about: object = {}) =>
      ({
        interaction: { channel, automation: 'none', ...about },
        deleted_at: null,
        recipient: null,
        ...more,
      }) as InteractionView
    const jo = { kind: 'email', value: 'jo@mail.example' }
    const mail = view('email', { recipient: jo })
    const call = view('phone')
    const all = [
      mail,
      view('email', { recipient: jo }, { automation: 'auto-reply' }),
      view('email'),
      view('social', { recipient: jo, deleted_at: '2026-11-23T22:20:00Z' }),
      call,
    ]
    expect(answerable(all)).toEqual([call, mail])
  })
})
