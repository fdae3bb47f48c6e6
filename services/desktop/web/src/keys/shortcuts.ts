import { useEffectEvent, useLayoutEffect, useSyncExternalStore } from 'react'

/**
 * Shortcuts of the pages: one key (`j`), keys after each other (`g i`), or with modifiers (`Ctrl+Enter`, `Alt+Y`).
 *
 * Single keys act only where nobody types, and can be switched off (WCAG 2.1.4). Every shortcut is an entry of the palette
 * (Ctrl+K) and of the list under `?`. Letters are those of the layout; on layouts without Latin letters, those of the place.
 */
export interface Command {
  /** Names the command, e.g. `inbox.next`. The newest component that registers an id has it. */
  readonly id: string
  /** What it does, in the language shown. */
  readonly label: string
  /** The heading under which it is listed. */
  readonly group: string
  readonly keys?: string
  readonly run: () => void
  /** Whether the palette lists it; a movement in a list needs no entry. */
  readonly listed?: boolean
}

const KEY = 'antiphon.single-keys'
const commands = new Map<string, Command[]>()
const listeners = new Set<() => void>()
let snapshot: readonly Command[] = []
let singleKeys = globalThis.localStorage?.getItem(KEY) !== 'off'
let begun = ''
let timer: ReturnType<typeof setTimeout> | undefined

/** Registers commands while the component is shown. */
export function useCommands(list: readonly Command[]): void {
  const run = useEffectEvent((id: string) => list.find(command => command.id === id)?.run())
  const described = JSON.stringify(
    list.map(({ id, label, group, keys, listed }) => ({ id, label, group, keys, listed })),
  )
  // A key acts as soon as what it acts on is seen.
  useLayoutEffect(() => {
    const own = (JSON.parse(described) as Omit<Command, 'run'>[]).map(command => ({
      ...command,
      run: () => run(command.id),
    }))
    for (const command of own) commands.set(command.id, [...(commands.get(command.id) ?? []), command])
    changed()
    return () => {
      for (const command of own) {
        const left = (commands.get(command.id) ?? []).filter(other => other !== command)
        if (left.length) commands.set(command.id, left)
        else commands.delete(command.id)
      }
      changed()
    }
  }, [described])
}

/** All commands that can be called now, in the order in which they were registered. */
export function useAllCommands(): readonly Command[] {
  return useSyncExternalStore(subscribe, () => snapshot)
}

export function useSingleKeys(): [boolean, (on: boolean) => void] {
  return [useSyncExternalStore(subscribe, () => singleKeys), setSingleKeys]
}

function setSingleKeys(on: boolean) {
  singleKeys = on
  localStorage.setItem(KEY, on ? 'on' : 'off')
  changed()
}

function subscribe(listener: () => void) {
  listeners.add(listener)
  return () => listeners.delete(listener)
}

function changed() {
  snapshot = [...commands.values()].map(those => those.at(-1)!)
  for (const listener of listeners) listener()
}

/** The name of a pressed key as shortcuts write it: `Ctrl+Enter`, `Alt+Y`, `j`, `?`. Empty for a modifier alone. */
export function nameOf(event: KeyboardEvent): string {
  if (['Control', 'Shift', 'Alt', 'Meta', 'AltGraph', 'Dead'].includes(event.key)) return ''
  const place = /^Key([A-Z])$/.exec(event.code)?.[1]
  const typed = event.key === ' ' ? 'Space' : event.key
  const isLatin = /^[\x20-\x7e]$/.test(typed)
  // Alt gives other characters on some layouts, and other scripts have no Latin letters: there the place counts.
  const key = place && (event.altKey || !isLatin) && typed.length === 1 ? place.toLowerCase() : typed
  const modifiers = [
    event.ctrlKey || event.metaKey ? 'Ctrl' : '',
    event.altKey ? 'Alt' : '',
    event.shiftKey && key.length > 1 ? 'Shift' : '',
  ].filter(Boolean)
  if (!modifiers.length)
    return key.length === 1 ? (event.shiftKey && /[a-z]/i.test(key) ? key.toUpperCase() : key) : key
  return [...modifiers, key.length === 1 ? key.toUpperCase() : key].join('+')
}

function types(target: EventTarget | null): boolean {
  if (!(target instanceof HTMLElement)) return false
  return (
    target.isContentEditable ||
    target.matches('input:not([type=checkbox],[type=radio]), textarea, select, .cm-content')
  )
}

/** Listens for shortcuts from now on. Called once. */
export function listen(): void {
  addEventListener('keydown', event => {
    if (event.defaultPrevented || event.isComposing) return
    const name = nameOf(event)
    if (!name) return
    const isModified = /^(Ctrl|Alt)\+/.test(name)
    if (!isModified && (types(event.target) || !singleKeys)) {
      if (!(name === '?' && !types(event.target))) return
    }
    // In a dialog only the dialog's own keys act.
    if (
      event.target instanceof Element &&
      event.target.closest('[role=dialog], [role=menu], [role=listbox][data-keys=own]') &&
      !isModified
    )
      return
    const whole = begun ? `${begun} ${name}` : name
    const found =
      snapshot.findLast(command => command.keys === whole) ??
      snapshot.findLast(command => command.keys === name)
    const isBeginning = !isModified && snapshot.some(command => command.keys?.startsWith(`${whole} `))
    clearTimeout(timer)
    begun = ''
    if (found) {
      event.preventDefault()
      found.run()
    } else if (isBeginning) {
      event.preventDefault()
      begun = whole
      timer = setTimeout(() => {
        begun = ''
      }, 1500)
    }
  })
}
