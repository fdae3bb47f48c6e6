/** A year of a calendar (routing: `GET /configuration/calendars/{calendar}`). Times carry the calendar's own offset. */
export interface CalendarYear {
  readonly year: number
  /** All days of the year, in order. */
  readonly days: readonly {
    readonly day: string
    readonly holiday: string | null
    readonly open: readonly { readonly opens_at: string; readonly closes_at: string }[]
  }[]
  readonly clock_changes: readonly {
    readonly at: string
    readonly offset_minutes_before: number
    readonly offset_minutes_after: number
  }[]
}

/** A day as it is drawn. */
export interface Cell {
  /** `2026-12-25` */
  readonly day: string
  readonly number: number
  /** A holiday or special day is closed, or has hours of its own. */
  readonly kind: 'open' | 'closed' | 'holiday' | 'own-hours'
  readonly holiday: string | null
  /** Minutes for which it is open: an hour that a clock change skips does not count. */
  readonly minutes: number
  /** By how many minutes the clocks go forward on this day; below 0 they go back, 0: they don't change. */
  readonly clockChange: number
}

/** A month as weeks of seven days; null where the day is of another month. */
export interface Month {
  /** From 1. */
  readonly month: number
  readonly weeks: readonly (readonly (Cell | null)[])[]
}

/** The months of a year. `firstWeekday` is the day with which weeks begin: 1 is Monday, 7 is Sunday, as in `Intl.Locale`. */
export function monthsOf(year: CalendarYear, firstWeekday: number): Month[] {
  const changes = new Map(
    year.clock_changes.map(change => [
      change.at.slice(0, 10),
      change.offset_minutes_after - change.offset_minutes_before,
    ]),
  )
  return Array.from({ length: 12 }, (_, index) => {
    const days = year.days.filter(({ day }) => Number(day.slice(5, 7)) === index + 1)
    const cells = days.map(day => cellOf(day, changes.get(day.day) ?? 0))
    const before = (weekday(cells[0]!.day) - firstWeekday + 7) % 7
    const padded = [...Array<null>(before).fill(null), ...cells]
    const weeks = Array.from({ length: Math.ceil(padded.length / 7) }, (_, week) =>
      Array.from({ length: 7 }, (_, place) => padded[week * 7 + place] ?? null),
    )
    return { month: index + 1, weeks }
  })
}

/** The days with a name, in order: the list beside the picture. */
export function holidaysOf(year: CalendarYear): Cell[] {
  return year.days.filter(({ holiday }) => holiday !== null).map(day => cellOf(day, 0))
}

function cellOf({ day, holiday, open }: CalendarYear['days'][number], clockChange: number): Cell {
  const minutes = open.reduce(
    (sum, { opens_at, closes_at }) => sum + (Date.parse(closes_at) - Date.parse(opens_at)) / 60_000,
    0,
  )
  const isOpen = open.length > 0
  const kind = holiday === null ? (isOpen ? 'open' : 'closed') : isOpen ? 'own-hours' : 'holiday'
  return { day, number: Number(day.slice(8)), kind, holiday, minutes, clockChange }
}

/** 1 is Monday, 7 is Sunday. */
function weekday(day: string): number {
  return new Date(`${day}T00:00:00Z`).getUTCDay() || 7
}
