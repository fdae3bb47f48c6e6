import { CompletionContext } from '@codemirror/autocomplete'
import { EditorState } from '@codemirror/state'
import { expect, test } from 'vitest'
import { celCompletion, complete, type Vocabulary } from './completion'
import { cel } from './language'

const VOCABULARY: Vocabulary = {
  fields: [
    { path: 'interaction.channel', type: 'text', choices: ['email', 'phone'], description: 'The channel.' },
    { path: 'interaction.topics', type: 'list', choices: [], description: 'The topics.' },
    { path: 'case.department', type: 'text', choices: [], description: 'The department.' },
    { path: 'queues["rates"].waiting', type: 'number', choices: [], description: 'How many wait.' },
  ],
  functions: [
    { name: '&&', example: 'true && true', description: 'Whether both hold.' },
    { name: 'contains', example: 'interaction.text.contains("gas")', description: 'Whether it has it.' },
    { name: 'exists', example: 'x.exists(t, t == "a")', description: 'Whether one holds.' },
  ],
  names: {
    queues: ['rates', 'front-desk'],
    skills: ['phone'],
    topics: ['pothole', 'tree'],
    labels: ['overdue'],
    departments: ['roads'],
    calendars: ['office'],
    slaPolicies: ['standard'],
    people: ['amara'],
    presences: ['available'],
    profiles: [],
    accounts: ['council@banksia.example'],
  },
}

const FIELDS = VOCABULARY.fields.map(field => field.path)

/** The labels at `|`, the cursor, and the text that they replace. */
function at(condition: string) {
  const [before, after] = condition.split('|') as [string, string]
  const found = complete(before, after, VOCABULARY)
  return found && [before.slice(found.from), found.options.map(option => option.label)]
}

test.each([
  ['inter|', 'inter', FIELDS],
  ['true && case.d|', 'case.d', FIELDS],
  ['interaction.topics.ex|', 'ex', ['exists']],
  ['interaction.channel == "|"', '', ['email', 'phone']],
  ["interaction.channel != 'e|", 'e', ['email', 'phone']],
  ['interaction.channel in ["phone", "|"]', '', ['email', 'phone']],
  ['case.department == "|"', '', ['roads']],
  ['"|" in interaction.topics', '', ['pothole', 'tree']],
  ['interaction.topics.exists(t, t == "po|")', 'po', ['pothole', 'tree']],
  ['interaction.channel.|', '', ['contains']],
  ['queues["rates"].wa|', 'wa', ['waiting']],
  ['queues["fr|"].waiting > 3', 'fr', ['rates', 'front-desk']],
  ['labels["|', '', ['overdue']],
  ['calendar("|").open', '', ['office']],
])('%s is completed', (condition, replaced, labels) => {
  expect(at(condition)).toEqual([replaced, labels])
})

test('words of a customer are not completed', () => {
  expect(at('interaction.text.contains("|")')).toBeNull()
})

test('nothing is offered before a word is begun, unless it is asked for', () => {
  const state = EditorState.create({ doc: 'true && ', extensions: [cel()] })
  const source = celCompletion(() => VOCABULARY)
  expect(source(new CompletionContext(state, 8, false))).toBeNull()
  expect(source(new CompletionContext(state, 8, true))?.options).toHaveLength(FIELDS.length)
})
