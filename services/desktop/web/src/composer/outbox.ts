import type { NewNote, NewReply } from '@/api/case-mgmt'
import { answerOf, caseMgmt } from '@/api/client'
import { ApiProblem } from '@/api/problem'
import { serverNow } from '@/live/clock'
import { readSession } from '@/session/session'
import type { Attempt, Drafts, Place } from './drafts'
import { attemptOf, IDLE, next, pauseAfter, type Sending, type SendingEvent } from './sending'

/**
 * Sends what a person wrote, whatever is shown meanwhile. One tab sends an attempt: it holds a lock while it does. When
 * that tab ends, the next one that knows of the attempt goes on. All requests of an attempt have one Idempotency-Key.
 */

// An attempt that is older is not sent by itself any more: its author decides.
const STALE = 10 * 60_000
const FRESH = 2000

/** `isOwn`: Send was pressed in this tab. */
export type Listener = (place: Place, sending: Sending, isOwn: boolean) => void

export class Outbox {
  private readonly stands = new Map<string, Sending>()
  private readonly carried = new Set<string>()
  private readonly pressed = new Set<string>()
  private readonly wakers = new Map<string, () => void>()
  private readonly listeners = new Set<Listener>()
  private isHidden = false

  constructor(private readonly drafts: Drafts) {
    drafts.subscribe(() => this.look())
    addEventListener('online', () => this.wakeAll())
    addEventListener('pagehide', () => this.leave())
    document.addEventListener('visibilitychange', () => {
      if (document.visibilityState === 'hidden') this.leave()
      else this.isHidden = false
    })
    this.look()
  }

  /** How the sending of a draft stands. */
  of(place: Place): Sending {
    return this.stands.get(nameOf(place)) ?? IDLE
  }

  /** Calls `listener` whenever the sending of a draft stands otherwise. */
  subscribe = (listener: Listener): (() => void) => {
    this.listeners.add(listener)
    return () => this.listeners.delete(listener)
  }

  /** Sends a draft under the attempt, once its time for taking back is over. Its words can't be changed until an answer came. */
  press(place: Place, attempt: Attempt): void {
    if (attemptOf(this.of(place))) return
    this.pressed.add(attempt.key)
    this.drafts.write(place, { attempt })
  }

  /** Takes back what has not left yet; the words stay. */
  takeBack(place: Place): void {
    if (this.of(place).state !== 'leaving') return
    this.apply(place, { type: 'taken-back' })
    this.drafts.write(place, { attempt: undefined })
    this.wake(place)
  }

  /** Sends at once what waits for its time, or for the network. */
  hurry(place: Place): void {
    this.apply(place, { type: 'left' })
    this.wake(place)
  }

  /** Does not try again. The key stays with the draft, so that the words count once when they had arrived after all. */
  stop(place: Place): void {
    const stand = this.of(place)
    if (stand.state !== 'lost') return
    this.apply(place, { type: 'stopped' })
    this.drafts.write(place, { attempt: undefined, key: stand.attempt.key })
    this.wake(place)
  }

  /** The words were changed: what was said of the attempt before is no longer about them. */
  edited(place: Place): void {
    this.apply(place, { type: 'edited' })
  }

  /** The person has looked at what others did: the refusal for it is over. */
  resolved(place: Place): void {
    if (this.of(place).state === 'conflicted') this.set(place, IDLE)
  }

  /** Learns from the drafts which attempts there are, and which are no longer. */
  private look(): void {
    const places = this.drafts.attempts()
    const names = new Set(places.map(nameOf))
    for (const [name, stand] of this.stands) {
      if (attemptOf(stand) && !names.has(name)) this.apply(placeOf(name), { type: 'gone' })
      if (!names.has(name)) this.wake(placeOf(name))
    }
    for (const place of places) {
      const { attempt } = this.drafts.read(place)
      if (!attempt) continue
      if (serverNow() - attempt.leavesAt > STALE && !this.carried.has(attempt.key)) {
        this.drafts.write(place, { attempt: undefined, key: attempt.key })
        continue
      }
      this.apply(place, { type: 'pressed', attempt, now: serverNow() })
      void this.carry(place, attempt)
    }
  }

  /** Sends an attempt until an answer comes. Only the tab that has the lock of the attempt does. */
  private async carry(place: Place, { key, leavesAt }: Attempt): Promise<void> {
    if (this.carried.has(key)) return
    this.carried.add(key)
    try {
      await navigator.locks.request(`antiphon-send ${key}`, async () => {
        // Of before a reload, or of a tab that ended: who uses this browser may be another person meanwhile.
        let isTheirs = serverNow() - leavesAt < FRESH
        while (this.drafts.read(place).attempt?.key === key) {
          const stand = this.of(place)
          if (stand.state === 'leaving') {
            const left = stand.attempt.leavesAt - serverNow()
            if (left <= 0 || this.isHidden) this.apply(place, { type: 'left' })
            else await this.until(place, left)
          } else if (stand.state === 'lost') {
            await this.until(place, pauseAfter(stand.tries) * (0.75 + Math.random() / 2))
            isTheirs = await this.isSignedIn(place)
            if (isTheirs) this.apply(place, { type: 'again' })
          } else if (stand.state !== 'sending') return
          else if (isTheirs || (await this.isSignedIn(place))) await this.send(place, stand.attempt)
        }
      })
    } finally {
      this.carried.delete(key)
    }
  }

  private async send(place: Place, attempt: Attempt): Promise<void> {
    try {
      await post(place, attempt)
      this.apply(place, { type: 'answered' })
      this.drafts.clear(place)
    } catch (error) {
      if (!(error instanceof ApiProblem)) throw error
      const event = eventOf(error)
      this.apply(place, event)
      if (event.type !== 'lost') this.drafts.write(place, { attempt: undefined, key: undefined })
    }
  }

  /** Whether the person whose words these are is signed in. Otherwise, and when nobody can say, the attempt is lost. */
  private async isSignedIn(place: Place): Promise<boolean> {
    try {
      if ((await readSession())?.subject === this.drafts.subject) return true
      this.apply(place, { type: 'lost', why: 'signed-out' })
    } catch {
      this.apply(place, { type: 'lost', why: 'network' })
    }
    return false
  }

  /** The page closes or is hidden: what waits for its time goes out now, since nothing may run later. */
  private leave(): void {
    this.isHidden = true
    this.wakeAll()
  }

  private apply(place: Place, event: SendingEvent): void {
    this.set(place, next(this.of(place), event))
  }

  private set(place: Place, sending: Sending): void {
    if (sending === this.of(place)) return
    this.stands.set(nameOf(place), sending)
    const isOwn = this.pressed.has(attemptOf(sending)?.key ?? '')
    for (const listener of this.listeners) listener(place, sending, isOwn)
  }

  /** Waits so long, and no longer than until `wake`. */
  private until(place: Place, milliseconds: number): Promise<void> {
    return new Promise(resolve => {
      const end = () => {
        clearTimeout(timer)
        this.wakers.delete(nameOf(place))
        resolve()
      }
      const timer = setTimeout(end, Math.max(0, milliseconds))
      this.wakers.set(nameOf(place), end)
    })
  }

  private wake(place: Place): void {
    this.wakers.get(nameOf(place))?.()
  }

  private wakeAll(): void {
    for (const wake of [...this.wakers.values()]) wake()
  }
}

/** What an answer to a request means. Throws nothing: who is not signed in any more sends later. */
function eventOf(problem: ApiProblem): SendingEvent {
  if (problem.status === 401) return { type: 'lost', why: 'signed-out' }
  if (problem.isLost || problem.status === 429 || problem.status >= 500)
    return { type: 'lost', why: 'network' }
  if (problem.status === 412)
    return { type: 'conflicted', last: (problem.details.last as never | undefined) ?? null }
  const recipient = problem.details.recipient as { value: string } | null | undefined
  return {
    type: 'refused',
    refusal: {
      kind: problem.kind,
      detail: problem.message,
      ...(recipient && { recipient: recipient.value }),
    },
  }
}

// A request that outlives its page carries 64 KiB at most (Fetch, section 4.6).
const OUTLIVES = 60_000

async function post({ caseId, kind }: Place, { key, etag, body }: Attempt): Promise<void> {
  const keepalive = new TextEncoder().encode(JSON.stringify(body)).length < OUTLIVES
  const path = { case_id: caseId }
  const headers = { 'Idempotency-Key': key }
  await answerOf<unknown>(
    kind === 'answer'
      ? caseMgmt.POST('/cases/{case_id}/replies', {
          params: { path, header: { ...headers, 'If-Match': etag } },
          body: body as NewReply,
          keepalive,
        })
      : caseMgmt.POST('/cases/{case_id}/notes', {
          params: { path, header: headers },
          body: body as NewNote,
          keepalive,
        }),
  )
}

function nameOf({ caseId, kind }: Place): string {
  return `${caseId}:${kind}`
}

function placeOf(name: string): Place {
  const [caseId, kind] = name.split(':')
  return { caseId: caseId ?? '', kind: kind === 'note' ? 'note' : 'answer' }
}
