import { answerOf, newKey, routing } from '@/api/client'
import { ApiProblem } from '@/api/problem'
import type { Act } from './advice'

/** How far an act on several items came. */
export interface Outcome {
  readonly done: number
  readonly all: number
}
const WHOLE: Outcome = { done: 1, all: 1 }

/** Does what a supervisor chose for a queue. Items that others took meanwhile are left out. Throws ApiProblem. */
export async function perform(queue: string, act: Act, reason: string): Promise<Outcome> {
  switch (act.kind) {
    case 'open':
    case 'pause':
      await answerOf(
        routing.PUT('/queues/{queue}/state', {
          params: { path: { queue } },
          body: { state: act.kind === 'open' ? 'open' : 'paused', reason },
        }),
      )
      return WHOLE
    case 'make-available':
      await setPresence(act.agent.agent_id, 'available')
      return WHOLE
    case 'assign':
      return each(await firstDue(queue, act.count), id =>
        routing.POST('/work/{work_item_id}/assign', {
          params: { path: { work_item_id: id }, header: { 'Idempotency-Key': newKey() } },
          body: { agent_id: act.agent.agent_id, reason, wait: false },
        }),
      )
    case 'raise':
      return each(await firstDue(queue, act.count), id =>
        routing.PATCH('/work/{work_item_id}', {
          params: { path: { work_item_id: id }, header: { 'Idempotency-Key': newKey() } },
          body: { priority: 90, reason },
        }),
      )
  }
}

export async function setPresence(agentId: string, presence: string): Promise<void> {
  await answerOf(
    routing.PUT('/agents/{agent_id}/presence', {
      params: { path: { agent_id: agentId } },
      body: { presence },
    }),
  )
}

/** Takes all work of an agent back, that they have accepted. */
export async function takeBack(agentId: string, reason: string): Promise<Outcome> {
  const { data } = await answerOf(
    routing.GET('/work', { params: { query: { agent_id: agentId, state: 'accepted', limit: 50 } } }),
  )
  return each(
    data.items.map(work => work.work_item_id),
    id =>
      routing.POST('/work/{work_item_id}/take-back', {
        params: { path: { work_item_id: id }, header: { 'Idempotency-Key': newKey() } },
        body: { reason },
      }),
  )
}

async function firstDue(queue: string, count: number): Promise<string[]> {
  const { data } = await answerOf(
    routing.GET('/work', {
      params: { query: { queue, state: 'queued', sort: 'due_at', limit: Math.min(count, 50) } },
    }),
  )
  return data.items.map(work => work.work_item_id)
}

type Asked = Parameters<typeof answerOf<unknown>>[0]
async function each(ids: readonly string[], act: (id: string) => Asked): Promise<Outcome> {
  let done = 0
  let refused: unknown
  for (const id of ids) {
    try {
      await answerOf(act(id))
      done++
    } catch (error) {
      if (!(error instanceof ApiProblem) || error.isLost) throw error
      refused = error
    }
  }
  if (!done && refused) throw refused
  return { done, all: ids.length }
}
