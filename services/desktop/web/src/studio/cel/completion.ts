import type { Completion, CompletionContext, CompletionResult } from '@codemirror/autocomplete'
import { syntaxTree } from '@codemirror/language'
import type { DocumentNames } from '../document/names'

/** One thing that a condition may ask (routing: `ConditionField`). */
export interface ConditionField {
  /** `case.department`, or spelled out for each name: `queues["planning"].waiting`. */
  readonly path: string
  readonly type: 'text' | 'number' | 'boolean' | 'list'
  /** The values that it may have, as far as they are known. */
  readonly choices: readonly string[]
  readonly description: string
}

/** A function, macro or operator of conditions (routing: `ConditionFunction`). */
export interface ConditionFunction {
  readonly name: string
  readonly example: string
  readonly description: string
}

/** What completion knows: asked anew at each completion, because the document changes while people type. */
export interface Vocabulary {
  readonly fields: readonly ConditionField[]
  readonly functions: readonly ConditionFunction[]
  readonly names: DocumentNames
}

/** Which types have a method; what is not here is an operator or a function before its arguments. */
const METHODS: Readonly<Record<string, readonly ConditionField['type'][]>> = {
  contains: ['text'],
  startsWith: ['text'],
  endsWith: ['text'],
  matches: ['text'],
  exists: ['list'],
  exists_one: ['list'],
  all: ['list'],
  filter: ['list'],
  map: ['list'],
}

/** Which names of the document a field has as its values. */
const VALUES: Readonly<Record<string, keyof DocumentNames>> = {
  'interaction.topics': 'topics',
  'interaction.department': 'departments',
  'case.department': 'departments',
  'interaction.account': 'accounts',
}

/** `queues["`, `labels["` and `calendar("` take a name of the document. */
const LOOKUPS = /\b(queues|labels|calendar)\s*[[(]\s*$/

/** What can stand at the end of `before`, a condition up to the cursor; `after` is its rest. `from` is an offset in it. */
export function complete(
  before: string,
  after: string,
  { fields, functions, names }: Vocabulary,
): { from: number; options: Completion[] } | null {
  const opened = openQuote(before)
  if (opened !== null) {
    const values = valuesAt(before.slice(0, opened), after, before[opened]!, fields, names)
    return values && { from: opened + 1, options: values.map(label => ({ label, type: 'constant' })) }
  }
  const [word, path = '', begun] = /((?:\w+[[(]"[^"]*"[\])]|[\w.]+)?\.)?(\w*)$/.exec(before)!
  const owner = fields.find(field => `${field.path}.` === path)
  const inside = fields.filter(field => path !== '' && field.path.startsWith(path))
  if (owner || (inside.length > 0 && path.includes('"'))) {
    const methods = functions.filter(({ name }) => owner && METHODS[name]?.includes(owner.type))
    return {
      from: before.length - begun!.length,
      options: [
        ...inside.map(field => asOption(field, field.path.slice(path.length))),
        ...methods.map(({ name, example, description }) => ({
          label: name,
          type: 'method',
          detail: example,
          info: description,
        })),
      ],
    }
  }
  return { from: before.length - word.length, options: fields.map(field => asOption(field, field.path)) }
}

/** Completion of the condition around the cursor, in an editor of one condition or of a whole document. */
export function celCompletion(vocabulary: () => Vocabulary) {
  return (context: CompletionContext): CompletionResult | null => {
    let node = syntaxTree(context.state).resolveInner(context.pos, -1)
    while (node.name !== 'Expression' && node.parent) node = node.parent
    const [start, end] =
      node.name === 'Expression'
        ? [node.from, node.to]
        : [context.state.doc.lineAt(context.pos).from, context.pos]
    const before = context.state.sliceDoc(Math.min(start, context.pos), context.pos)
    const after = context.state.sliceDoc(context.pos, Math.max(end, context.pos))
    const found = complete(before, after, vocabulary())
    if (!found || found.options.length === 0) return null
    const begun = before.length > found.from || openQuote(before) !== null || before.endsWith('.')
    if (!begun && !context.explicit) return null
    return { from: context.pos - before.length + found.from, options: found.options, validFor: /^[\w-]*$/ }
  }
}

function asOption({ type, description }: ConditionField, label: string): Completion {
  return { label, type: 'property', detail: type, info: description }
}

/** The offset of the quote that is open at the end of a condition; null: the end is not in a string. */
function openQuote(text: string): number | null {
  let at: number | null = null
  for (let index = 0; index < text.length; index++) {
    const character = text[index]
    if (at !== null && character === '\\') index++
    else if (at !== null && character === text[at]) at = null
    else if (at === null && (character === '"' || character === "'")) at = index
  }
  return at
}

function valuesAt(
  before: string,
  after: string,
  quote: string,
  fields: readonly ConditionField[],
  names: DocumentNames,
): readonly string[] | null {
  const lookup = LOOKUPS.exec(before)
  if (lookup) return names[lookup[1] === 'calendar' ? 'calendars' : (lookup[1] as 'queues' | 'labels')]
  const path = comparedWith(before, after, quote)
  const field = fields.find(one => one.path === path)
  if (field && field.choices.length > 0) return field.choices
  const kind = path === undefined ? undefined : VALUES[path]
  return kind ? names[kind] : null
}

/** The field with which the string is compared: `field == "`, `field in ["a", "`, `"…" in field`, `field.exists(x, x == "`. */
function comparedWith(before: string, after: string, quote: string): string | undefined {
  const within = after.indexOf(quote)
  const member = /^\s*in\s+([\w.]+)/.exec(after.slice(within + 1))
  if (within >= 0 && member) return member[1]
  const compared = /([\w.]+)\s*(?:[=!]=|in\s*\[[^\]]*)\s*$/.exec(before)?.[1]
  if (compared === undefined || compared.includes('.')) return compared
  const loops = [...before.matchAll(/([\w.]+)\s*\.\s*(?:exists|all|exists_one|filter)\s*\(\s*(\w+)\s*,/g)]
  return loops.findLast(([, , item]) => item === compared)?.[1]
}
