/** The names that a document defines, in its order: what other places of it may refer to. */
export interface DocumentNames {
  readonly queues: readonly string[]
  readonly skills: readonly string[]
  readonly topics: readonly string[]
  /** Labels that rules and service levels put on work. */
  readonly labels: readonly string[]
  readonly departments: readonly string[]
  readonly calendars: readonly string[]
  readonly slaPolicies: readonly string[]
  readonly people: readonly string[]
  readonly presences: readonly string[]
  readonly profiles: readonly string[]
  /** Mail addresses and handles of ours. */
  readonly accounts: readonly string[]
}

const BUILT_IN_PRESENCES = ['available', 'busy', 'away']

/** The names in a document as it was read. What is not as the schema says is left out: people are typing it. */
export function namesOf(document: unknown): DocumentNames {
  const presences = texts(items(at(document, 'presences')).map(item => at(item, 'id')))
  return {
    queues: keys(at(document, 'queues')),
    skills: keys(at(document, 'skills')),
    topics: unique(values(at(document, 'departments')).flatMap(department => keys(at(department, 'topics')))),
    labels: labelsOf(document),
    departments: keys(at(document, 'departments')),
    calendars: keys(at(document, 'calendars')),
    slaPolicies: keys(at(document, 'sla_policies')),
    people: texts(items(at(document, 'people')).map(person => at(person, 'id'))),
    presences: presences.length > 0 ? presences : BUILT_IN_PRESENCES,
    profiles: texts(items(at(document, 'capacity_profiles')).map(profile => at(profile, 'id'))),
    accounts: texts([
      ...items(at(document, 'channels', 'email')).map(account => at(account, 'address')),
      ...items(at(document, 'channels', 'social')).map(account => at(account, 'handle')),
    ]),
  }
}

function labelsOf(document: unknown): string[] {
  const ofRules = items(at(document, 'rules')).map(rule => at(rule, 'then', 'labels'))
  const ofPolicies = values(at(document, 'sla_policies')).flatMap(policy => [
    at(policy, 'on_warning', 'labels'),
    at(policy, 'on_breach', 'labels'),
  ])
  return unique(texts([...ofRules, ...ofPolicies].flatMap(items)))
}

function at(value: unknown, ...path: string[]): unknown {
  return path.reduce<unknown>((inside, key) => (isMap(inside) ? inside[key] : undefined), value)
}

function isMap(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

function keys(value: unknown): string[] {
  return isMap(value) ? Object.keys(value) : []
}

function values(value: unknown): unknown[] {
  return isMap(value) ? Object.values(value) : []
}

function items(value: unknown): unknown[] {
  return Array.isArray(value) ? value : []
}

function texts(found: readonly unknown[]): string[] {
  return found.filter(value => typeof value === 'string')
}

function unique(found: readonly string[]): string[] {
  return [...new Set(found)]
}
