import { useEffect, useSyncExternalStore } from 'react'
import { dataOf, newKey, routing } from '@/api/client'
import { ApiProblem } from '@/api/problem'
import { changes } from '@/live/changes'

const EVERY = 15_000
const KEY = 'antiphon.heartbeat'
const listeners = new Set<() => void>()
let failingSince: number | null = null

/** When heartbeats began to fail, by this machine's clock; null while they arrive. */
export function useFailingSince(): number | null {
  return useSyncExternalStore(
    listener => {
      listeners.add(listener)
      return () => listeners.delete(listener)
    },
    () => failingSince,
  )
}

function show(since: number | null) {
  if (since === failingSince) return
  failingSince = since
  for (const listener of listeners) listener()
}

/**
 * Reports to routing that a desktop of the agent runs, while `isOn`.
 *
 * What the server writes drives it: timers of hidden tabs come once a minute. All tabs of a browser report together.
 */
export function useHeartbeats(isOn: boolean): void {
  useEffect(() => {
    if (!isOn) return show(null)
    const beat = async () => {
      const last = Number(localStorage.getItem(KEY) ?? 0)
      const now = Date.now()
      if (now - last < EVERY && now >= last && failingSince === null) return
      localStorage.setItem(KEY, String(now))
      try {
        await dataOf(
          routing.POST('/agents/me/heartbeat', { params: { header: { 'Idempotency-Key': newKey() } } }),
        )
        show(null)
      } catch (error) {
        if (error instanceof ApiProblem && error.isLost) show(failingSince ?? now)
      }
    }
    void beat()
    const stop = changes().onBeat(() => void beat())
    const timer = setInterval(() => void beat(), EVERY / 3)
    return () => {
      stop()
      clearInterval(timer)
    }
  }, [isOn])
}
