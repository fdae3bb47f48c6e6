import { useSyncExternalStore } from 'react'

/** The languages of the pages. Texts of customers and of the organisation are shown as they are. */
export const LANGUAGES = { en: 'English', de: 'Deutsch' } as const
export type Language = keyof typeof LANGUAGES

const KEY = 'antiphon.language'
const listeners = new Set<() => void>()
let current: Language = chosen()

function chosen(): Language {
  const kept = globalThis.localStorage?.getItem(KEY)
  const wanted = kept ? [kept] : (globalThis.navigator?.languages ?? [])
  return wanted.map(tag => tag.slice(0, 2)).find((tag): tag is Language => tag in LANGUAGES) ?? 'en'
}

/** The language in which the pages are shown now. */
export function language(): Language {
  return current
}

/** The locale for numbers and dates: the browser's own where it is of this language, so 24 hours stay 24 hours. */
export function locale(): string {
  return (
    globalThis.navigator?.languages?.find(tag => tag.startsWith(current)) ??
    (current === 'en' ? 'en-GB' : current)
  )
}

export function setLanguage(language: Language): void {
  current = language
  localStorage.setItem(KEY, language)
  showLanguage()
  for (const listener of listeners) listener()
}

/** Names the language in the document, for screen readers, hyphenation and direction. */
export function showLanguage(): void {
  document.documentElement.lang = current
  document.documentElement.dir = 'ltr'
}

export function useLanguage(): Language {
  return useSyncExternalStore(subscribe, language)
}

function subscribe(listener: () => void) {
  listeners.add(listener)
  return () => listeners.delete(listener)
}
