import { useQuery } from '@tanstack/react-query'
import { dataOf, routing } from '@/api/client'
import { may, useSession } from '@/session/session'

export const AGENTS = ['agents', 'any'] as const

/** Whether the system has no agent yet, so nobody can be given work. False for who can't change that; undefined before it is known. */
export function useIsEmpty(): boolean | undefined {
  const session = useSession()
  const mayPublish = may(session, 'routing', 'publish_draft')
  const { data } = useQuery({
    queryKey: AGENTS,
    queryFn: async () => (await dataOf(routing.GET('/agents'))).items.length,
    enabled: mayPublish,
  })
  return mayPublish ? (data === undefined ? undefined : data === 0) : false
}
