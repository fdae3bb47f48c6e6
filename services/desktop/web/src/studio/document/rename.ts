import { edit, NotEditable, rename } from './edit'
import { isList, isRecord, type Path, read, type Value, valueAt } from './reading'
import type { Field, Group, Referred } from './schema'

/** What has names of its own that people can change. */
export type Named = Exclude<Referred, 'labels'>

const SECTIONS: Readonly<Record<Named, string>> = {
  queues: 'queues',
  skills: 'skills',
  departments: 'departments',
  calendars: 'calendars',
  slaPolicies: 'sla_policies',
  people: 'people',
  profiles: 'capacity_profiles',
}
// How a condition looks something up by its name.
const LOOKUPS: Partial<Readonly<Record<Named, string>>> = { queues: 'queues', calendars: 'calendar' }

/**
 * The text with another name for a thing, also where the document refers to it. Raises NotEditable.
 *
 * In conditions that is `queues["…"]` and `calendar("…")`; a name that one compares with something stays as it is.
 */
export function renameEverywhere(text: string, what: Named, from: string, to: string, form: Group): string {
  const section = valueAt(read(text).value, [SECTIONS[what]])
  let made: string
  if (isList(section)) {
    const ids = section.map(item => valueAt(item, ['id']))
    if (ids.includes(to)) throw new NotEditable(`There is ${to} already.`)
    made = edit(text, [SECTIONS[what], ids.indexOf(from), 'id'], to)
  } else made = rename(text, [SECTIONS[what], from], to)
  const places = mentions(read(made).value, form, { what, from })
  for (const { path, value } of places) if (value !== null) made = edit(made, path, value(to))
  for (const { path, value } of places) if (value === null) made = rename(made, path, to)
  return made
}

interface Mention {
  readonly path: Path
  /** The value with another name; null: the name is the key. */
  readonly value: ((to: string) => Value) | null
}

function mentions(
  value: Value | undefined,
  field: Field,
  name: { readonly what: Named; readonly from: string },
  path: Path = [],
): Mention[] {
  const { what, from } = name
  switch (field.kind) {
    case 'reference':
      return field.to === what && value === from ? [{ path, value: to => to }] : []
    case 'condition':
      return mentionsInCondition(value, name, path)
    case 'list':
      return (isList(value) ? value : []).flatMap((item, index) =>
        mentions(item, field.item, name, [...path, index]),
      )
    case 'group':
      return field.properties.flatMap(one =>
        mentions(valueAt(value, [one.key]), one.field, name, [...path, one.key]),
      )
    case 'map':
      return Object.entries(isRecord(value) ? value : {}).flatMap(([key, inside]) => {
        const isName = key === from && field.key.kind === 'reference' && field.key.to === what
        const below = mentions(inside, field.value, name, [...path, key])
        return isName ? [...below, { path: [...path, key], value: null }] : below
      })
    case 'alternatives': {
      const isWord = field.of.some(one => one.kind === 'choice' && one.choices.includes(String(value)))
      return isWord ? [] : field.of.flatMap(one => mentions(value, one, name, path))
    }
    default:
      return []
  }
}

function mentionsInCondition(
  value: Value | undefined,
  { what, from }: { readonly what: Named; readonly from: string },
  path: Path,
): Mention[] {
  const lookup = LOOKUPS[what]
  if (lookup === undefined || typeof value !== 'string') return []
  const written = new RegExp(`\\b(${lookup}\\s*[[(]\\s*)(["'])${from.replace(/[^\w]/g, '\\$&')}\\2`, 'g')
  if (value.search(written) < 0) return []
  return [
    { path, value: to => value.replace(written, (_, before, quote) => `${before}${quote}${to}${quote}`) },
  ]
}
