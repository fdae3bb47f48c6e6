import type { AgentLive, QueueLive } from '@/api/routing'

/** Why a queue needs somebody's attention, the worst first. */
export type Reason =
  | { readonly kind: 'not-open'; readonly because: string; readonly waiting: number }
  | { readonly kind: 'overdue'; readonly count: number }
  | { readonly kind: 'nobody'; readonly waiting: number }
  | { readonly kind: 'full'; readonly waiting: number; readonly present: number }
  | { readonly kind: 'at-risk'; readonly count: number }
  | { readonly kind: 'surge'; readonly arrived: number; readonly expected: number }

/** What a supervisor can do about it, with what it would change. */
export type Act =
  | { readonly kind: 'open'; readonly waiting: number; readonly free: number }
  | { readonly kind: 'assign'; readonly agent: AgentLive; readonly count: number; readonly waiting: number }
  | { readonly kind: 'make-available'; readonly agent: AgentLive; readonly room: number }
  | { readonly kind: 'raise'; readonly count: number }
  | { readonly kind: 'pause' }

export type Severity = 'late' | 'soon' | null

export interface Advice {
  readonly severity: Severity
  readonly reasons: readonly Reason[]
  readonly acts: readonly Act[]
}

const ROUTABLE = 'available'
const MOST_ASSIGNED = 2
const MOST_OF_A_KIND = 2

/** What is wrong in a queue, and what can be done. `members` are the agents of the queue as they are now. */
export function advise(queue: QueueLive, members: readonly AgentLive[]): Advice {
  const reasons = reasonsOf(queue)
  const severity = severityOf(reasons)
  return { severity, reasons, acts: actsOf(queue, members, severity) }
}

function reasonsOf(queue: QueueLive): Reason[] {
  const { waiting, overdue, at_risk: atRisk } = queue
  const present = queue.agents[ROUTABLE] ?? 0
  const reasons: Reason[] = []
  if (!queue.open && waiting > 0)
    reasons.push({ kind: 'not-open', because: queue.not_open_because ?? '', waiting })
  if (overdue > 0) reasons.push({ kind: 'overdue', count: overdue })
  if (queue.open && waiting > 0 && present === 0) reasons.push({ kind: 'nobody', waiting })
  else if (queue.open && waiting > 0 && queue.agents_free === 0)
    reasons.push({ kind: 'full', waiting, present })
  if (atRisk > 0) reasons.push({ kind: 'at-risk', count: atRisk })
  if (queue.surge)
    reasons.push({ kind: 'surge', arrived: queue.surge.arrived, expected: queue.surge.expected })
  return reasons
}

function severityOf(reasons: readonly Reason[]): Severity {
  if (reasons.some(reason => ['overdue', 'nobody'].includes(reason.kind))) return 'late'
  return reasons.length > 0 ? 'soon' : null
}

function actsOf(queue: QueueLive, members: readonly AgentLive[], severity: Severity): Act[] {
  const acts: Act[] = []
  if (queue.state !== 'open') acts.push({ kind: 'open', waiting: queue.waiting, free: queue.agents_free })
  if (severity && queue.waiting > 0) {
    for (const agent of withRoom(members, one => one.presence === ROUTABLE))
      acts.push({
        kind: 'assign',
        agent,
        count: Math.min(MOST_ASSIGNED, room(agent), queue.waiting),
        waiting: queue.waiting,
      })
    for (const agent of withRoom(members, one => one.presence !== ROUTABLE && one.presence !== 'offline'))
      acts.push({ kind: 'make-available', agent, room: room(agent) })
    acts.push({ kind: 'raise', count: queue.overdue || queue.at_risk || queue.waiting })
  }
  if (queue.state === 'open') acts.push({ kind: 'pause' })
  return acts
}

function room(agent: AgentLive): number {
  return Math.max(0, agent.capacity - agent.load)
}

/** Those of a kind who have room and are not absent, the emptiest first. */
function withRoom(members: readonly AgentLive[], which: (agent: AgentLive) => boolean): AgentLive[] {
  return members
    .filter(agent => which(agent) && !agent.away && room(agent) > 0)
    .sort((one, other) => room(other) - room(one) || one.name.localeCompare(other.name))
    .slice(0, MOST_OF_A_KIND)
}
