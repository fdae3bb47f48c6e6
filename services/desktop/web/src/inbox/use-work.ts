import { useQuery, useQueryClient } from '@tanstack/react-query'
import { useEffect, useRef } from 'react'
import { dataOf, routing } from '@/api/client'
import { useChanges } from '@/live/changes'
import { isAgent, useOwnAgent } from '@/presence/own-agent'
import { useSession } from '@/session/session'
import type { Row, WorkChange } from './rows'
import { myWork, queueWork, type ReadPage } from './work-list'

const PAGE = 200
const COUNTS = ['routing', 'work', 'counts'] as const

function pages(query: { state: 'queued' | 'offered' | 'accepted'; agent_id?: 'me' }): ReadPage {
  return cursor =>
    dataOf(
      routing.GET('/work', {
        params: { query: { ...query, sort: 'due_at', limit: PAGE, ...(cursor && { cursor }) } },
      }),
    )
}
const MINE = [pages({ state: 'accepted', agent_id: 'me' })]
const QUEUES = [pages({ state: 'queued' }), pages({ state: 'offered' })]

/** Reads the person's work, and that of their queues once it is shown, and follows both while the inbox is shown. */
export function useWork(showsQueues: boolean): { read: () => void; waiting: number | undefined } {
  const session = useSession()
  const agent = useOwnAgent()
  const client = useQueryClient()
  const isMember = isAgent(session)
  const readsQueues = useRef(false)
  readsQueues.current ||= showsQueues
  const counts = useQuery({ queryKey: COUNTS, queryFn: () => dataOf(routing.GET('/work/counts')) })

  const read = () => {
    if (isMember) void myWork.read(MINE)
    if (readsQueues.current) void queueWork.read(QUEUES)
    void client.invalidateQueries({ queryKey: COUNTS })
  }
  useEffect(() => {
    if (isMember) void myWork.read(MINE)
  }, [isMember])
  useEffect(() => {
    if (showsQueues) void queueWork.read(QUEUES)
  }, [showsQueues])
  useChanges(['routing.begin', 'routing.reset'], read)

  const isMine = (row: Row) => row.state === 'accepted' && row.agentId === session.subject
  const waits = (row: Row) =>
    (row.state === 'queued' || row.state === 'offered') &&
    (!isMember || !agent || [row.queue, ...row.alsoQueues].some(queue => agent.queues.includes(queue)))
  const recount = useRef<ReturnType<typeof setTimeout>>(undefined)
  useEffect(() => () => clearTimeout(recount.current), [])
  useChanges(['routing.work'], (change: WorkChange) => {
    if (isMember) myWork.apply(change, isMine)
    if (readsQueues.current) return queueWork.apply(change, waits)
    // The number is of work that is not listed yet. It is read again no more than once in two seconds.
    recount.current ??= setTimeout(() => {
      recount.current = undefined
      void client.invalidateQueries({ queryKey: COUNTS })
    }, 2000)
    return undefined
  })
  return { read, waiting: counts.data && counts.data.queued + counts.data.offered }
}
