import { beforeAll, expect, test, vi } from 'vitest'
import { parseDocument } from 'yaml'
import { fileOf, schemaOfTheCode } from '../testing/project'
import { type Field, fieldAt, formOf, type Group, type JsonSchema, keyOrder, PLACES } from './schema'

// The machine may be busy: what takes long is no fault.
vi.setConfig({ testTimeout: 60_000, hookTimeout: 60_000 })

let schema: JsonSchema
let form: Group

beforeAll(() => {
  schema = schemaOfTheCode()
  form = formOf(schema)
})

test.each<[string, Field]>([
  ['organisation.time_zone', { kind: 'timeZone' }],
  ['channels.email.0.department', { kind: 'reference', to: 'departments' }],
  ['calendars.office.holidays.extra.0.date', { kind: 'day' }],
  ['sla_policies.social.first_response.within', { kind: 'duration' }],
  ['sla_policies.social.first_response.calendar', { kind: 'reference', to: 'calendars' }],
  ['sla_policies.social.warn_at.0', { kind: 'percent' }],
  ['queues.rates.sla_policy', { kind: 'reference', to: 'slaPolicies' }],
  ['queues.rates.hours', { kind: 'reference', to: 'calendars' }],
  ['queues.rates.auto_accept', { kind: 'switch' }],
  ['queues.rates.steps.0.raise_priority', { kind: 'number', least: 0, most: 100 }],
  ['people.0.absences.0.until', { kind: 'moment' }],
  ['people.0.permissions.0', { kind: 'choice', choices: ['public-reply'] }],
  ['rules.0.when', { kind: 'condition' }],
  ['rules.0.then.prefer_agent', { kind: 'reference', to: 'people' }],
])('%s is %o', (path, field) => {
  const parts = path.split('.').map(part => (/^\d+$/.test(part) ? Number(part) : part))
  expect(fieldAt(form, parts)).toEqual(field)
})

test('a map of levels has skills as its keys, and hours have weekdays', () => {
  expect(fieldAt(form, ['rules', 0, 'then', 'skills'])).toEqual({
    kind: 'map',
    key: { kind: 'reference', to: 'skills' },
    value: { kind: 'number', least: 1, most: 10 },
    least: 0,
  })
  expect(fieldAt(form, ['calendars', 'office', 'hours'])).toMatchObject({
    kind: 'alternatives',
    of: [
      { kind: 'choice', choices: ['always'] },
      {
        kind: 'map',
        key: { choices: expect.arrayContaining(['monday']) },
        value: { item: { kind: 'hours' } },
      },
    ],
  })
})

test('a property has its title, its description and what counts without it', () => {
  const queue = fieldAt(form, ['queues', 'rates']) as Group
  expect(queue.properties.find(({ key }) => key === 'offer_timeout')).toEqual({
    key: 'offer_timeout',
    title: 'Offer timeout',
    description: 'How long an agent has to accept an offer.',
    required: false,
    fallback: '30s',
    field: { kind: 'duration' },
  })
  expect(queue.properties.map(({ key }) => key).slice(0, 2)).toEqual(['name', 'sla_policy'])
})

test('every section of the example has a field for all that it says', () => {
  const document = parseDocument(fileOf('deploy/example/council.yaml')).toJS() as object
  const missing: string[] = []
  walk(document, [], path => {
    if (fieldAt(form, path) === undefined) missing.push(path.join('.'))
  })
  expect(missing).toEqual([])
})

test('every reference and every special text is a place of the schema', () => {
  const places = new Set<string>()
  for (const [name, inside] of Object.entries({ ...schema.$defs, Organisation: schema }))
    for (const [key, property] of Object.entries(inside.properties ?? {}))
      collect(`${name}.${key}`, property, places)
  expect(PLACES.filter(place => !places.has(place))).toEqual([])
})

test('a text named like a section is a reference to it', () => {
  const wrong: string[] = []
  const named =
    /^(queues?|fallback_queue|add_queue|overflow|calendar|shifts|sla_policy|departments?|skills|drop|people)$/
  visit(form, 'Organisation', (place, field) => {
    if (
      field.kind === 'text' &&
      named.test(
        place
          .split('.')
          .at(-1)!
          .replace(/[[\]{}=]/g, ''),
      )
    )
      wrong.push(place)
  })
  expect(wrong.sort()).toEqual(
    [
      'Organisation.skills{}',
      'Organisation.skills{=}',
      'Organisation.departments{}',
      'Organisation.queues{}',
    ].sort(),
  )
})

test('the order of keys is that of the form', () => {
  expect(keyOrder(form)(['rules', 3])).toEqual(['name', 'when', 'then', 'go_on', 'moves', 'first_words_only'])
  expect(keyOrder(form)(['people', 0, 'skills'])).toBeUndefined()
})

function walk(value: unknown, path: (string | number)[], seen: (path: (string | number)[]) => void) {
  if (typeof value !== 'object' || value === null) return
  for (const [key, inside] of Object.entries(value)) {
    const here = [...path, Array.isArray(value) ? Number(key) : key]
    seen(here)
    walk(inside, here, seen)
  }
}

function collect(place: string, inside: JsonSchema, places: Set<string>) {
  places.add(place)
  for (const one of inside.anyOf ?? []) collect(place, one, places)
  if (inside.items) collect(`${place}[]`, inside.items, places)
  if (inside.additionalProperties) {
    places.add(`${place.replace(/(\[\])+$/, '')}{}`)
    collect(`${place}{=}`, inside.additionalProperties, places)
  }
}

function visit(field: Field, place: string, seen: (place: string, field: Field) => void) {
  seen(place, field)
  if (field.kind === 'group')
    for (const property of field.properties) visit(property.field, `${field.name}.${property.key}`, seen)
  if (field.kind === 'list') visit(field.item, `${place}[]`, seen)
  if (field.kind === 'alternatives') for (const one of field.of) visit(one, place, seen)
  if (field.kind === 'map') {
    visit(field.key, `${place}{}`, seen)
    visit(field.value, `${place}{=}`, seen)
  }
}
