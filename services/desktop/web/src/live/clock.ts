import { useSyncExternalStore } from 'react'

/** How far this machine's clock is behind the server's, in milliseconds. Learned from the `Date` of answers. */
let offset = 0
let known = false

/** Learns the server's time from an answer. `Date` has whole seconds, so a difference below two is noise. */
export function learn(date: string | null): void {
  const server = date ? Date.parse(date) : Number.NaN
  if (Number.isNaN(server)) return
  const difference = server + 500 - Date.now()
  if (!known || Math.abs(difference - offset) > 2000) offset = Math.abs(difference) < 1500 ? 0 : difference
  known = true
}

/** The server's time now, in milliseconds. */
export function serverNow(): number {
  return Date.now() + offset
}

const listeners = new Set<() => void>()
let shown = serverNow()
let timer: ReturnType<typeof setInterval> | undefined

function subscribe(listener: () => void) {
  listeners.add(listener)
  timer ??= setInterval(tick, 1000)
  return () => {
    listeners.delete(listener)
    if (listeners.size === 0) {
      clearInterval(timer)
      timer = undefined
    }
  }
}

function tick() {
  shown = serverNow()
  for (const listener of listeners) listener()
}

/** The server's time, once a second. Only what shows it is shown again. */
export function useNow(): number {
  return useSyncExternalStore(subscribe, now)
}

function now() {
  // Where nothing ticks yet, the first reader gets the time of now.
  if (timer === undefined) shown = serverNow()
  return shown
}
