import { useQuery } from '@tanstack/react-query'
import { useEffect, useSyncExternalStore } from 'react'
import { dataOf, routing } from '@/api/client'
import type { AgentLive, AgentView, LabelLive, LiveState, QueueLive } from '@/api/routing'
import { changes, useFollowed, useStand } from '@/live/changes'
import { serverNow, useNow } from '@/live/clock'

export type { AgentLive, AgentView, LabelLive, LiveState, QueueLive }

// The stream says at least every 15 seconds that it is there.
const STALE_AFTER = 20_000

let state: LiveState | null = null
let heardAt = 0
const listeners = new Set<() => void>()

function put(next: LiveState) {
  if (state && next.at < state.at) return
  state = next
  for (const listener of listeners) listener()
}

/** Queues and agents as they are now: read once, then followed. Null until the first answer. */
export function useLiveState(): { live: LiveState | null; error: unknown; retry: () => void } {
  useFollowed('live')
  const { data, error, refetch } = useQuery({
    queryKey: ['live'],
    queryFn: () => dataOf(routing.GET('/live')),
    staleTime: 0,
  })
  useEffect(() => {
    if (data) put(data)
  }, [data])
  useEffect(() => {
    heardAt = serverNow()
    const stops = [
      changes().on('live.live', next => put(next as LiveState)),
      changes().on('live.begin', () => void refetch()),
      changes().onBeat(() => {
        heardAt = serverNow()
      }),
    ]
    return () => stops.forEach(stop => void stop())
  }, [refetch])
  const live = useSyncExternalStore(
    listener => {
      listeners.add(listener)
      return () => listeners.delete(listener)
    },
    () => state,
  )
  return { live, error: live ? null : error, retry: () => void refetch() }
}

/** For how long nothing was heard of the server, in milliseconds; null while what is shown is of now. */
export function useStaleness(): number | null {
  const now = useNow()
  const stand = useStand()
  const silent = now - heardAt
  return heardAt && (silent > STALE_AFTER || (stand !== 'live' && silent > 5000)) ? silent : null
}

/** The agents with the queues of each, which the live state does not have. */
export function useAgents(): readonly AgentView[] {
  const { data } = useQuery({
    queryKey: ['agents'],
    queryFn: () => dataOf(routing.GET('/agents')),
    refetchInterval: 60_000,
  })
  return data?.items ?? []
}
