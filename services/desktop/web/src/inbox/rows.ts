import type { components as CaseMgmt } from '@/api/case-mgmt'
import type { components as Routing } from '@/api/routing'

export type WorkView = Routing['schemas']['WorkView']
export type CaseView = CaseMgmt['schemas']['CaseView']

/** What `routing.work` says of a work item after a change. `subject` is its id; the words of its case are not in it. */
export type WorkChange = Omit<WorkView, 'work_item_id' | 'customer_id' | 'subject'> & {
  readonly subject: string
}

/** A row of the inbox: a case with the newest work on it. */
export interface Row {
  readonly caseId: string
  readonly workId: string
  readonly reference: string
  readonly subject: string | null
  readonly channel: string
  readonly state: WorkView['state']
  readonly queue: string
  readonly alsoQueues: readonly string[]
  readonly agentId: string | null
  readonly priority: number
  readonly labels: readonly string[]
  readonly dueAt: string | null
  /** `dueAt` in milliseconds; work that is not due is due last. */
  readonly due: number
  readonly queuedAt: string
  /** When it changed, in milliseconds. */
  readonly changed: number
  /** Shown before routing has agreed. */
  readonly isExpected?: true
}

export function rowOfWork(work: WorkView): Row {
  return {
    caseId: work.case_id,
    workId: work.work_item_id,
    reference: work.case_reference,
    subject: work.subject,
    channel: work.channel,
    state: work.state,
    queue: work.queue,
    alsoQueues: work.also_queues,
    agentId: work.agent_id,
    priority: work.priority,
    labels: work.labels,
    dueAt: work.due_at,
    due: dueOf(work.due_at),
    queuedAt: work.queued_at,
    changed: Date.parse(work.changed_at),
  }
}

/** The row after a change. The subject stays as it was read before. */
export function rowOfChange(change: WorkChange, before: Row | undefined): Row {
  return {
    ...rowOfWork({ ...change, work_item_id: change.subject, customer_id: '', subject: null }),
    subject: before?.subject ?? null,
  }
}

function dueOf(at: string | null): number {
  return at ? Date.parse(at) : Number.MAX_SAFE_INTEGER
}

/** The first due first, then the more urgent, then who waits longest. What is not due comes last. */
export function byDue(one: Row, other: Row): number {
  return (
    one.due - other.due ||
    other.priority - one.priority ||
    Date.parse(one.queuedAt) - Date.parse(other.queuedAt) ||
    (one.caseId < other.caseId ? -1 : 1)
  )
}

export function byChange(one: Row, other: Row): number {
  return other.changed - one.changed || (one.caseId < other.caseId ? -1 : 1)
}

/** Whether a row, with what is known of its case, has every word that is looked for. */
export function matches(row: Row, known: CaseView | undefined, words: string): boolean {
  const wanted = words.toLocaleLowerCase().split(/\s+/).filter(Boolean)
  if (wanted.length === 0) return true
  const text = [
    row.reference,
    row.subject ?? known?.subject,
    row.queue,
    ...row.labels,
    known?.customer.name,
    known?.first_words,
    ...(known?.customer.identifiers.map(identifier => identifier.value) ?? []),
  ]
    .join('\n')
    .toLocaleLowerCase()
  return wanted.every(word => text.includes(word))
}

/** The place of the row that takes over the cursor when the row at `at` leaves a list that has `size` rows then. */
export function placeAfter(at: number, size: number): number {
  return Math.max(0, Math.min(at, size - 1))
}
