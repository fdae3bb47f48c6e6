import { ensureSyntaxTree } from '@codemirror/language'
import { EditorState, Text } from '@codemirror/state'
import { NodeProp } from '@lezer/common'
import { expect, test } from 'vitest'
import { fileOf } from '../testing/project'
import { diagnostics } from './faults'
import { organisationDocument } from './language'

/** The conditions that are read as CEL, and whether one of them has a fault. */
function conditionsIn(text: string) {
  const state = EditorState.create({ doc: text, extensions: [organisationDocument()] })
  const found: { text: string; faulty: boolean }[] = []
  ensureSyntaxTree(state, text.length, 60_000)!.iterate({
    enter: ({ tree, from }) => {
      const mounted = tree?.prop(NodeProp.mounted)
      if (!mounted?.overlay) return
      let faulty = false
      mounted.tree.iterate({
        enter: node => {
          if (node.type.isError) faulty = true
        },
      })
      const [part] = mounted.overlay
      found.push({ text: text.slice(from + part!.from, from + part!.to), faulty })
    },
  })
  return found
}

test('each condition of the example is read as CEL and has no fault', () => {
  const council = fileOf('deploy/example/council.yaml')
  const found = conditionsIn(council)
  expect(found.length).toBe([...council.matchAll(/^ +when:/gm)].length)
  expect(found[0]).toEqual({ text: 'case.unanswered_text.contains("gas leak")', faulty: false })
  expect(found.filter(({ faulty }) => faulty)).toEqual([])
})

test.each([
  ['a: { when: case.replies > 1, then: x }', 'case.replies > 1'],
  ['when: \'"tree" in interaction.topics\'', '"tree" in interaction.topics'],
  ['when: case.replies > 1 &&\n  case.reopened > 1\nthen: x', 'case.replies > 1 &&\n  case.reopened > 1'],
  ['when: >-\n  case.replies > 1 ||\n  true\nthen: x', 'case.replies > 1 ||\n  true'],
])('the condition in %j is read as CEL', (text, condition) => {
  expect(conditionsIn(text).map(found => found.text.trim())).toEqual([condition])
})

test('what is not the value of a when is no condition', () => {
  expect(conditionsIn('name: when\nthen: { queue: when }\nwhen: "a \\"b\\""\n')).toEqual([])
})

test('a finding is shown at its place, counted in characters, to the end of the word', () => {
  const text = Text.of(['a: 🌳🌳', 'b: "🌳" planing', ''])
  const findings = [
    { line: 2, column: 8, message: 'unknown queue', severity: 'error' },
    { line: 9, column: 9, message: 'beyond the end', severity: 'warning' },
    { line: 1, column: 1, message: 'first', severity: 'error' },
  ] as const
  const shown = diagnostics(text, findings)
  expect(shown.map(({ from, to }) => text.sliceString(from, to))).toEqual(['a', 'planing', ''])
  expect(shown.map(({ message }) => message)).toEqual(['first', 'unknown queue', 'beyond the end'])
})
