import { describe, expect, test } from 'vitest'
import { type Counts, differences, judge, type Reading, type Received } from './accounting'

const entrance = (received: number, more: Partial<Received> = {}): Received => ({
  received,
  interactions: received,
  duplicates: 0,
  quarantined: 0,
  ...more,
})
const counts = (records: number | null, mail: Received | null = entrance(5)): Counts => ({
  entrances: { 'ingest-email': mail, 'ingest-social': entrance(2), 'ingest-direct': entrance(0) },
  records: { 'customer-profile': records, 'case-mgmt': records },
})
const reading = (missing: number | null, inFlight = 0): Reading => ({
  differences: missing === 0 ? [] : [{ service: 'case-mgmt', missing }],
  inFlight,
})

describe('differences', () => {
  test('there is none where everything received is an interaction, a duplicate or quarantined', () => {
    expect(differences(counts(5, entrance(5, { interactions: 3, duplicates: 1, quarantined: 1 })))).toEqual(
      [],
    )
  })
  test('an entrance that lost a message is named with how many', () => {
    expect(differences(counts(6, entrance(5, { interactions: 4 })))).toEqual([
      { service: 'ingest-email', missing: 1 },
    ])
  })
  test('a service that does not answer has no number', () => {
    expect(differences(counts(null))).toEqual([
      { service: 'customer-profile', missing: null },
      { service: 'case-mgmt', missing: null },
    ])
  })
})

describe('judge', () => {
  test.each<[string, Reading[], string]>([
    ['no difference', [reading(2), reading(0)], 'agree'],
    ['a service is away', [reading(null)], 'disagree'],
    ['what is on its way explains it', [reading(2, 2)], 'in-transit'],
    ['it changes', [reading(3), reading(2)], 'in-transit'],
    ['one reading alone', [reading(2, 1)], 'unclear'],
    ['five equal readings', Array.from({ length: 5 }, () => reading(2, 1)), 'disagree'],
  ])('%s', (_, readings, verdict) => {
    expect(judge(readings)).toBe(verdict)
  })
})
