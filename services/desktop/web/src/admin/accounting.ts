/** Whether every message that came in is accounted for. It judges as deploy/accounting.py, by which `make status` does. */

/** How many readings, a second apart, must have a difference that nothing on its way explains. */
export const READINGS = 5
export const ENTRANCES = ['ingest-email', 'ingest-social', 'ingest-direct'] as const
export const RECORDS = ['customer-profile', 'case-mgmt'] as const
type Entrance = (typeof ENTRANCES)[number]
type Records = (typeof RECORDS)[number]

export interface Received {
  readonly received: number
  readonly interactions: number
  readonly duplicates: number
  readonly quarantined: number
}
/** What the services count; null for one that does not answer. */
export interface Counts {
  readonly entrances: Readonly<Record<Entrance, Received | null>>
  readonly records: Readonly<Record<Records, number | null>>
}

/** A service whose counts do not account for `missing` messages; null when it does not answer. */
export interface Difference {
  readonly service: Entrance | Records
  readonly missing: number | null
}

/** The differences at one moment, and how many events the services had not handled or sent. */
export interface Reading {
  readonly differences: readonly Difference[]
  readonly inFlight: number
}
export type Verdict = 'agree' | 'in-transit' | 'unclear' | 'disagree'

/** Messages that are not accounted for now, by service. A message in transit is one until it arrives. */
export function differences(counts: Counts): Difference[] {
  const wrong: Difference[] = []
  let total = 0
  for (const service of ENTRANCES) {
    const one = counts.entrances[service]
    if (!one) {
      wrong.push({ service, missing: null })
      continue
    }
    total += one.interactions
    const missing = one.received - one.interactions - one.duplicates - one.quarantined
    if (missing) wrong.push({ service, missing })
  }
  for (const service of RECORDS) {
    const count = counts.records[service]
    if (count !== total) wrong.push({ service, missing: count === null ? null : total - count })
  }
  return wrong
}

/** What the readings show, the newest last. `unclear` asks for another one after a second. */
export function judge(readings: readonly Reading[]): Verdict {
  const newest = readings.at(-1)
  if (!newest || newest.differences.length === 0) return 'agree'
  if (newest.differences.some(one => one.missing === null)) return 'disagree'
  const most = Math.max(...newest.differences.map(one => Math.abs(one.missing ?? 0)))
  const shown = JSON.stringify(newest.differences)
  if (newest.inFlight >= most || readings.some(one => JSON.stringify(one.differences) !== shown))
    return 'in-transit'
  return readings.length >= READINGS ? 'disagree' : 'unclear'
}
