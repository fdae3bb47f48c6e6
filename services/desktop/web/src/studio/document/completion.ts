import type { Completion, CompletionContext, CompletionResult } from '@codemirror/autocomplete'
import { isMap, isPair, isScalar, isSeq, type Pair, parseDocument, type Scalar, visit } from 'yaml'
import type { Vocabulary } from '../cel/completion'
import { keyOf, type Path } from './reading'
import { type Field, fieldAt, type Group } from './schema'

// Stands for the word at the cursor while the document is read; nobody writes it.
const CURSOR = 'word-at-the-cursor'

/** Completion of keys by the schema, and of values that are names, choices or switches. Conditions have their own. */
export function documentCompletion(form: () => Group | undefined, vocabulary: () => Vocabulary) {
  return (context: CompletionContext): CompletionResult | null => {
    const known = form()
    const word = context.matchBefore(/[\w.@/+-]*/)
    const line = context.state.doc.lineAt(context.pos)
    const begun = line.text.slice(0, (word?.from ?? context.pos) - line.from)
    if (!known || begun.includes('#') || (begun.trim() === '' && !word?.text && !context.explicit))
      return null
    const options = completeDocument(
      context.state.sliceDoc(0, word?.from ?? context.pos),
      context.state.sliceDoc(context.pos),
      known,
      vocabulary(),
    )
    return options.length === 0
      ? null
      : { from: word?.from ?? context.pos, options, validFor: /^[\w.@/+-]*$/ }
  }
}

/** What can stand between two parts of a document. */
export function completeDocument(
  before: string,
  after: string,
  form: Group,
  vocabulary: Vocabulary,
): Completion[] {
  const rest = after.replace(/^[\w.@/+-]*/, '')
  const asValue = place(before + CURSOR + rest)
  const value = asValue && !asValue.isKey ? fieldAt(form, asValue.path) : undefined
  const values = value ? valuesOf(value, vocabulary) : []
  if (values.length > 0) return values
  const asKey = asValue?.isKey ? asValue : place(`${before}${CURSOR}: ${rest}`)
  return asKey?.isKey ? keysOf(fieldAt(form, asKey.path), asKey.siblings, vocabulary) : []
}

interface Place {
  /** Of the value, or of the map whose key it is. */
  readonly path: Path
  readonly isKey: boolean
  readonly siblings: ReadonlySet<string>
}

function place(text: string): Place | null {
  const document = parseDocument(text, { version: '1.1', prettyErrors: false, uniqueKeys: false })
  let found: Place | null = null
  visit(document, {
    Scalar(key, node: Scalar, ancestors) {
      if (!String(node.value).includes(CURSOR)) return undefined
      const path = pathOf([...ancestors, node])
      const map = ancestors.findLast(isMap)
      const siblings = new Set(key === 'key' ? map?.items.map(pair => keyOf(pair as Pair)) : [])
      if (node.value === CURSOR)
        found = { path: key === 'key' ? path.slice(0, -1) : path, isKey: key === 'key', siblings }
      return visit.BREAK
    },
  })
  return found
}

function pathOf(nodes: readonly unknown[]): Path {
  return nodes.flatMap<string | number>((node, index) => {
    if (isPair(node)) return [isScalar(node.key) ? String(node.key.value) : '']
    return isSeq(node) ? [node.items.indexOf(nodes[index + 1] as never)] : []
  })
}

function valuesOf(field: Field, vocabulary: Vocabulary): Completion[] {
  const labels = (texts: readonly string[], type: string) => texts.map(label => ({ label, type }))
  switch (field.kind) {
    case 'reference':
      return labels(vocabulary.names[field.to], 'constant')
    case 'choice':
      return labels(field.choices, 'enum')
    case 'switch':
      return labels(['true', 'false'], 'keyword')
    case 'channel':
      return labels(vocabulary.fields.find(one => one.path === 'interaction.channel')?.choices ?? [], 'enum')
    case 'timeZone':
      return labels(Intl.supportedValuesOf('timeZone'), 'constant')
    case 'alternatives':
      return field.of.flatMap(one => valuesOf(one, vocabulary))
    default:
      return []
  }
}

function keysOf(
  field: Field | undefined,
  siblings: ReadonlySet<string>,
  vocabulary: Vocabulary,
): Completion[] {
  switch (field?.kind) {
    case 'group':
      return field.properties
        .filter(({ key }) => !siblings.has(key))
        .map(({ key, description }) => ({
          label: key,
          apply: `${key}: `,
          type: 'property',
          info: description,
        }))
    case 'map':
      return valuesOf(field.key, vocabulary)
        .filter(({ label }) => !siblings.has(label))
        .map(option => ({ ...option, apply: `${option.label}: ` }))
    case 'alternatives':
      return field.of.flatMap(one => keysOf(one, siblings, vocabulary))
    default:
      return []
  }
}
