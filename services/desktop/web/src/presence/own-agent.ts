import { useQuery, useQueryClient } from '@tanstack/react-query'
import { dataOf, routing } from '@/api/client'
import type { components } from '@/api/routing'
import { useChanges } from '@/live/changes'
import { may, type Session, useSession } from '@/session/session'

export type OwnAgent = components['schemas']['OwnAgentView']
export const OWN_AGENT = ['routing', 'agents', 'me'] as const

/** Whether the person takes work, so that offers and presence concern them. */
export function isAgent(session: Session): boolean {
  return may(session, 'routing', 'get_own_agent')
}

/** The signed-in person as routing sees them; undefined while that is read, and for who is no agent. */
export function useOwnAgent(): OwnAgent | undefined {
  const session = useSession()
  const { data } = useQuery({
    queryKey: OWN_AGENT,
    queryFn: () => dataOf(routing.GET('/agents/me')),
    enabled: isAgent(session),
  })
  return data
}

/** Reads the own agent again after each event that changes it. Once, in the shell. */
export function useOwnAgentFollowed(): void {
  const { subject } = useSession()
  const client = useQueryClient()
  const read = () => void client.invalidateQueries({ queryKey: OWN_AGENT })
  useChanges(
    [
      'routing.begin',
      'routing.reset',
      'routing.availability',
      'routing.offer',
      'routing.offer-ended',
      'routing.presence',
    ],
    (data: { subject?: string }, kind) => {
      if (kind !== 'routing.presence' || data.subject === subject) read()
    },
  )
  // What the person holds changes with their own work. The event also comes to the agent whom the work leaves.
  useChanges(['routing.work'], (data: { agent_id: string | null; state: string }) => {
    const held = client.getQueryData<OwnAgent>(OWN_AGENT)
    if (data.agent_id === subject || (held?.load && data.state !== 'offered')) read()
  })
}
