import { expect, test, vi } from 'vitest'
import { fileOf, schemaOfTheCode } from '../testing/project'
import { completeDocument } from './completion'
import { namesOf } from './names'
import { read } from './reading'
import { formOf } from './schema'

// The machine may be busy: what takes long is no fault.
vi.setConfig({ testTimeout: 60_000, hookTimeout: 60_000 })

const COUNCIL = fileOf('deploy/example/council.yaml')
const FORM = formOf(schemaOfTheCode())
const VOCABULARY = { fields: [], functions: [], names: namesOf(read(COUNCIL).value) }

/** The labels at `|`, after a part of the example is replaced. */
function at(part: string, written: string): string[] {
  expect(COUNCIL).toContain(part)
  const [before, after] = COUNCIL.replace(part, () => written).split('|') as [string, string]
  return completeDocument(before.replace(/[\w.@/+-]*$/, ''), after, FORM, VOCABULARY).map(
    ({ label }) => label,
  )
}

const QUEUES = ['rates', 'roads', 'planning', 'front-desk', 'hazards', 'social-care']
const SKILLS = ['rates', 'roads', 'planning', 'public-reply', 'tone', 'network', 'phone']

test.each([
  ['then: { queue: hazards, priority: 95 }', 'then: { queue: |, priority: 95 }', QUEUES],
  ['then: { queue: hazards, priority: 95 }', 'then: { queue: haz|, priority: 95 }', QUEUES],
  ['queues: [rates], skills', 'queues: [rates, |], skills', QUEUES],
  ['skills: { rates: 8, phone: 5 }', 'skills: { rates: 8, | }', SKILLS.filter(skill => skill !== 'rates')],
  ['- { after: 12s, add_queue: roads }', '- { after: 12s, lower: { ph| } }', SKILLS],
  ['    sla_policy: standard\n', '    sla_policy: |\n', ['social', 'standard']],
  ['    hours: always\n    offer', '    hours: |\n    offer', ['always', 'office']],
  ['      department: rates\n', '      department: |\n', ['rates', 'roads', 'planning']],
  ['    hours: always\n    offer', '    auto_accept: |\n    offer', ['true', 'false']],
  ['supervises: everything', 'supervises: |', ['everything']],
])('%j becomes %j, which is completed', (part, written, labels) => {
  expect(at(part, written)).toEqual(labels)
})

test('keys that are not there yet are completed, on a line of their own too', () => {
  const keys = ['then', 'go_on', 'moves', 'first_words_only']
  expect(at('    then: { queue: hazards, priority: 95 }', '    t|\n')).toEqual(keys)
  expect(at('then: { queue: hazards, priority: 95 }', 'then: { queue: hazards, pr| }')).toEqual([
    'priority',
    'skills',
    'prefer_skills',
    'prefer_agent',
    'sla_policy',
    'overflow',
    'labels',
  ])
})

test('free text is not completed', () => {
  expect(at('name: Danger', 'name: Dan|')).toEqual([])
})
