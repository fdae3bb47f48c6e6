import { useQuery } from '@tanstack/react-query'
import { useMemo, useState } from 'react'
import { dataOf, newKey, routing } from '@/api/client'
import type { components } from '@/api/routing'
import { announce } from '@/design/announce'
import { Button, IconButton } from '@/design/controls'
import { TextField } from '@/design/fields'
import { Select } from '@/design/select'
import { Banner, Empty, Failed, Loading } from '@/design/show'
import { duration } from '@/format/time'
import { serverNow } from '@/live/clock'
import { useTexts } from '@/texts/catalogue'
import { locale } from '@/texts/language'
import { type Cell, holidaysOf, monthsOf } from './calendar/year'
import styles from './studio.module.css'
import { useStudio } from './studio-context'
import { texts } from './texts'

/** A calendar's year as routing counts it, and when a promise of any moment is due. */
export function CalendarPage() {
  const t = useTexts(texts)
  const { vocabulary, draft } = useStudio()
  const { calendars } = vocabulary.names
  const [chosen, setChosen] = useState<string | null>(calendars[0] ?? null)
  const [year, setYear] = useState(() => new Date(serverNow()).getFullYear())
  const calendar = chosen !== null && calendars.includes(chosen) ? chosen : (calendars[0] ?? null)
  const found = useQuery({
    queryKey: ['studio', 'calendar', calendar, year, draft?.id, draft?.revision],
    queryFn: () =>
      dataOf(
        routing.GET('/configuration/calendars/{calendar}', {
          params: { path: { calendar: calendar! }, query: { year, ...(draft && { draft_id: draft.id }) } },
        }),
      ),
    enabled: calendar !== null,
    placeholderData: before => before,
  })
  if (calendar === null) return <Empty icon="calendar" title={t.noCalendars} />
  return (
    <div className={styles.wide}>
      <div className={styles.bar}>
        <Select
          label={t.calendar}
          labelHidden
          value={calendar}
          choices={calendars.map(id => ({ id, label: id }))}
          onChange={setChosen}
        />
        <IconButton icon="left" label={t.yearBefore} onPress={() => setYear(year - 1)} />
        <h2>{String(year)}</h2>
        <IconButton icon="right" label={t.yearAfter} onPress={() => setYear(year + 1)} />
        <span className="dim">{found.data && `${found.data.name} · ${found.data.time_zone}`}</span>
      </div>
      {found.error && <Failed error={found.error} onRetry={() => void found.refetch()} />}
      {found.isPending && <Loading lines={12} />}
      {found.data && (
        <div className={styles.calendarSplit}>
          <Year year={found.data} />
          <div className={styles.stack}>
            <Due calendar={calendar} zone={found.data.time_zone} draftId={draft?.id ?? null} />
            <Holidays year={found.data} />
          </div>
        </div>
      )}
    </div>
  )
}

type YearView = components['schemas']['CalendarYear']

function Year({ year }: { year: YearView }) {
  const t = useTexts(texts)
  const months = useMemo(() => monthsOf(year, firstWeekday()), [year])
  const name = new Intl.DateTimeFormat(locale(), { month: 'long', timeZone: 'UTC' })
  const weekday = new Intl.DateTimeFormat(locale(), { weekday: 'narrow', timeZone: 'UTC' })
  const whole = new Intl.DateTimeFormat(locale(), { weekday: 'long', timeZone: 'UTC' })
  // The 5th of January 2026 is a Monday.
  const weekdays = Array.from(
    { length: 7 },
    (_, place) => new Date(Date.UTC(2026, 0, 4 + firstWeekday() + place)),
  )
  return (
    <div className={styles.year}>
      {months.map(({ month, weeks }) => (
        <table key={month} className={styles.month}>
          <caption>{name.format(Date.UTC(year.year, month - 1, 1))}</caption>
          <thead>
            <tr>
              {weekdays.map(one => (
                <th key={one.getTime()} scope="col">
                  <abbr title={whole.format(one)}>{weekday.format(one)}</abbr>
                </th>
              ))}
            </tr>
          </thead>
          <tbody>
            {weeks.map(week => (
              <tr key={week.find(Boolean)?.day}>
                {week.map((cell, place) =>
                  cell ? (
                    <Day key={cell.day} cell={cell} />
                  ) : (
                    // biome-ignore lint/suspicious/noArrayIndexKey: places without a day
                    <td key={place} />
                  ),
                )}
              </tr>
            ))}
          </tbody>
        </table>
      ))}
      <p className={styles.legend}>
        <span data-kind="open">{t.dayKinds.open}</span>
        <span data-kind="closed">{t.dayKinds.closed}</span>
        <span data-kind="holiday">{t.dayKinds.holiday}</span>
        <span data-kind="own-hours">{t.dayKinds['own-hours']}</span>
        <span data-clock="true">{t.clockChange}</span>
      </p>
    </div>
  )
}

function Day({ cell }: { cell: Cell }) {
  const t = useTexts(texts)
  const said = [
    cell.holiday,
    cell.minutes > 0 ? t.openFor(duration(cell.minutes * 60_000)) : t.dayKinds.closed,
    cell.clockChange !== 0 && t.clockMoves(cell.clockChange),
  ]
    .filter(Boolean)
    .join(', ')
  return (
    <td data-kind={cell.kind} data-clock={cell.clockChange !== 0 || undefined} title={said}>
      {cell.number}
      <span className="hidden"> {said}</span>
    </td>
  )
}

function Holidays({ year }: { year: YearView }) {
  const t = useTexts(texts)
  const days = holidaysOf(year)
  const shown = new Intl.DateTimeFormat(locale(), {
    day: 'numeric',
    month: 'long',
    weekday: 'short',
    timeZone: 'UTC',
  })
  const clock = new Intl.DateTimeFormat(locale(), {
    day: 'numeric',
    month: 'long',
    hour: '2-digit',
    minute: '2-digit',
    timeZone: year.time_zone,
  })
  return (
    <section className={styles.stack} aria-label={t.holidays}>
      <h3>{t.holidays}</h3>
      {days.length === 0 && <p className="dim">{t.noHolidays}</p>}
      <ul className={styles.dayList}>
        {days.map(one => (
          <li key={one.day}>
            <span>{one.holiday}</span> <span className="dim">{shown.format(Date.parse(one.day))}</span>
          </li>
        ))}
      </ul>
      {year.clock_changes.length > 0 && (
        <>
          <h3>{t.clockChanges}</h3>
          <ul className={styles.dayList}>
            {year.clock_changes.map(one => (
              <li key={one.at}>
                <span>{t.clockMoves(one.offset_minutes_after - one.offset_minutes_before)}</span>{' '}
                <span className="dim">{clock.format(Date.parse(one.at))}</span>
              </li>
            ))}
          </ul>
        </>
      )}
    </section>
  )
}

/** When a promise is due by the calendar. */
function Due({ calendar, zone, draftId }: { calendar: string; zone: string; draftId: string | null }) {
  const t = useTexts(texts)
  const [from, setFrom] = useState(() => localInput(serverNow()))
  const [within, setWithin] = useState('4h')
  const [answer, setAnswer] = useState<components['schemas']['DueTime'] | null>(null)
  const [failure, setFailure] = useState<string | null>(null)
  const shown = new Intl.DateTimeFormat(locale(), { dateStyle: 'full', timeStyle: 'short', timeZone: zone })
  const ask = async () => {
    setFailure(null)
    setAnswer(null)
    try {
      const due = await dataOf(
        routing.POST('/configuration/calendars/{calendar}/due', {
          params: {
            path: { calendar },
            header: { 'Idempotency-Key': newKey() },
            query: draftId ? { draft_id: draftId } : {},
          },
          body: { from: new Date(from).toISOString(), within },
        }),
      )
      setAnswer(due)
      announce(t.dueAt(shown.format(Date.parse(due.due_at))))
    } catch (error) {
      setFailure(error instanceof Error ? error.message : String(error))
    }
  }
  return (
    <form
      className={styles.form}
      aria-label={t.dueWhen}
      onSubmit={event => {
        event.preventDefault()
        void ask()
      }}
    >
      <h3>{t.dueWhen}</h3>
      <TextField label={t.from} help={t.fromHelp} type="datetime-local" value={from} onChange={setFrom} />
      <TextField label={t.within} help={t.withinHelp} value={within} onChange={setWithin} />
      <div>
        <Button type="submit" icon="clock" isDisabled={!from || !within.trim()}>
          {t.ask}
        </Button>
      </div>
      {failure && <Banner tone="late">{failure}</Banner>}
      {answer && (
        <p className={styles.answer}>
          {t.dueAt(shown.format(Date.parse(answer.due_at)))} <span className="dim">({answer.time_zone})</span>
        </p>
      )}
    </form>
  )
}

/** A moment as an input of date and time writes it, in the browser's time zone. */
function localInput(at: number): string {
  const when = new Date(at)
  return new Date(at - when.getTimezoneOffset() * 60_000).toISOString().slice(0, 16)
}

/** 1 is Monday, 7 is Sunday. */
function firstWeekday(): number {
  const known = new Intl.Locale(locale()) as Intl.Locale & {
    getWeekInfo?: () => { firstDay: number }
    weekInfo?: { firstDay: number }
  }
  return (known.getWeekInfo?.() ?? known.weekInfo)?.firstDay ?? 1
}
