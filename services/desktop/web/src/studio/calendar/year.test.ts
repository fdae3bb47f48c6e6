import { expect, test } from 'vitest'
import { type CalendarYear, holidaysOf, monthsOf } from './year'

const DAYS = Array.from({ length: 365 }, (_, index) =>
  new Date(Date.UTC(2026, 0, 1 + index)).toISOString().slice(0, 10),
)

/** Sydney in 2026, open on two Sundays on which clocks change, closed at Christmas, with hours of its own on the 24th. */
const YEAR: CalendarYear = {
  year: 2026,
  days: DAYS.map(day => ({
    day,
    holiday: { '2026-12-24': 'Christmas closing', '2026-12-25': 'Christmas Day' }[day] ?? null,
    open:
      {
        '2026-10-04': [{ opens_at: '2026-10-04T00:00:00+10:00', closes_at: '2026-10-05T00:00:00+11:00' }],
        '2026-12-24': [{ opens_at: '2026-12-24T09:00:00+11:00', closes_at: '2026-12-24T12:30:00+11:00' }],
      }[day] ?? [],
  })),
  clock_changes: [
    { at: '2026-04-05T02:00:00+10:00', offset_minutes_before: 660, offset_minutes_after: 600 },
    { at: '2026-10-04T03:00:00+11:00', offset_minutes_before: 600, offset_minutes_after: 660 },
  ],
}

const cells = (firstWeekday: number) => monthsOf(YEAR, firstWeekday).flatMap(month => month.weeks.flat())
const cell = (day: string) => cells(1).find(one => one?.day === day)

test.each([1, 6, 7])('weeks that begin with weekday %i have each day once, in its column', firstWeekday => {
  expect(cells(firstWeekday).flatMap(one => one?.day ?? [])).toEqual(DAYS)
  for (const { weeks } of monthsOf(YEAR, firstWeekday))
    for (const week of weeks) {
      expect(week).toHaveLength(7)
      expect(week.some(one => one !== null)).toBe(true)
      for (const [place, one] of week.entries())
        if (one) expect((new Date(one.day).getUTCDay() + 6) % 7).toBe((firstWeekday - 1 + place) % 7)
    }
})

test('a holiday is closed, and one with hours of its own is not', () => {
  expect(cell('2026-12-25')).toMatchObject({ kind: 'holiday', holiday: 'Christmas Day', minutes: 0 })
  expect(cell('2026-12-24')).toMatchObject({ kind: 'own-hours', minutes: 210, number: 24 })
  expect(cell('2026-12-26')).toMatchObject({ kind: 'closed' })
  expect(holidaysOf(YEAR).map(({ day }) => day)).toEqual(['2026-12-24', '2026-12-25'])
})

test('the day of a clock change says by how much, and has an hour less to be open', () => {
  expect(cell('2026-10-04')).toMatchObject({ kind: 'open', clockChange: 60, minutes: 23 * 60 })
  expect(cell('2026-04-05')).toMatchObject({ clockChange: -60 })
  expect(cell('2026-04-06')).toMatchObject({ clockChange: 0 })
})
