import { useQuery, useQueryClient } from '@tanstack/react-query'
import { dataOf, routing } from '@/api/client'
import { may, useSession } from '@/session/session'

const QUEUES = {
  queryKey: ['routing', 'queue-names'],
  queryFn: async () => {
    const { items } = await dataOf(routing.GET('/queues'))
    return new Map(items.map(queue => [queue.queue, queue.name]))
  },
} as const
const COLLEAGUES = {
  queryKey: ['routing', 'colleague-names'],
  queryFn: async () => {
    const { items } = await dataOf(routing.GET('/colleagues'))
    return new Map(items.map(colleague => [colleague.agent_id, colleague.name]))
  },
} as const

/** The names of queues by their ids; the id until they are read. */
export function useQueueName(): (queue: string) => string {
  const { data } = useQuery(QUEUES)
  return queue => data?.get(queue) ?? queue
}

/** The names of colleagues by their ids, and how to look one up once they are read. */
export function useColleagueName(): {
  shown: (agentId: string) => string
  read: (agentId: string) => Promise<string>
} {
  const session = useSession()
  const client = useQueryClient()
  const enabled = may(session, 'routing', 'list_colleagues')
  const { data } = useQuery({ ...COLLEAGUES, enabled })
  return {
    shown: agentId => (agentId === session.subject ? session.name : (data?.get(agentId) ?? agentId)),
    read: async agentId =>
      (enabled && (await client.ensureQueryData(COLLEAGUES).catch(() => undefined))?.get(agentId)) || agentId,
  }
}
