import { useEffect, useEffectEvent, useSyncExternalStore } from 'react'
import { ChangeStream, type Stand } from './stream'

let stream: ChangeStream | undefined

/** The one stream of this tab. It begins at the first call, which is after sign-in. */
export function changes(): ChangeStream {
  stream ??= new ChangeStream()
  return stream
}

/** Calls `listener` for each event of the kinds while the component is shown. */
// biome-ignore lint/suspicious/noExplicitAny: an event's shape is known to who asks for its kind
export function useChanges(kinds: readonly string[], listener: (data: any, kind: string) => void): void {
  const latest = useEffectEvent(listener)
  const names = kinds.join(' ')
  useEffect(() => {
    const stops = names.split(' ').map(kind => changes().on(kind, (data, event) => latest(data, event)))
    return () => stops.forEach(stop => void stop())
  }, [names])
}

/** Follows a case, a customer or the wallboard while the component is shown. */
export function useFollowed(what: `case:${string}` | `customer:${string}` | 'live' | null): void {
  useEffect(() => (what ? changes().follow(what) : undefined), [what])
}

/** How the stream stands. */
export function useStand(): Stand {
  return useSyncExternalStore(
    listener => changes().watch(listener),
    () => changes().stand,
  )
}
