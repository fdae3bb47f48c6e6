import { answerOf, dataOf, newKey, SERVICES, type ServiceName } from '@/api/client'
import { every } from './services'

export type FailedKind = 'dead-letters' | 'parked-events'

/** An event that a service could not handle, or that Kafka refused to take from it. */
export interface FailedEvent {
  readonly service: ServiceName
  readonly number: number
  readonly topic: string
  /** Partition and offset; null for an event that is on no topic yet. */
  readonly place: string | null
  readonly eventId: string | null
  readonly bytes: number | null
  readonly reason: string
  readonly failedAt: string
  readonly attempts: number
  readonly replayRequestedAt: string | null
}

/** Where the next page of each service begins. A service without an entry has no more. */
export type Cursors = Readonly<Partial<Record<ServiceName, string | null>>>
export const FIRST: Cursors = Object.fromEntries(SERVICES.map(name => [name, null]))

/** A page of all services together, the oldest first. */
export interface FailedPage {
  readonly events: readonly FailedEvent[]
  readonly next: Cursors
  /** The services that did not answer. */
  readonly away: readonly ServiceName[]
}

/** Reads the next page of each service that has one. A service that does not answer is in `away`. */
export async function readPage(kind: FailedKind, cursors: Cursors): Promise<FailedPage> {
  const services = SERVICES.filter(name => name in cursors)
  const answers = await Promise.allSettled(services.map(name => READ[kind](name, cursors[name] ?? null)))
  const events: FailedEvent[] = []
  const next: Partial<Record<ServiceName, string>> = {}
  const away: ServiceName[] = []
  answers.forEach((answer, index) => {
    const name = services[index] as ServiceName
    if (answer.status === 'rejected') {
      away.push(name)
      return
    }
    events.push(...answer.value.events)
    if (answer.value.next) next[name] = answer.value.next
  })
  if (away.length === SERVICES.length) throw (answers[0] as PromiseRejectedResult).reason
  return { events: events.sort((a, b) => a.failedAt.localeCompare(b.failedAt)), next, away }
}

const READ = { 'dead-letters': readDeadLetters, 'parked-events': readParkedEvents }

async function readDeadLetters(service: ServiceName, cursor: string | null) {
  const page = await dataOf(every[service].GET('/dead-letters', { params: { query: { cursor } } }))
  const events = page.items.map(one => ({
    service,
    number: one.dead_letter_id,
    topic: one.topic,
    place: `${one.partition} / ${one.offset}`,
    eventId: one.event_id,
    bytes: null,
    reason: one.reason,
    failedAt: one.failed_at,
    attempts: one.attempts,
    replayRequestedAt: one.replay_requested_at,
  }))
  return { events, next: page.next }
}

async function readParkedEvents(service: ServiceName, cursor: string | null) {
  const page = await dataOf(every[service].GET('/parked-events', { params: { query: { cursor } } }))
  const events = page.items.map(one => ({
    service,
    number: one.parked_event_id,
    topic: one.topic,
    place: null,
    eventId: one.event_id,
    bytes: one.bytes,
    reason: one.reason,
    failedAt: one.parked_at,
    attempts: 1,
    replayRequestedAt: null,
  }))
  return { events, next: page.next }
}

/** Asks the service to handle or send an event again. Throws ApiProblem; 404 when it was replayed meanwhile. */
export async function replay(kind: FailedKind, event: FailedEvent): Promise<void> {
  const header = { 'Idempotency-Key': newKey() }
  const api = every[event.service]
  await (kind === 'dead-letters'
    ? answerOf(
        api.POST('/dead-letters/{dead_letter_id}/replay', {
          params: { path: { dead_letter_id: event.number }, header },
        }),
      )
    : answerOf(
        api.POST('/parked-events/{parked_event_id}/replay', {
          params: { path: { parked_event_id: event.number }, header },
        }),
      ))
}

export const keyOf = (event: FailedEvent) => `${event.service}:${event.number}`

/** How the replays came out that were asked for, by what is listed since. */
export interface Outcome {
  readonly handled: readonly string[]
  readonly failedAgain: readonly FailedEvent[]
  readonly waiting: readonly string[]
}

/** An event that is no longer listed was handled. One that is listed and waits for no replay failed again. */
export function outcomeOf(asked: ReadonlySet<string>, listed: readonly FailedEvent[]): Outcome {
  const there = new Map(listed.map(event => [keyOf(event), event]))
  const handled: string[] = []
  const failedAgain: FailedEvent[] = []
  const waiting: string[] = []
  for (const key of asked) {
    const event = there.get(key)
    if (!event) handled.push(key)
    else if (event.replayRequestedAt) waiting.push(key)
    else failedAgain.push(event)
  }
  return { handled, failedAgain, waiting }
}
