import { useQuery, useQueryClient } from '@tanstack/react-query'
import { useCallback, useEffect, useRef, useState } from 'react'
import { answerOf, caseMgmt, customerProfile, dataOf, ingestEmail, routing } from '@/api/client'
import { ApiProblem } from '@/api/problem'
import { useChanges, useFollowed } from '@/live/changes'
import { may, useSession } from '@/session/session'

const SOON = 60

/** Has what a query shows read again shortly: many changes at once are one reading. */
function useReread(key: readonly unknown[]): () => void {
  const client = useQueryClient()
  const timer = useRef<ReturnType<typeof setTimeout>>(undefined)
  const name = JSON.stringify(key)
  const reread = useCallback(() => {
    timer.current ??= setTimeout(() => {
      timer.current = undefined
      void client.invalidateQueries({ queryKey: JSON.parse(name) })
    }, SOON)
  }, [client, name])
  useEffect(
    () => () => {
      clearTimeout(timer.current)
      timer.current = undefined
    },
    [],
  )
  return reread
}

/** A case with everything on it, and the ETag of this state. It follows the changes of the case. */
export function useCase(caseId: string) {
  useFollowed(`case:${caseId}`)
  const reread = useReread(['case', caseId])
  useChanges(['case-mgmt.case'], data => {
    if (data.subject === caseId) reread()
  })
  useChanges(['case-mgmt.reset'], reread)
  return useQuery({
    queryKey: ['case', caseId],
    queryFn: async () => {
      const { data, headers } = await answerOf(
        caseMgmt.GET('/cases/{case_id}', { params: { path: { case_id: caseId } } }),
      )
      return { whole: data, etag: headers.get('etag') ?? '' }
    },
  })
}

/** The newest work of a case, explained; null where there is none that the person may see. It follows its changes. */
export function useWork(caseId: string) {
  const reread = useReread(['work-of', caseId])
  useChanges(['routing.work'], data => {
    if (data.case_id === caseId) reread()
  })
  useChanges(['routing.reset', 'routing.presence', 'routing.queue-state'], reread)
  return useQuery({
    queryKey: ['work-of', caseId],
    queryFn: async () => {
      const query = { case_id: caseId, limit: 1 }
      const [newest] = (await dataOf(routing.GET('/work', { params: { query } }))).items
      if (!newest) return null
      return unlessGone(
        dataOf(
          routing.GET('/work/{work_item_id}', { params: { path: { work_item_id: newest.work_item_id } } }),
        ),
      )
    },
  })
}

/** The clocks of a case, that of the oldest work first; none where the person may not see them. */
export function useClocks(caseId: string) {
  const reread = useReread(['clocks-of', caseId])
  useChanges(['routing.work', 'case-mgmt.case'], data => {
    if (data.case_id === caseId || data.subject === caseId) reread()
  })
  useChanges(['routing.reset'], reread)
  return useQuery({
    queryKey: ['clocks-of', caseId],
    queryFn: async () =>
      (
        await unlessGone(
          dataOf(routing.GET('/cases/{case_id}/clocks', { params: { path: { case_id: caseId } } })),
        )
      )?.items ?? [],
  })
}

/** A customer with their conflicts. */
export function useCustomer(customerId: string) {
  useFollowed(`customer:${customerId}`)
  const reread = useReread(['customer', customerId])
  useChanges(['customer-profile.customer', 'customer-profile.timeline'], data => {
    if (data.subject === customerId) reread()
  })
  useChanges(['customer-profile.reset'], reread)
  return useQuery({
    queryKey: ['customer', customerId],
    queryFn: async () => {
      const { data, headers } = await answerOf(
        customerProfile.GET('/customers/{customer_id}', { params: { path: { customer_id: customerId } } }),
      )
      return { customer: data, etag: headers.get('etag') ?? '' }
    },
  })
}

/** The newest cases of a customer. */
export function useCasesOf(customerId: string) {
  const reread = useReread(['cases-of', customerId])
  const found = useQuery({
    queryKey: ['cases-of', customerId],
    queryFn: () =>
      dataOf(caseMgmt.GET('/cases', { params: { query: { customer_id: customerId, limit: 20 } } })),
  })
  // A change does not say whose case it is: a case that is not in the list may be a new one.
  useChanges(['case-mgmt.case'], data => {
    if (data.status === 'new' || found.data?.items.some(one => one.case_id === data.subject)) reread()
  })
  return found
}

/** All queues as they are, by id. Empty until they are read. */
export function useQueues() {
  const { data } = useQuery({
    queryKey: ['queues'],
    queryFn: () => dataOf(routing.GET('/queues')),
    staleTime: 30_000,
  })
  return data?.items ?? []
}

/** The name of a queue by its id. */
export function useQueueName(): (id: string) => string {
  const queues = useQueues()
  return id => queues.find(queue => queue.queue === id)?.name ?? id
}

/** To whom a mail was written and who got a copy; null for what is no mail. Asked once it is `seen`. */
export function useRecipients(interactionId: string, seen: boolean) {
  const session = useSession()
  const { data } = useQuery({
    queryKey: ['recipients', interactionId],
    enabled: seen && may(session, 'ingest-email', 'get_mail'),
    queryFn: async () => {
      const mail = await unlessGone(
        dataOf(
          ingestEmail.GET('/mails/{interaction_id}', { params: { path: { interaction_id: interactionId } } }),
        ),
      )
      return mail && { to: mail.to, cc: mail.cc }
    },
  })
  return data ?? null
}

/** Whether an element came into view. */
export function useSeen(): [(element: HTMLElement | null) => void, boolean] {
  const [seen, setSeen] = useState(false)
  const observer = useRef<IntersectionObserver>(undefined)
  const watch = useCallback((element: HTMLElement | null) => {
    observer.current?.disconnect()
    if (!element) return
    observer.current = new IntersectionObserver(entries => {
      if (entries.some(entry => entry.isIntersecting)) {
        setSeen(true)
        observer.current?.disconnect()
      }
    })
    observer.current.observe(element)
  }, [])
  return [watch, seen]
}

/** Null for what the person may not see, or what is not there. */
async function unlessGone<T>(asked: Promise<T>): Promise<T | null> {
  try {
    return await asked
  } catch (error) {
    if (error instanceof ApiProblem && (error.status === 404 || error.status === 403)) return null
    throw error
  }
}
