import type { WholeCaseView } from '@/api/case-mgmt'
import type { ClockView, WorkDetail } from '@/api/routing'
import { useClocks } from '@/case/data'
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
  const { data: clocks } = useClocks(whole.case.case_id)
  const promise = clocks?.find(isAwaited)
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
