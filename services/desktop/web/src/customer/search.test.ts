import { expect, test } from 'vitest'
import { asked } from './search'

test.each([
  ['  ', null],
  ['Anna Nov', { by: 'name', name: 'Anna Nov' }],
  ['Jo@Mail.example', { by: 'identifier', identifiers: ['email:Jo@Mail.example'] }],
  ['+61 (491) 570-157', { by: 'identifier', identifiers: ['phone:+61491570157'] }],
  ['10 2030', { by: 'identifier', identifiers: ['account:102030', 'phone:102030'] }],
  ['did:plc:abc', { by: 'identifier', identifiers: ['did:did:plc:abc'] }],
  ['c-1042', { by: 'case', reference: 'C-1042' }],
])('%j is searched by its form', (typed, expected) => {
  expect(asked(typed)).toEqual(expected)
})
