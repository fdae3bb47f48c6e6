import type { Vocabulary } from './cel/completion'
import { isList, isRecord, type Value } from './document/reading'
import type { Field } from './document/schema'

/** The values from which one is chosen; null: it is typed. */
export function choicesOf(field: Field, vocabulary: Vocabulary): readonly string[] | null {
  switch (field.kind) {
    case 'choice':
      return field.choices
    case 'reference':
      return field.to === 'labels' ? null : vocabulary.names[field.to]
    case 'channel':
      return vocabulary.fields.find(one => one.path === 'interaction.channel')?.choices ?? null
    case 'alternatives': {
      const all = field.of.map(one => choicesOf(one, vocabulary))
      return all.every(one => one !== null) ? all.flat() : null
    }
    default:
      return null
  }
}

/** The form that a value has; of alternatives the first that has its shape. */
export function fitting(field: Field, value: Value | undefined, vocabulary: Vocabulary): Field {
  if (field.kind !== 'alternatives') return field
  if (choicesOf(field, vocabulary)) return field
  const shape = isRecord(value)
    ? ['group', 'map']
    : isList(value)
      ? ['list']
      : typeof value === 'boolean'
        ? ['switch']
        : null
  const of = field.of.map(one => fitting(one, value, vocabulary))
  const found = shape
    ? of.find(one => shape.includes(one.kind))
    : (of.find(one => one.kind === 'choice' && typeof value === 'string' && one.choices.includes(value)) ??
      of.find(one => !['group', 'map', 'list', 'switch'].includes(one.kind)))
  return found ?? of[0]!
}

/** What a new entry begins with: only what it must have. */
export function blank(field: Field, vocabulary: Vocabulary): Value {
  switch (field.kind) {
    case 'group':
      return Object.fromEntries(
        field.properties
          .filter(({ required }) => required)
          .map(({ key, field: inside }) => [key, blank(inside, vocabulary)]),
      )
    case 'map':
      return {}
    case 'list':
      return field.least > 0 ? [blank(field.item, vocabulary)] : []
    case 'switch':
      return false
    case 'number':
      return field.least ?? 0
    case 'duration':
      return '1h'
    case 'percent':
      return '75%'
    case 'hours':
      return '09:00-17:00'
    case 'condition':
      return 'true'
    case 'alternatives':
      return blank(field.of[0]!, vocabulary)
    default:
      return choicesOf(field, vocabulary)?.[0] ?? ''
  }
}

/** A typed text as the value of a field. What is no number is written as it is: the check says what is wrong with it. */
export function typedValue(field: Field, text: string): Value {
  const trimmed = text.trim()
  if (field.kind === 'number' && /^-?\d+$/.test(trimmed)) return Number(trimmed)
  return field.kind === 'condition' || field.kind === 'text' ? text : trimmed
}

/** An entry of a list in a few words. */
export function summaryOf(value: Value | undefined): string {
  if (!isRecord(value)) return value === undefined || value === null || isList(value) ? '' : String(value)
  const named = value.name ?? value.id ?? value.address ?? value.handle ?? value.day
  return typeof named === 'string' ? named : ''
}
