import { useEffect } from 'react'
import { caseMgmt, dataOf } from '@/api/client'
import { ApiProblem } from '@/api/problem'
import { RowStore } from '@/live/row-store'
import type { CaseView } from './rows'

const MOST = 100
/** How long rows are gathered before they are asked about, in milliseconds. */
const TOGETHER = 40
const store = new RowStore<CaseView>(
  found => found.case_id,
  () => 0,
)
const asked = new Map<string, number>()
const wanted = new Set<string>()

/** What case-mgmt says of a case, once it is known. */
export function knownCase(caseId: string): CaseView | undefined {
  return store.get(caseId)
}

/** The customer and the words of a case, read together with those of all other rows shown. `version` grows with changes. */
export function useCase(caseId: string, version: number): CaseView | undefined {
  useEffect(() => {
    if ((asked.get(caseId) ?? -1) >= version) return
    asked.set(caseId, version)
    if (wanted.size === 0) setTimeout(read, TOGETHER)
    wanted.add(caseId)
  }, [caseId, version])
  return store.useRow(caseId)
}

async function read() {
  const ids = [...wanted]
  wanted.clear()
  for (let from = 0; from < ids.length; from += MOST) {
    const some = ids.slice(from, from + MOST)
    try {
      const { items } = await dataOf(
        caseMgmt.GET('/cases', { params: { query: { case_id: some, limit: MOST } } }),
      )
      store.put(items)
    } catch (error) {
      if (!(error instanceof ApiProblem)) throw error
      // The rows show what routing says. They are asked about again when they are shown again.
      for (const id of some) asked.delete(id)
    }
  }
}
