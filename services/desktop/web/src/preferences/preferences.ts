import { useSyncExternalStore } from 'react'

/** What a person chose for this browser. Nothing of it leaves the browser. */
export interface Preferences {
  readonly theme: 'system' | 'light' | 'dark'
  /** A sound when work is offered. */
  readonly sound: boolean
  /** A notification of the browser when work is offered and the page is not seen. */
  readonly notify: boolean
  /** How long an answer can be taken back after Send, in seconds; 0: not at all. */
  readonly undoSeconds: number
}

const KEY = 'antiphon.preferences'
const DEFAULTS: Preferences = { theme: 'system', sound: true, notify: false, undoSeconds: 8 }
const listeners = new Set<() => void>()
let current: Preferences = read()

function read(): Preferences {
  try {
    return { ...DEFAULTS, ...(JSON.parse(localStorage.getItem(KEY) ?? '{}') as Partial<Preferences>) }
  } catch {
    return DEFAULTS
  }
}

export function preferences(): Preferences {
  return current
}

export function setPreferences(changed: Partial<Preferences>): void {
  current = { ...current, ...changed }
  localStorage.setItem(KEY, JSON.stringify(current))
  showTheme()
  for (const listener of listeners) listener()
}

export function showTheme(): void {
  document.documentElement.dataset.theme = current.theme
}

export function usePreferences(): Preferences {
  return useSyncExternalStore(
    listener => {
      listeners.add(listener)
      return () => listeners.delete(listener)
    },
    () => current,
  )
}
