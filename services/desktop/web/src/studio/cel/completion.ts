import type { Completion, CompletionContext, CompletionResult } from '@codemirror/autocomplete'
import { syntaxTree } from '@codemirror/language'
import type { DocumentNames } from '../document/names'

/** One thing that a condition may ask (routing: `GET /configuration/fields`). */
export interface ConditionField {
  readonly path: string
  readonly type: 'string' | 'int' | 'bool' | 'list'
  /** All its values, where they are known. */
  readonly choices?: readonly string[] | null
  readonly description: string
}

/** What completion knows: asked anew at each completion, because the document changes while people type. */
export interface Vocabulary {
  readonly fields: readonly ConditionField[]
  readonly names: DocumentNames
}

/** Functions and methods of CEL that routing allows, each with what is written for it. */
const METHODS: Readonly<Record<ConditionField['type'], readonly [label: string, detail: string][]>> = {
  string: [
    ['contains', '("…")'],
    ['startsWith', '("…")'],
    ['endsWith', '("…")'],
    ['matches', '("…")'],
    ['size', '()'],
  ],
  list: [
    ['exists', '(x, …)'],
    ['all', '(x, …)'],
    ['size', '()'],
  ],
  int: [],
  bool: [],
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
  { fields, names }: Vocabulary,
): { from: number; options: Completion[] } | null {
  const opened = openQuote(before)
  if (opened !== null) {
    const values = valuesAt(before.slice(0, opened), after, before[opened]!, fields, names)
    return values && { from: opened + 1, options: values.map(label => ({ label, type: 'constant' })) }
  }
  const word = /[\w.]*$/.exec(before)![0]
  const from = before.length - word.length
  const dot = word.lastIndexOf('.')
  const owner = dot < 0 ? undefined : fields.find(field => field.path === word.slice(0, dot))
  if (owner)
    return {
      from: from + dot + 1,
      options: METHODS[owner.type].map(([label, detail]) => ({ label, detail, type: 'method' })),
    }
  return { from, options: fields.map(asOption) }
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

function asOption({ path, type, description }: ConditionField): Completion {
  return { label: path, type: 'property', detail: type, info: description }
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
  if (field?.choices) return field.choices
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
