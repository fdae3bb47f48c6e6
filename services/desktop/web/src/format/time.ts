import { locale } from '@/texts/language'

const SECOND = 1000
const MINUTE = 60 * SECOND
const HOUR = 60 * MINUTE
const DAY = 24 * HOUR

const cache = new Map<string, Intl.DateTimeFormat>()
function formatter(options: Intl.DateTimeFormatOptions): Intl.DateTimeFormat {
  const key = `${locale()} ${JSON.stringify(options)}`
  const found = cache.get(key) ?? new Intl.DateTimeFormat(locale(), options)
  cache.set(key, found)
  return found
}

/** `14:05` on the same day as `now`, `Tue 14:05` within six days, else `24 Nov 2026, 14:05`. In the browser's time zone. */
export function moment(at: string | number | Date, now: number): string {
  const when = new Date(at)
  const today = new Date(now)
  if (when.toDateString() === today.toDateString()) return clockTime(when)
  if (Math.abs(when.getTime() - now) < 6 * DAY)
    return formatter({ weekday: 'short', hour: '2-digit', minute: '2-digit' }).format(when)
  return formatter({
    day: 'numeric',
    month: 'short',
    year: 'numeric',
    hour: '2-digit',
    minute: '2-digit',
  }).format(when)
}

/** `14:05` */
export function clockTime(at: string | number | Date): string {
  return formatter({ hour: '2-digit', minute: '2-digit' }).format(new Date(at))
}

/** `14:05:09` */
export function exactTime(at: string | number | Date): string {
  return formatter({ hour: '2-digit', minute: '2-digit', second: '2-digit' }).format(new Date(at))
}

/** The whole moment with its time zone, for a title. */
export function wholeMoment(at: string | number | Date): string {
  return formatter({ dateStyle: 'full', timeStyle: 'long' }).format(new Date(at))
}

/** `24 November 2026` */
export function day(at: string | number | Date): string {
  return formatter({ day: 'numeric', month: 'long', year: 'numeric' }).format(new Date(at))
}

/** A length of time by its two largest units: `45 s`, `12 min`, `1 h 5 min`, `2 days 3 h`. Never negative. */
export function duration(milliseconds: number): string {
  const ms = Math.abs(milliseconds)
  if (ms < MINUTE) return unit(Math.floor(ms / SECOND), 'second')
  if (ms < HOUR) return unit(Math.floor(ms / MINUTE), 'minute')
  if (ms < DAY) return joined([Math.floor(ms / HOUR), 'hour'], [Math.floor((ms % HOUR) / MINUTE), 'minute'])
  return joined([Math.floor(ms / DAY), 'day'], [Math.floor((ms % DAY) / HOUR), 'hour'])
}

/** `4:05` of minutes and seconds, for a clock that runs. */
export function countdown(milliseconds: number): string {
  const seconds = Math.max(0, Math.ceil(milliseconds / SECOND))
  return `${Math.floor(seconds / 60)}:${String(seconds % 60).padStart(2, '0')}`
}

function joined(large: [number, string], small: [number, string]): string {
  return small[0] === 0 ? unit(...large) : `${unit(...large)} ${unit(...small)}`
}

const units = new Map<string, Intl.NumberFormat>()
function unit(count: number, name: string): string {
  const key = `${locale()} ${name}`
  const found =
    units.get(key) ?? new Intl.NumberFormat(locale(), { style: 'unit', unit: name, unitDisplay: 'short' })
  units.set(key, found)
  return found.format(count)
}
