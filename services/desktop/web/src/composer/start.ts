import { router } from '@/app/router'
import { announce } from '@/design/announce'
import { toast } from '@/design/toasts'
import { serverNow } from '@/live/clock'
import { textsOf } from '@/texts/catalogue'
import { type Drafts, draftsOf, type Place } from './drafts'
import { Outbox } from './outbox'
import type { Sending } from './sending'
import { texts } from './texts'

let current: { readonly subject: string; readonly outbox: Outbox } | undefined
const shown = new Map<string, number>()

/** What a person writes and sends from this browser. The first call goes on with what was under way before a reload. */
export function composing(subject: string): { drafts: Drafts; outbox: Outbox } {
  const drafts = draftsOf(subject)
  if (current?.subject !== subject) {
    const outbox = new Outbox(drafts)
    current = { subject, outbox }
    outbox.subscribe((place, sending, isOwn) => say(outbox, place, sending, isOwn))
  }
  return { drafts, outbox: current.outbox }
}

/** A case whose composer is shown says itself what was refused. Returns how to end that. */
export function showing(caseId: string): () => void {
  shown.set(caseId, (shown.get(caseId) ?? 0) + 1)
  return () => shown.set(caseId, (shown.get(caseId) ?? 1) - 1)
}

const recipients = new Map<string, string>()
const closers = new Map<string, () => void>()

function say(outbox: Outbox, place: Place, sending: Sending, isOwn: boolean): void {
  const t = textsOf(texts)
  const id = `composer ${place.caseId} ${place.kind}`
  closers.get(id)?.()
  closers.delete(id)
  if ('attempt' in sending) recipients.set(id, sending.attempt.to)
  const to = recipients.get(id) ?? ''
  const openCase = {
    label: t.openCase,
    run: () => void router.navigate({ to: '/cases/$caseId', params: { caseId: place.caseId } }),
  }
  const failed = (why: string) => {
    if (shown.get(place.caseId)) announce(why, 'assertive')
    else toast({ id, text: t.notSent(to, why), tone: 'late', action: openCase }, Number.POSITIVE_INFINITY)
  }
  switch (sending.state) {
    case 'leaving': {
      if (!isOwn) return
      const action = {
        label: t.takeBack,
        keys: 'Alt+Z',
        run: () => {
          outbox.takeBack(place)
          announce(t.takenBack, 'assertive')
        },
      }
      const left = sending.attempt.leavesAt - serverNow()
      closers.set(id, toast({ id, text: t.leavesSaid(to), action }, left))
      return
    }
    case 'sent':
      toast({ id, text: place.kind === 'answer' ? t.sentTo(to) : t.noteAdded, tone: 'good' }, 4000)
      return
    case 'lost':
      if (sending.tries === 1) failed(sending.why === 'network' ? t.lost : t.signedOut)
      return
    case 'refused':
      failed(sending.refusal.kind === 'idempotency-key-reused' ? t.reused : sending.refusal.detail)
      return
    case 'conflicted':
      failed(t.changedMeanwhile)
      return
  }
}
