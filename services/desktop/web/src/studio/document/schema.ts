/** The parts of JSON Schema (2020-12) that routing's `GET /configuration/schema` uses. */
export interface JsonSchema {
  readonly $ref?: string
  readonly $defs?: Readonly<Record<string, JsonSchema>>
  readonly type?: 'object' | 'array' | 'string' | 'integer' | 'boolean' | 'null'
  readonly title?: string
  readonly description?: string
  readonly default?: unknown
  readonly examples?: readonly string[]
  readonly const?: string
  readonly enum?: readonly string[]
  readonly format?: string
  readonly pattern?: string
  readonly minLength?: number
  readonly maxLength?: number
  readonly minimum?: number
  readonly maximum?: number
  readonly minItems?: number
  readonly maxItems?: number
  readonly minProperties?: number
  readonly anyOf?: readonly JsonSchema[]
  readonly items?: JsonSchema
  readonly properties?: Readonly<Record<string, JsonSchema>>
  readonly required?: readonly string[]
  readonly additionalProperties?: JsonSchema | false
  readonly propertyNames?: JsonSchema
}

/** What a name in the document refers to; the keys of `DocumentNames`. */
export type Referred =
  | 'queues'
  | 'skills'
  | 'departments'
  | 'calendars'
  | 'slaPolicies'
  | 'people'
  | 'profiles'
  | 'labels'

/** What a form shows for a value. */
export type Field =
  | { readonly kind: 'text'; readonly pattern?: string; readonly longest?: number }
  | { readonly kind: 'number'; readonly least?: number; readonly most?: number }
  | { readonly kind: 'switch' }
  /** `30s`, `15m`, `4h`, `2d` */
  | { readonly kind: 'duration' }
  /** `75%` */
  | { readonly kind: 'percent' }
  /** `2027-01-04` */
  | { readonly kind: 'day' }
  /** `2027-01-04` or `2027-01-04T08:30` */
  | { readonly kind: 'moment' }
  /** `09:00-17:00` */
  | { readonly kind: 'hours' }
  | { readonly kind: 'timeZone' }
  | { readonly kind: 'channel' }
  | { readonly kind: 'choice'; readonly choices: readonly string[] }
  /** An expression in CEL. */
  | { readonly kind: 'condition' }
  | { readonly kind: 'reference'; readonly to: Referred }
  | { readonly kind: 'list'; readonly item: Field; readonly least: number; readonly most?: number }
  /** Keys are chosen by people, or are references or choices. */
  | { readonly kind: 'map'; readonly key: Field; readonly value: Field; readonly least: number }
  | Group
  /** One of several forms, such as `always` or hours by weekday. */
  | { readonly kind: 'alternatives'; readonly of: readonly Field[] }

export interface Group {
  readonly kind: 'group'
  /** Its name in the schema, such as `Queue`: titles in other languages go by it. */
  readonly name: string
  readonly description: string
  readonly properties: readonly Property[]
}

/** An entry of a group. */
export interface Property {
  readonly key: string
  /** The key as words: `Offer timeout`. */
  readonly title: string
  readonly description: string
  readonly required: boolean
  /** What counts where nothing is written; undefined for what is required, null for none. */
  readonly fallback: unknown
  readonly field: Field
}

// JSON Schema can't say what a text refers to. By group and key; `[]` is an item of a list, `{}` a key of a map, `{=}` its value.
const REFERENCES: Readonly<Record<string, Referred>> = {
  'Organisation.fallback_queue': 'queues',
  'CapacityProfile.queues[]': 'queues',
  'Consequence.queue': 'queues',
  'Consequence.labels[]': 'labels',
  'Consequence.notify[]': 'people',
  'DepartmentMembership.department': 'departments',
  'EmailAccount.department': 'departments',
  'Limit.overflow': 'queues',
  'Members.people[]': 'people',
  'Members.skills{}': 'skills',
  'OutsideHours.overflow': 'queues',
  'Person.departments[]': 'departments',
  'Person.queues[]': 'queues',
  'Person.skills{}': 'skills',
  'Person.profiles{}': 'profiles',
  'Person.shifts': 'calendars',
  'Queue.sla_policy': 'slaPolicies',
  'Queue.hours': 'calendars',
  'QueueMembership.queue': 'queues',
  'Scope.departments[]': 'departments',
  'Scope.queues[]': 'queues',
  'Step.lower{}': 'skills',
  'Step.drop[]': 'skills',
  'Step.needs{}': 'skills',
  'Step.add_queue': 'queues',
  'Target.calendar': 'calendars',
  'Then.queue': 'queues',
  'Then.skills{}': 'skills',
  'Then.prefer_skills{}': 'skills',
  'Then.prefer_agent': 'people',
  'Then.sla_policy': 'slaPolicies',
  'Then.overflow': 'queues',
  'Then.labels[]': 'labels',
}

// Words that stand where a reference stands.
const BESIDE_REFERENCES: Readonly<Record<string, readonly string[]>> = {
  'Consequence.notify[]': ['agent', 'supervisors'],
  'Then.overflow': ['never'],
}

const SPECIAL: Readonly<Record<string, Field>> = {
  'Rule.when': { kind: 'condition' },
  'About.time_zone': { kind: 'timeZone' },
  'Calendar.time_zone': { kind: 'timeZone' },
  'CapacityProfile.time_zone': { kind: 'timeZone' },
  'Calendar.hours{=}[]': { kind: 'hours' },
  'ExtraHoliday.hours[]': { kind: 'hours' },
  'CapacityProfile.channels[]': { kind: 'channel' },
  'Organisation.channel_units{}': { kind: 'channel' },
  'Special.channel': { kind: 'channel' },
}

/** The places that the schema must have; a test finds those that it has no longer. */
export const PLACES: readonly string[] = [
  ...Object.keys(REFERENCES),
  ...Object.keys(SPECIAL),
  ...Object.keys(BESIDE_REFERENCES),
]

/** The form of the whole document: a group whose properties are its sections. */
export function formOf(schema: JsonSchema): Group {
  return group('Organisation', schema, schema.$defs ?? {})
}

/** The field at a path in the form; undefined: there is none. Of alternatives it is the first that has the path. */
export function fieldAt(field: Field, path: readonly (string | number)[]): Field | undefined {
  const [part, ...rest] = path
  if (part === undefined) return field
  switch (field.kind) {
    case 'group': {
      const inside = field.properties.find(property => property.key === part)
      return inside && fieldAt(inside.field, rest)
    }
    case 'map':
      return fieldAt(field.value, rest)
    case 'list':
      return fieldAt(field.item, rest)
    case 'alternatives':
      return field.of.map(inside => fieldAt(inside, path)).find(found => found !== undefined)
    default:
      return undefined
  }
}

/** The keys of the map at a path in the order of the schema: where a form writes a new one. */
export function keyOrder(form: Field): (path: readonly (string | number)[]) => readonly string[] | undefined {
  return path => {
    const found = fieldAt(form, path)
    const groups = found?.kind === 'alternatives' ? found.of : [found]
    const written = groups.find(inside => inside?.kind === 'group')
    return written?.kind === 'group' ? written.properties.map(property => property.key) : undefined
  }
}

type Definitions = Readonly<Record<string, JsonSchema>>

function group(name: string, schema: JsonSchema, definitions: Definitions): Group {
  const properties = Object.entries(schema.properties ?? {}).map(([key, inside]) => {
    const required = schema.required?.includes(key) ?? false
    const property: Property = {
      key,
      title: inWords(key),
      description: plain(inside.description ?? resolved(inside, definitions)?.[1].description),
      required,
      fallback: required ? undefined : (inside.default ?? null),
      field: field(`${name}.${key}`, inside, definitions),
    }
    return property
  })
  // What says what the thing is comes first, whichever class the schema has it from.
  const first = properties.filter(({ key }) => key === 'id' || key === 'name')
  return {
    kind: 'group',
    name,
    description: plain(schema.description),
    properties: [...first, ...properties.filter(property => !first.includes(property))],
  }
}

function field(place: string, schema: JsonSchema, definitions: Definitions): Field {
  const definition = resolved(schema, definitions)
  if (definition) {
    const [name, inside] = definition
    return inside.type === 'object' ? group(name, inside, definitions) : field(place, inside, definitions)
  }
  const of = (schema.anyOf ?? []).filter(one => one.type !== 'null')
  if (of.length === 1) return field(place, of[0]!, definitions)
  if (of.length > 1) return { kind: 'alternatives', of: of.map(one => field(place, one, definitions)) }
  switch (schema.type) {
    case 'array':
      return {
        kind: 'list',
        item: field(`${place}[]`, schema.items ?? {}, definitions),
        least: schema.minItems ?? 0,
        ...given('most', schema.maxItems),
      }
    case 'object':
      return map(place, schema, definitions)
    case 'integer':
      return { kind: 'number', ...given('least', schema.minimum), ...given('most', schema.maximum) }
    case 'boolean':
      return { kind: 'switch' }
    default:
      return textual(place, schema)
  }
}

function map(place: string, schema: JsonSchema, definitions: Definitions): Field {
  // A map in a list, such as the sets of skills of members, is described as the list is.
  const keyPlace = `${place.replace(/(\[\])+$/, '')}{}`
  return {
    kind: 'map',
    key: textual(keyPlace, schema.propertyNames ?? { type: 'string' }),
    value: field(`${place}{=}`, schema.additionalProperties || {}, definitions),
    least: schema.minProperties ?? 0,
  }
}

function textual(place: string, schema: JsonSchema): Field {
  if (schema.const !== undefined) return { kind: 'choice', choices: [schema.const] }
  if (schema.enum) return { kind: 'choice', choices: schema.enum }
  const special = SPECIAL[place]
  if (special) return special
  const to = REFERENCES[place]
  const words = BESIDE_REFERENCES[place]
  if (to && words)
    return {
      kind: 'alternatives',
      of: [
        { kind: 'choice', choices: words },
        { kind: 'reference', to },
      ],
    }
  if (to) return { kind: 'reference', to }
  if (schema.format === 'date') return { kind: 'day' }
  if (schema.examples?.includes('4h')) return { kind: 'duration' }
  if (schema.examples?.includes('75%')) return { kind: 'percent' }
  if (schema.examples?.includes('2027-01-04T08:30')) return { kind: 'moment' }
  return { kind: 'text', ...given('pattern', schema.pattern), ...given('longest', schema.maxLength) }
}

function resolved(schema: JsonSchema, definitions: Definitions): [string, JsonSchema] | undefined {
  const name = schema.$ref?.replace('#/$defs/', '')
  const found = name === undefined ? undefined : definitions[name]
  return found && [name!, found]
}

function inWords(key: string): string {
  const words = key
    .replaceAll('_', ' ')
    .replace(/\bsla\b/, 'SLA')
    .replace(/\bimap\b/, 'IMAP')
    .replace(/\btls\b/, 'TLS')
  return words.charAt(0).toUpperCase() + words.slice(1)
}

/** A description without the marks of code. */
function plain(description: string | undefined): string {
  return (description ?? '').replaceAll('`', '')
}

function given<K extends string, V>(key: K, value: V | undefined): { readonly [_ in K]?: V } {
  return (value === undefined ? {} : { [key]: value }) as { readonly [_ in K]?: V }
}
