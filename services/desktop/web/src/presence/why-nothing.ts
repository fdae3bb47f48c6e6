import type { OwnAgent } from './own-agent'

/** Why routing offers an agent nothing now; `offered` when it does. */
export type Standing =
  | { readonly kind: 'offered' | 'full' | 'no-queues' }
  | { readonly kind: 'presence'; readonly presence: string }
  | { readonly kind: 'away'; readonly because: string }
  | { readonly kind: 'wrap-up'; readonly until: string }

/** What keeps work from the agent at `now` (milliseconds), the first reason in the order in which routing asks. */
export function standingOf(agent: OwnAgent, now: number): Standing {
  const choice = agent.presences.find(one => one.id === agent.presence)
  if (!choice?.routable) return { kind: 'presence', presence: agent.presence }
  if (agent.away) return { kind: 'away', because: agent.away.because }
  if (agent.queues.length === 0) return { kind: 'no-queues' }
  if (agent.wrap_up_until && Date.parse(agent.wrap_up_until) > now)
    return { kind: 'wrap-up', until: agent.wrap_up_until }
  if (agent.load >= agent.capacity) return { kind: 'full' }
  return { kind: 'offered' }
}
