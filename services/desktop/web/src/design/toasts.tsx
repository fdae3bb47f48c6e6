import { useSyncExternalStore } from 'react'
import { useCommands } from '@/keys/shortcuts'
import { catalogue, useTexts } from '@/texts/catalogue'
import { announce } from './announce'
import { Button, IconButton } from './controls'
import type { Tone } from './show'
import styles from './toasts.module.css'

const texts = catalogue({ close: 'Close', region: 'Messages' }, { close: 'Schließen', region: 'Meldungen' })

export interface Toast {
  readonly id: string
  readonly text: string
  readonly tone?: Tone
  /** What can be done; its keys act while the message is shown. */
  readonly action?: { readonly label: string; readonly keys?: string; readonly run: () => void }
}

let toasts: readonly Toast[] = []
const listeners = new Set<() => void>()

/** Shows a message for eight seconds, and says it. One of the same id replaces the one before. Returns how to take it away. */
export function toast(message: Omit<Toast, 'id'> & { id?: string }, milliseconds = 8000): () => void {
  const shown: Toast = { id: crypto.randomUUID(), ...message }
  toasts = [...toasts.filter(other => other.id !== shown.id), shown].slice(-4)
  announce(shown.text, shown.tone === 'late' ? 'assertive' : 'polite')
  tell()
  const close = () => {
    if (!toasts.includes(shown)) return
    toasts = toasts.filter(other => other !== shown)
    tell()
  }
  if (milliseconds !== Number.POSITIVE_INFINITY) setTimeout(close, milliseconds)
  return close
}

function tell() {
  for (const listener of listeners) listener()
}

export function Toasts() {
  const t = useTexts(texts)
  const shown = useSyncExternalStore(
    listener => {
      listeners.add(listener)
      return () => listeners.delete(listener)
    },
    () => toasts,
  )
  const close = (id: string) => {
    toasts = toasts.filter(other => other.id !== id)
    tell()
  }
  useCommands(
    shown.flatMap(({ id, action }) => {
      if (!action?.keys) return []
      const run = () => {
        action.run()
        close(id)
      }
      return [{ id: `toast.${id}`, label: action.label, group: t.region, keys: action.keys, run }]
    }),
  )
  return (
    <section className={styles.toasts} aria-label={t.region}>
      {shown.map(one => (
        <div key={one.id} className={styles.toast} data-tone={one.tone}>
          <span className={styles.text}>{one.text}</span>
          {one.action && (
            <Button
              small
              {...(one.action.keys && { keys: one.action.keys })}
              onPress={() => {
                one.action?.run()
                close(one.id)
              }}
            >
              {one.action.label}
            </Button>
          )}
          <IconButton small icon="cross" label={t.close} onPress={() => close(one.id)} />
        </div>
      ))}
    </section>
  )
}
