import {
  caseMgmt,
  customerProfile,
  dataOf,
  ingestDirect,
  ingestEmail,
  ingestSocial,
  SERVICES,
  type ServiceName,
} from '@/api/client'
import { type Counts, differences, judge, READINGS, type Reading, type Verdict } from './accounting'
import { every } from './services'

/** One service now. What is null is not stated, because it does not answer. */
export interface ServiceHealth {
  readonly service: ServiceName
  /** Why it is not ready; null when it is. */
  readonly fault: string | null
  /** The version of the organisation's document by which it works; 0 is the file. */
  readonly version: number | null
  /** Events on topics that it has not read yet. */
  readonly behind: number | null
  /** How long the oldest event waits that it has to send, in seconds. */
  readonly outboxSeconds: number | null
  readonly parked: number | null
  readonly deadLetters: number | null
}

export interface Health {
  readonly services: readonly ServiceHealth[]
  readonly readings: readonly Reading[]
  readonly verdict: Verdict
  /** All messages that came in. */
  readonly received: number
}

/** Reads all services. `before` are the readings of the counts before this one. */
export async function readHealth(before: readonly Reading[]): Promise<Health> {
  const [services, counts] = await Promise.all([Promise.all(SERVICES.map(readService)), readCounts()])
  const inFlight = services.reduce((sum, one) => sum + (one.behind ?? 0) + (one.outboxSeconds ? 1 : 0), 0)
  const readings = [...before, { differences: differences(counts), inFlight }].slice(-READINGS)
  const received = Object.values(counts.entrances).reduce((sum, one) => sum + (one?.received ?? 0), 0)
  return { services, readings, verdict: judge(readings), received }
}

/** Whether the services work by different versions of the configuration. */
export function versionsDiffer(services: readonly ServiceHealth[]): boolean {
  return new Set(services.flatMap(one => (one.version === null ? [] : [one.version]))).size > 1
}

async function readService(service: ServiceName): Promise<ServiceHealth> {
  const [ready, metrics] = await Promise.allSettled([
    dataOf(every[service].GET('/readyz')),
    dataOf(every[service].GET('/metrics', { parseAs: 'text' })),
  ])
  const values = metrics.status === 'fulfilled' ? sums(metrics.value) : null
  const value = (name: string) => (values ? (values.get(name) ?? 0) : null)
  return {
    service,
    fault: ready.status === 'rejected' ? String(ready.reason?.message ?? ready.reason) : null,
    version: ready.status === 'fulfilled' ? ready.value.configuration_version : null,
    behind: value('antiphon_consumer_lag_records'),
    outboxSeconds: value('antiphon_outbox_oldest_seconds'),
    parked: value('antiphon_parked_events'),
    deadLetters: value('antiphon_dead_letters_total'),
  }
}

/** The metrics by name, summed over their labels. Source: the text format of Prometheus. */
export function sums(text: string): Map<string, number> {
  const found = new Map<string, number>()
  for (const line of text.split('\n')) {
    const end = line.lastIndexOf(' ')
    if (line.startsWith('#') || end < 0) continue
    const name = line.slice(0, end).split('{', 1)[0] ?? ''
    found.set(name, (found.get(name) ?? 0) + Number(line.slice(end + 1)))
  }
  return found
}

async function readCounts(): Promise<Counts> {
  const [mail, social, direct, customers, cases] = await Promise.all([
    orNull(dataOf(ingestEmail.GET('/counts'))),
    orNull(dataOf(ingestSocial.GET('/counts'))),
    orNull(dataOf(ingestDirect.GET('/counts'))),
    orNull(dataOf(customerProfile.GET('/counts'))),
    orNull(dataOf(caseMgmt.GET('/counts'))),
  ])
  return {
    entrances: { 'ingest-email': mail, 'ingest-social': social, 'ingest-direct': direct },
    records: {
      'customer-profile': customers?.interactions ?? null,
      'case-mgmt': cases?.interactions ?? null,
    },
  }
}

function orNull<T>(asked: Promise<T>): Promise<T | null> {
  return asked.catch(() => null)
}
