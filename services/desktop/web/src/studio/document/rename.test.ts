import { expect, test, vi } from 'vitest'
import { fileOf, schemaOfTheCode } from '../testing/project'
import { NotEditable } from './edit'
import { type Named, renameEverywhere } from './rename'
import { formOf } from './schema'

// The machine may be busy: what takes long is no fault.
vi.setConfig({ testTimeout: 60_000, hookTimeout: 60_000 })

const FORM = formOf(schemaOfTheCode())
const COUNCIL = fileOf('deploy/example/council.yaml')
const LOOKUP = COUNCIL.replace(
  'when: "true"',
  `when: queues["front-desk"].waiting > 5 && calendar('office').open`,
)

/** The lines that a new name changes, as they are then. */
function changed(text: string, what: Named, from: string, to: string): string[] {
  const before = text.split('\n')
  const after = renameEverywhere(text, what, from, to, FORM).split('\n')
  expect(after).toHaveLength(before.length)
  return after
    .filter((line, index) => line !== before[index])
    .map(line => line.trim().replace(/^(- \{ id: \w+).*/, '$1'))
}

test('a queue gets another name in its section, for its people, in rules and in conditions', () => {
  expect(changed(LOOKUP, 'queues', 'front-desk', 'counter')).toEqual([
    'counter:',
    '- { id: bruno',
    '- { id: dev',
    '- { id: farid',
    '- { id: hugo',
    `when: queues["counter"].waiting > 5 && calendar('office').open`,
    'then: { queue: counter, priority: 30 }',
  ])
})

test('a skill gets another name where it is a key, and a queue of the same name does not', () => {
  expect(changed(COUNCIL, 'skills', 'rates', 'money')).toEqual([
    'money: Rates, valuations, payments',
    '- { id: amara',
    '- { id: bruno',
    '- { id: grace',
    'then: { queue: rates, priority: 40, skills: { money: 3 } }',
  ])
})

test('a calendar gets another name in targets and conditions, and an SLA policy in queues', () => {
  const targets = [...COUNCIL.matchAll(/calendar: office/g)].length
  expect(changed(LOOKUP, 'calendars', 'office', 'day')).toHaveLength(targets + 2)
  expect(changed(COUNCIL, 'slaPolicies', 'social', 'fast')).toEqual(['fast:', 'sla_policy: fast'])
})

test('a person gets another id, and one that somebody has is refused', () => {
  expect(changed(COUNCIL, 'people', 'sam', 'samuel')).toEqual(['- { id: samuel'])
  expect(() => renameEverywhere(COUNCIL, 'people', 'sam', 'olga', FORM)).toThrow(NotEditable)
  expect(() => renameEverywhere(COUNCIL, 'queues', 'rates', 'roads', FORM)).toThrow(NotEditable)
})
