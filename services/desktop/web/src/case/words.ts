import type { EntryView } from '@/api/case-mgmt'
import { moment } from '@/format/time'
import type { CaseTexts } from './texts'
import { of, part } from './timeline'

/** What an entry of the record says, in one sentence. `queueName` gives the name of a queue by its id. */
export function sentence(
  entry: EntryView,
  t: CaseTexts,
  queueName: (id: string) => string,
  now: number,
): string {
  const was = t.was
  const queue = queueName(of(entry, 'queue'))
  const reason = of(entry, 'reason')
  const offered = text(part(entry, 'offer').agent_name) || t.someone
  const rule = text(part(entry, 'decision').rule)
  const by = text(part(entry, 'by').name) || t.someone
  const clock = part(entry, 'clock')
  const target = text(clock.target)
  const what = t.clockOf[target] ?? target
  const due = text(clock.due_at) && moment(text(clock.due_at), now)
  switch (entry.kind) {
    case 'work.queued':
      return rule ? was.queued(queue, rule) : was.queuedSo(queue)
    case 'work.offered':
      return was.offered(offered)
    case 'work.accepted':
      return was.accepted(offered)
    case 'work.declined':
      return was.declined(offered, reason)
    case 'work.offer-timed-out':
      return was.timedOut(offered)
    case 'work.requeued':
      return was.requeued(reason)
    case 'work.transferred':
      return was.transferred(by, queue)
    case 'work.held':
      return was.held(reason)
    case 'work.redecided':
      return was.redecided(queue, rule)
    case 'work.escalated':
      return was.escalated(of(entry, 'what'))
    case 'work.reprioritised':
      return was.reprioritised(by, reason)
    case 'work.completed':
      return was.completed(reason)
    case 'work.reconciled':
      return was.reconciled(of(entry, 'detail'))
    case 'status-changed':
      return was.status(who(entry, t), t.statusOf[of(entry, 'status')] ?? of(entry, 'status'), reason)
    case 'sla.started':
      return was.clockStarted(what, due)
    case 'sla.paused':
      return was.clockPaused(what, of(entry, 'cause'))
    case 'sla.resumed':
      return was.clockResumed(what, due)
    case 'sla.recomputed':
      return was.clockRecomputed(what, due)
    case 'sla.warned':
      return was.clockWarned(what, Number(entry.data.percent))
    case 'sla.breached':
      return was.clockBreached(what)
    case 'sla.met':
      return entry.data.late === true ? was.clockMetLate(what) : was.clockMet(what)
    case 'sla.cancelled':
      return was.clockCancelled(what)
    case 'reply-failed':
    case 'acknowledgement-failed':
      return was.replyFailed(reason)
    default:
      return was.other(entry.kind)
  }
}

/** Who made an entry, as people call them. */
export function who(entry: EntryView, t: CaseTexts): string {
  const { kind, name } = entry.actor
  return name || (kind === 'system' ? t.system : kind === 'customer' ? t.customer : t.someone)
}

function text(value: unknown): string {
  return typeof value === 'string' ? value : ''
}
