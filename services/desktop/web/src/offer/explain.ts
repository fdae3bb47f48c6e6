import type { components } from '@/api/routing'

export type WorkDetail = components['schemas']['WorkDetail']
export type OfferView = components['schemas']['OfferView']

/** A moment that comes if the offer is not answered. */
export interface Moment {
  readonly at: string
  readonly kind: 'offer-ends' | 'step' | 'hours' | 'due'
  /** What happens, in routing's words; null where the kind says it. */
  readonly what: string | null
}

/** What happens if the agent does not answer, the first first: the offer ends, steps of the queue, the promise breaks. */
export function momentsOf(offer: OfferView, work: WorkDetail | undefined): Moment[] {
  const ends: Moment = { at: offer.expires_at, kind: 'offer-ends', what: null }
  const coming: Moment[] = (work?.coming ?? [])
    .filter(one => one.kind !== 'due')
    .map(one => ({ at: one.at, kind: one.kind, what: one.what }))
  const due: Moment[] = offer.work.due_at ? [{ at: offer.work.due_at, kind: 'due', what: null }] : []
  return [ends, ...coming, ...due].sort((one, other) => Date.parse(one.at) - Date.parse(other.at))
}

/** Who else could take the work now, and how many can't. The agent themselves is not counted. */
export function othersOf(work: WorkDetail, agentId: string): { free: readonly string[]; not: number } {
  const others = work.candidates.filter(one => one.agent_id !== agentId)
  const free = others.filter(one => one.why_not === null).map(one => one.name)
  return { free, not: others.length - free.length }
}

/** The share of the offer's time that is left at `now` (milliseconds), from 1 to 0. */
export function shareLeft(offer: OfferView, now: number): number {
  const whole = Date.parse(offer.expires_at) - Date.parse(offer.offered_at)
  return Math.max(0, Math.min(1, (Date.parse(offer.expires_at) - now) / whole))
}
