import { useSyncExternalStore } from 'react'

/** What screen readers are to say: at once (`assertive`), or when they have finished (`polite`). */
type Urgency = 'assertive' | 'polite'
const said: Record<Urgency, string> = { assertive: '', polite: '' }
const listeners = new Set<() => void>()

/** Has screen readers say a sentence once. The same sentence twice is said twice. */
export function announce(sentence: string, urgency: Urgency = 'polite'): void {
  said[urgency] = said[urgency] === sentence ? `${sentence}\u00a0` : sentence
  for (const listener of listeners) listener()
}

function subscribe(listener: () => void) {
  listeners.add(listener)
  return () => listeners.delete(listener)
}

/** The regions that screen readers listen to; once in the shell. */
export function Announcements() {
  const assertive = useSyncExternalStore(subscribe, () => said.assertive)
  const polite = useSyncExternalStore(subscribe, () => said.polite)
  return (
    <>
      <div className="hidden" role="alert" aria-live="assertive" data-announcements="assertive">
        {assertive}
      </div>
      <div className="hidden" role="status" aria-live="polite" data-announcements="polite">
        {polite}
      </div>
    </>
  )
}
