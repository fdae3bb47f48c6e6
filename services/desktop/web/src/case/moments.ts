import type { ClockView, WorkDetail } from '@/api/routing'
import type { CaseTexts } from './texts'

/** A point on the line of a case's time: what was promised, what was met or missed, and what comes. */
export interface Moment {
  readonly id: string
  readonly at: string
  readonly what: string
  readonly state: 'coming' | 'paused' | 'met' | 'missed'
}

/** The moments that come, the first first. What a running clock says is not said again by the work. */
export function coming(clocks: readonly ClockView[], work: WorkDetail | null, t: CaseTexts): Moment[] {
  const running = clocks.filter(clock => !clock.met_at && !clock.cancelled_at)
  const moments: Moment[] = running.map(clock => ({
    id: clock.clock_id,
    at: clock.due_at,
    what: clock.paused_since ? t.pausedSince(target(clock, t)) : t.dueBy(target(clock, t)),
    state: clock.paused_since ? 'paused' : clock.breached_at ? 'missed' : 'coming',
  }))
  const due = new Set(running.map(clock => Date.parse(clock.due_at)))
  for (const [index, next] of (work?.coming ?? []).entries()) {
    if (next.kind === 'due' && due.has(Date.parse(next.at))) continue
    const what = next.kind === 'due' ? t.promised : next.what
    moments.push({ id: `work-${index}`, at: next.at, what, state: 'coming' })
  }
  const offer = work?.offers.find(one => one.result === null)
  if (offer) {
    const name = work?.candidates.find(one => one.agent_id === offer.agent_id)?.name ?? offer.agent_id
    moments.push({ id: offer.offer_id, at: offer.expires_at, what: t.offerEnds(name), state: 'coming' })
  }
  return moments.sort((one, other) => place(one) - place(other))
}

/** What was met or missed, the newest first. */
export function past(clocks: readonly ClockView[], t: CaseTexts): Moment[] {
  return clocks
    .flatMap((clock): Moment[] => {
      const { breached_at: missed, met_at: met, clock_id: id } = clock
      return [
        ...(missed
          ? [{ id: `${id}-missed`, at: missed, what: t.missed(target(clock, t)), state: 'missed' as const }]
          : []),
        ...(met
          ? [
              {
                id: `${id}-met`,
                at: met,
                what: (missed ? t.metLate : t.met)(target(clock, t)),
                state: 'met' as const,
              },
            ]
          : []),
      ]
    })
    .sort((one, other) => Date.parse(other.at) - Date.parse(one.at))
}

/** A clock that stands still comes last: its time moves on. */
function place(moment: Moment): number {
  return moment.state === 'paused' ? Number.POSITIVE_INFINITY : Date.parse(moment.at)
}

function target(clock: ClockView, t: CaseTexts): string {
  return t.clockOf[clock.target] ?? clock.target
}
