import { useNavigate } from '@tanstack/react-router'
import { dataOf, newKey, routing } from '@/api/client'
import { ApiProblem } from '@/api/problem'
import { announce } from '@/design/announce'
import { toast } from '@/design/toasts'
import { useSession } from '@/session/session'
import { useTexts } from '@/texts/catalogue'
import { useColleagueName } from './names'
import { type Row, rowOfWork } from './rows'
import { texts } from './texts'
import { myWork, queueWork } from './work-list'

/** Why a request about work was refused: who has it, or what the server says. */
export function useWhyNot(): (error: unknown) => Promise<string> {
  const t = useTexts(texts)
  const session = useSession()
  const colleague = useColleagueName()
  return async error => {
    const holder = error instanceof ApiProblem ? error.details.agent_id : null
    if (typeof holder === 'string' && holder !== session.subject) return t.hasIt(await colleague.read(holder))
    return error instanceof Error ? error.message : String(error)
  }
}

/** Opens a case in the person's own list. */
export function useOpenMine(): (caseId: string) => void {
  const go = useNavigate()
  return caseId => void go({ to: '/inbox', search: { view: 'mine', item: caseId } })
}

/** Takes waiting work: it is shown as taken at once, and goes back visibly when routing refuses. */
export function usePick(): (row: Row) => Promise<void> {
  const t = useTexts(texts)
  const session = useSession()
  const whyNot = useWhyNot()
  const open = useOpenMine()
  return async row => {
    const undo = [
      queueWork.expect(row.caseId, null),
      myWork.expect(row.caseId, { ...row, state: 'accepted', agentId: session.subject }),
    ]
    try {
      await dataOf(
        routing.POST('/work/{work_item_id}/pick', {
          params: { path: { work_item_id: row.workId }, header: { 'Idempotency-Key': newKey() } },
        }),
      )
      announce(t.taken(row.reference))
      open(row.caseId)
    } catch (error) {
      for (const back of undo) back()
      toast({ text: t.notTaken(row.reference, await whyNot(error)), tone: 'late' })
    }
  }
}

/** Takes the waiting work that suits the person best, and opens it. */
export function useTakeNext(): () => Promise<void> {
  const t = useTexts(texts)
  const whyNot = useWhyNot()
  const open = useOpenMine()
  return async () => {
    try {
      const work = await dataOf(
        routing.POST('/agents/me/next', { params: { header: { 'Idempotency-Key': newKey() } } }),
      )
      if (!work) return void toast({ text: t.noNext })
      myWork.expect(work.case_id, rowOfWork(work))
      announce(t.taken(work.case_reference))
      open(work.case_id)
    } catch (error) {
      toast({ text: await whyNot(error), tone: 'late' })
    }
  }
}
