import { useQuery } from '@tanstack/react-query'
import type { WholeCaseView } from '@/api/case-mgmt'
import { dataOf, routing } from '@/api/client'
import type { ClockView, WorkDetail } from '@/api/routing'
import { duration } from '@/format/time'
import { useNow } from '@/live/clock'
import { useTexts } from '@/texts/catalogue'
import type { StatusAfter } from './drafts'
import { texts } from './texts'

/** What Send does besides sending: to the promise that runs, and to the work. */
export function Effect({
  whole,
  work,
  status,
  subject,
}: {
  whole: WholeCaseView
  work: WorkDetail | null
  status: StatusAfter
  subject: string
}) {
  const t = useTexts(texts)
  const now = useNow()
  const { case_id: caseId, revision } = whole.case
  const { data } = useQuery({
    queryKey: ['promise-of-answer', caseId, revision],
    queryFn: () => dataOf(routing.GET('/cases/{case_id}/clocks', { params: { path: { case_id: caseId } } })),
    // Clocks of others' work may not be read. Then nothing is said of them.
    retry: false,
  })
  const promise = data?.items.find(isAwaited)
  const left = promise ? Date.parse(promise.due_at) - now : 0
  const isOthers = work?.state === 'accepted' && work.agent_id !== null && work.agent_id !== subject
  const sentences = [
    isOthers && t.otherHas(whole.case.agent_name ?? work.agent_id ?? ''),
    promise && (left > 0 ? t.keeps(duration(left)) : t.missed(duration(-left))),
    work?.state === 'accepted' && !isOthers && (status === 'open' ? t.effectOpen : t.effectDone),
  ]
  return <span>{sentences.filter(Boolean).join(' ')}</span>
}

/** Whether the clock runs until a person answers. */
function isAwaited(clock: ClockView): boolean {
  return clock.target !== 'resolution' && !clock.met_at && !clock.cancelled_at
}
