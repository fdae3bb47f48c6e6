import { describe, expect, test, vi } from 'vitest'
import { fileOf, python, schemaOfTheCode } from '../testing/project'
import { Random } from '../testing/random'
import { difference, edit, insert, move, NotEditable, remove, rename } from './edit'
import { type Path, read, same, type Value, valueAt } from './reading'
import { type Field, fieldAt, formOf, keyOrder } from './schema'

// The machine may be busy: what takes long is no fault.
vi.setConfig({ testTimeout: 60_000, hookTimeout: 60_000 })

const COUNCIL = fileOf('deploy/example/council.yaml')
const MANY_STYLES = fileOf('services/desktop/web/src/studio/testing/many-styles.yaml.txt')
const DOCUMENTS: readonly [string, string][] = [
  ['the example', COUNCIL],
  ['a document in many styles', MANY_STYLES],
]

const form = formOf(schemaOfTheCode())

/** Lines that differ: from which place, how many before, and how many after. */
function changedLines(before: string, after: string) {
  const [old, now] = [before.split('\n'), after.split('\n')]
  const shorter = Math.min(old.length, now.length)
  let from = 0
  while (from < shorter && old[from] === now[from]) from++
  let end = 0
  while (end < shorter - from && old.at(-1 - end) === now.at(-1 - end)) end++
  return { from, before: old.length - end - from, after: now.length - end - from, old, now }
}

/** The lines on which an entry of a document stands, by another reading than the one that edits use. */
function linesOf(text: string, path: Path): [number, number] {
  const { document } = read(text)
  const parent = document.getIn(path.slice(0, -1), true) as { items: unknown[] }
  const last = path.at(-1)!
  const pair = parent.items.find(item => String((item as { key?: unknown }).key) === String(last)) as {
    key: { range: number[] }
  }
  const node = document.getIn(path, true) as { range: number[] } | null | undefined
  const begin = typeof last === 'number' ? node!.range[0]! : pair.key.range[0]!
  const end = Math.max(node?.range[1] ?? begin, begin + 1)
  const written = text.slice(begin, end).trimEnd().length
  return [text.slice(0, begin).split('\n').length - 1, text.slice(0, begin + written).split('\n').length - 1]
}

function everyPath(value: Value | undefined, path: Path = []): Path[] {
  if (typeof value !== 'object' || value === null) return []
  return Object.entries(value).flatMap(([key, inside]) => {
    const here = [...path, Array.isArray(value) ? Number(key) : key]
    return [here, ...everyPath(inside as Value, here)]
  })
}

/** Of the paths to the same field of a section the last: the same places in other items say nothing new. */
function onePathOfEachKind(paths: readonly Path[]): Path[] {
  const kinds = new Map<string, Path>()
  for (const path of paths) {
    const kind = path.map((part, depth) =>
      fieldAt(form, path.slice(0, depth))?.kind === 'group' ? part : '*',
    )
    if (fieldAt(form, path.slice(0, -1))?.kind === 'list') kind.push(path.at(-1) === 0 ? 'first' : 'other')
    kinds.set(kind.join('.'), path)
  }
  return [...kinds.values()]
}

const TEXTS = [
  'planning', 'Two words', '08:30-12:30', 'yes', '', ' spaces ', '12:30', '0x1F', '1_000', '2026-12-24', 'a: b', 'c # d',
  "it's", 'say "no"', '- dash', '[list]', 'ends:', '🌳 tree', 'é', '*star', '75%', '%', '~', '1e3', '.5', 'null',
  'a, b', '{x}', 'tab\there', 'back\\slash', '?', '=', '<<', '!tag', '@at', 'x\u0085y', '\ud800', 'case.replies > 3',
] // biome-ignore format: a table

const LINES = [
  'Thank you.\n\nWe read it.',
  'one\n',
  'one\ntwo\n\n',
  '  indented\ntwo',
  '\nfirst is empty',
  'x\ny #z\n- w',
]

function randomText(random: Random): string {
  return random.oneOf(random.below(4) === 0 ? LINES : TEXTS)
}

/** Any value that a form can make for a field. */
function randomValue(field: Field, random: Random): Value {
  switch (field.kind) {
    case 'number':
      return random.below(1000)
    case 'switch':
      return random.below(2) === 0
    case 'duration':
      return random.oneOf(['30s', '15m', '4h', '2d'])
    case 'percent':
      return '80%'
    case 'day':
      return '2027-01-04'
    case 'moment':
      return random.oneOf(['2027-01-04', '2027-01-04T08:30'])
    case 'choice':
      return random.oneOf(field.choices)
    case 'list':
      return Array.from({ length: random.below(4) }, () => randomValue(field.item, random))
    case 'map':
      return Object.fromEntries(
        Array.from({ length: random.below(4) }, () => [
          field.key.kind === 'choice' ? random.oneOf(field.key.choices) : random.oneOf(TEXTS),
          randomValue(field.value, random),
        ]),
      )
    case 'group': {
      const written = field.properties.filter(property => property.required || random.below(3) === 0)
      return Object.fromEntries(written.map(({ key, field: inside }) => [key, randomValue(inside, random)]))
    }
    case 'alternatives':
      return randomValue(random.oneOf(field.of), random)
    default:
      return randomText(random)
  }
}

describe.each(DOCUMENTS)('%s', (_name, text) => {
  const value = read(text).value
  const paths = onePathOfEachKind(everyPath(value))
  // A form changes a field or an item at a time, and no section as a whole.
  const isOfAForm = (path: Path) => JSON.stringify(valueAt(value, path)).length < 300

  test('it is read, and has all sections to edit', () => {
    expect(read(text).faults).toEqual([])
    expect(paths.length).toBeGreaterThan(70)
  })

  test('an edit of any field changes no other line and gives the new value', () => {
    const random = new Random(1)
    for (const path of paths.filter(isOfAForm)) {
      const next = randomValue(fieldAt(form, path)!, random)
      const made = edit(text, path, next, keyOrder(form))
      expect(valueAt(read(made).value, path), path.join('.')).toEqual(next)
      if (made === text) continue
      const changed = changedLines(text, made)
      const [first, last] = linesOf(text, path)
      expect(
        changed.before === 0 || changed.from >= first,
        `${path.join('.')}: ${JSON.stringify(next)}`,
      ).toBe(true)
      expect(changed.from + changed.before, `${path.join('.')}: ${JSON.stringify(next)}`).toBeLessThanOrEqual(
        last + 1,
      )
    }
  })

  test('a field that is new is written and changes no line of others', () => {
    const random = new Random(2)
    for (const path of [[], ...paths]) {
      const group = fieldAt(form, path)
      const old = valueAt(value, path)
      if (group?.kind !== 'group' || typeof old !== 'object') continue
      for (const { key, field } of group.properties) {
        if (old !== null && Object.hasOwn(old, key)) continue
        const next = randomValue(field, random)
        const made = edit(text, [...path, key], next, keyOrder(form))
        const place = [...path, key].join('.')
        expect(valueAt(read(made).value, [...path, key]), place).toEqual(next)
        expect(changedLines(text, made).before, place).toBeLessThanOrEqual(1)
      }
    }
  })

  test('removing any entry removes its lines only', () => {
    for (const path of paths) {
      const made = remove(text, path)
      const changed = changedLines(text, made)
      const [first, last] = linesOf(text, path)
      // With its comment of at most two lines, its blank line, and the line of its parent that becomes empty.
      expect(changed.before, path.join('.')).toBeLessThanOrEqual(last - first + 1 + 4)
      expect(changed.after, path.join('.')).toBeLessThanOrEqual(2)
    }
  })

  test('an item can be inserted at each place of any list', () => {
    const random = new Random(3)
    for (const path of paths) {
      const list = valueAt(value, path)
      const field = fieldAt(form, path)
      const listed = field?.kind === 'alternatives' ? field.of.find(({ kind }) => kind === 'list') : field
      if (!Array.isArray(list) || listed?.kind !== 'list') continue
      for (let place = 0; place <= list.length; place++) {
        const next = randomValue(listed.item, random)
        const made = insert(text, path, place, next)
        expect(valueAt(read(made).value, path), path.join('.')).toEqual(list.toSpliced(place, 0, next))
        expect(changedLines(text, made).before, path.join('.')).toBeLessThanOrEqual(1)
      }
    }
  })

  test('an entry moves to each place among its siblings and no line changes', () => {
    for (const path of [[], ...paths]) {
      const siblings = valueAt(value, path)
      if (typeof siblings !== 'object' || siblings === null) continue
      const keys = Object.keys(siblings)
      for (const [from, to] of [
        [0, keys.length - 1],
        [keys.length - 1, 0],
        [1, 0],
        [0, 1],
      ] as const) {
        if (!(from in keys) || !(to in keys)) continue
        const part = Array.isArray(siblings) ? from : keys[from]!
        const made = move(text, [...path, part], to)
        const moved = valueAt(read(made).value, path) as object
        const expected = keys.toSpliced(from, 1).toSpliced(to, 0, keys[from]!)
        if (Array.isArray(siblings))
          expect(moved, path.join('.')).toEqual(expected.map(key => siblings[Number(key)]))
        else expect(Object.keys(moved), path.join('.')).toEqual(expected)
        expect(made.length, path.join('.')).toBe(text.length)
      }
    }
  })

  test('a key is renamed where it stands', () => {
    for (const path of paths) {
      const key = path.at(-1)!
      if (typeof key === 'number') continue
      const made = rename(text, path, 'new: name')
      const changed = changedLines(text, made)
      expect([changed.before, changed.after], path.join('.')).toEqual([1, 1])
      expect(changed.from, path.join('.')).toBe(linesOf(text, path)[0])
      expect(valueAt(read(made).value, [...path.slice(0, -1), 'new: name'])).toEqual(valueAt(value, path))
    }
  })

  test('many edits after each other say in the end what they said', () => {
    const random = new Random(4)
    let made = text
    for (let count = 0; count < 40; count++) {
      const all = everyPath(read(made).value).filter(
        one => JSON.stringify(valueAt(read(made).value, one)).length < 300,
      )
      const path = random.oneOf(all)
      const field = fieldAt(form, path)
      const before = read(made).value
      if (field === undefined) made = remove(made, path)
      else {
        const next = randomValue(field, random)
        made = edit(made, path, next, keyOrder(form))
        expect(valueAt(read(made).value, path)).toEqual(next)
      }
      for (const section of Object.keys(before as object))
        if (section !== path[0])
          expect(same(valueAt(before, [section]), valueAt(read(made).value, [section]))).toBe(true)
    }
  })
})

test('line ends of Windows stay, and new lines have them', () => {
  const windows = (text: string) => text.replaceAll('\n', '\r\n')
  const random = new Random(5)
  const paths = onePathOfEachKind(everyPath(read(MANY_STYLES).value))
  for (const path of paths.filter((_, place) => place % 3 === 0)) {
    const next = randomValue(fieldAt(form, path)!, random)
    expect(edit(windows(MANY_STYLES), path, next), path.join('.')).toBe(
      windows(edit(MANY_STYLES, path, next)),
    )
    expect(remove(windows(MANY_STYLES), path), path.join('.')).toBe(windows(remove(MANY_STYLES, path)))
  }
})

const RULES = `rules:
  # Danger first.
  - name: Danger # it hurts
    when: case.text == "gas"
    then: { queue: hazards }

  - name: Rest
    when: "true"
    then: { queue: front }
`

test('a moved rule takes its comment with it, and blank lines stay between rules', () => {
  expect(move(RULES, ['rules', 0], 1)).toBe(`rules:
  - name: Rest
    when: "true"
    then: { queue: front }

  # Danger first.
  - name: Danger # it hurts
    when: case.text == "gas"
    then: { queue: hazards }
`)
})

test('a removed rule takes its comment with it', () => {
  expect(remove(RULES, ['rules', 0])).toBe(`rules:
  - name: Rest
    when: "true"
    then: { queue: front }
`)
})

test('a new rule is written as the others are, and a new key where the schema has it', () => {
  const outcome = ['then', { queue: 'front', skills: { phone: 3 } }] as const
  const rule = Object.fromEntries([['name', 'New'], ['when', '"x" in interaction.topics'], outcome])
  expect(insert(RULES, ['rules'], 1, rule)).toBe(
    RULES.replace(
      '  - name: Rest\n',
      `  - name: New
    when: '"x" in interaction.topics'
    then: { queue: front, skills: { phone: 3 } }

  - name: Rest
`,
    ),
  )
  const made = edit(edit(RULES, ['rules', 1, 'moves'], true), ['rules', 1, 'then', 'priority'], 40)
  expect(made).toBe(RULES.replace('{ queue: front }\n', '{ queue: front, priority: 40 }\n    moves: true\n'))
})

test('a full line of a list that wraps is wrapped at a new item', () => {
  const words = `tone:\n  negative: [${'word, '.repeat(17)}\n    ${'word, '.repeat(18)}last]\n`
  expect(insert(words, ['tone', 'negative'], 36, 'another')).toBe(
    words.replace('last]', 'last,\n    another]'),
  )
})

test('a list that becomes empty or gets its first item stays where it is', () => {
  const text =
    'queues:\n  rates:\n    name: Rates\n    steps: # as time goes by\n      - after: 5m\n        add_queue: roads\n'
  const emptied = remove(text, ['queues', 'rates', 'steps', 0])
  expect(emptied).toBe('queues:\n  rates:\n    name: Rates\n    steps: [] # as time goes by\n')
  expect(insert(emptied, ['queues', 'rates', 'steps'], 0, { after: '5m', lower: { phone: 1 } })).toBe(
    'queues:\n  rates:\n    name: Rates\n    steps: # as time goes by\n      - { after: 5m, lower: { phone: 1 } }\n',
  )
})

test('an empty document gets its first section', () => {
  expect(edit('', ['queues', 'first'], { name: 'First', sla_policy: 'standard' })).toBe(
    'queues:\n  first: { name: First, sla_policy: standard }\n',
  )
})

test('a text with faults of syntax is not edited', () => {
  expect(() => edit('queues: [', ['queues'], [])).toThrow(NotEditable)
  expect(() => edit('a: &x 1\nb: *x\nb: 2\n', ['a'], 2)).toThrow(NotEditable)
})

test('the difference of two texts is one change', () => {
  expect(difference('priority: 40\n', 'priority: 450\n')).toEqual({ from: 11, to: 11, insert: '5' })
  expect(difference('aa', 'aaa')).toEqual({ from: 2, to: 2, insert: 'a' })
})

test('the services read every written text as it was given', () => {
  const texts = [...TEXTS, ...LINES].filter(text => text !== '\ud800')
  const written = texts.map(text => edit('a: { b: x }\nc: [x]\nd: x\n', ['d'], text))
  const inFlow = texts.map(text =>
    edit(edit('a: { b: x }\nc: [x]\nd: x\n', ['a', 'b'], text), ['c', 0], text),
  )
  const program = `
import json, sys, yaml
read = [yaml.safe_load(text) for text in json.load(sys.stdin)]
print(json.dumps([[one["a"]["b"], one["c"][0], one["d"]] for one in read]))`
  expect(JSON.parse(python(program, JSON.stringify(written)))).toEqual(texts.map(text => ['x', 'x', text]))
  expect(JSON.parse(python(program, JSON.stringify(inFlow)))).toEqual(texts.map(text => [text, text, 'x']))
})
