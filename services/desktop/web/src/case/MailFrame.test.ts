import { expect, test } from 'vitest'
import { documentOf } from './MailFrame'

test('a mail in its frame has no link to follow and no picture to load', () => {
  const made = documentOf(
    '<p>Hi <a href="https://bad.example/?a=1" rel="noopener">there</a><img src="cid:logo" alt="Logo"></p>',
    'n1',
  )
  expect(made).toContain('<a title="https://bad.example/?a=1" rel="noopener">there</a>')
  expect(made).toContain('<img alt="Logo">')
  expect(made).not.toContain('href=')
  expect(made).toContain("default-src 'none'; style-src 'nonce-n1'")
})
