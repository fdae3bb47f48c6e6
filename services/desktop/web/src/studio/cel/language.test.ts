import { readdirSync, readFileSync } from 'node:fs'
import { describe, expect, test } from 'vitest'
import { parseDocument } from 'yaml'
import { firstFault } from './language'

const PROJECT = new URL('../../../../../../', import.meta.url)

function conditionsOfTheExample(): string[] {
  const source = readFileSync(new URL('deploy/example/council.yaml', PROJECT), 'utf8')
  const document = parseDocument(source).toJS() as { rules: { when: string }[] }
  return document.rules.map(rule => rule.when)
}

function conditionsOfTheGuides(): string[] {
  const guides = new URL('docs/guides/', PROJECT)
  const texts = readdirSync(guides).map(name => readFileSync(new URL(name, guides), 'utf8'))
  const written = texts.flatMap(text =>
    [...text.matchAll(/^[+ -]?\s*when: (.+)$/gm)].map(([, when]) => when!),
  )
  return written.map(when => parseDocument(when).toJS() as string)
}

test('every condition of the example and of the guides has no fault', () => {
  expect(conditionsOfTheExample().length).toBeGreaterThan(5)
  expect(conditionsOfTheGuides().length).toBeGreaterThan(3)
  const faulty = [...conditionsOfTheExample(), ...conditionsOfTheGuides()].filter(
    condition => firstFault(condition) !== null,
  )
  expect(faulty).toEqual([])
})

test.each([
  `r'\\' == ''`,
  `"""a "b" c""" == interaction.text // why`,
  `.5 + 1.5e3 > 0x1F`,
  `interaction.topics.all(t, t != "tree") && !(case.replies > -1) ? true : case.status in ["open", "new",]`,
  `calendar("office").open && queues["rates"].waiting > 5`,
  `{"a": 1}[interaction.text] == 1 - -1`,
  `has(case.subject) &&\n  size(interaction.topics) % 2 == 0`,
])('%s has no fault', condition => {
  expect(firstFault(condition)).toBeNull()
})

// The columns are those that routing's check gives for the same text (`routing.domain.rules.conditions.Condition`).
describe('a fault is where routing says it is', () => {
  test.each([
    ['case.department ==', 19],
    ['interaction.tone = "negative"', 18],
    ['case.replies > 3 &&', 20],
    ['(case.replies > 3 || case.reopened > 1', 39],
    ["interaction.topics.exists(t, t == 'tree'", 41],
    ['case.department == "rates', 20],
    ['case.replies >> 3', 15],
    ['case.replies > 3 and case.reopened > 1', 18],
    ['[1, 2 3]', 7],
    ['case..department == "rates"', 6],
    ["interaction.text.contains('a'))", 31],
    ['case.replies > 3 ? true', 24],
    ['{"a" 1}', 6],
    ['queues["rates"].waiting > > 5', 27],
    ["case.department == 'rates' case.replies > 1", 28],
    ['', 1],
  ])('%s', (condition, column) => {
    expect(firstFault(condition)).toBe(column - 1)
  })
})
