import { defaultRangeExtractor, type Range, useVirtualizer } from '@tanstack/react-virtual'
import {
  type KeyboardEvent,
  type ReactNode,
  type Ref,
  useEffect,
  useLayoutEffect,
  useMemo,
  useRef,
} from 'react'
import styles from './inbox.module.css'

/** The height of a row in pixels at a font size of 16. Rows are as high as each other, whatever is known of them. */
const HEIGHT = 60
const OVERSCAN = 6

export interface ListProps {
  label: string
  ids: readonly string[]
  /** The row on which the keys act. It stays on its item when the order changes. */
  cursor: string | null
  onCursor: (id: string) => void
  onOpen: (id: string) => void
  row: (id: string) => ReactNode
  ref?: Ref<HTMLDivElement>
}

/** Moves that a key makes from one place to another in a list of `size` rows, of which `page` are in view. */
export function moved(key: string, from: number, size: number, page: number): number | null {
  const to = {
    ArrowDown: from + 1,
    ArrowUp: from - 1,
    Home: 0,
    End: size - 1,
    PageDown: from + page,
    PageUp: from - page,
  }[key]
  return to === undefined || size === 0 ? null : Math.max(0, Math.min(size - 1, to))
}

/** A list of any length: the rows in view alone are in the page. */
export function List({ label, ids, cursor, onCursor, onOpen, row, ref }: ListProps) {
  const scroll = useRef<HTMLDivElement>(null)
  const places = useMemo(() => new Map(ids.map((id, index) => [id, index])), [ids])
  const at = cursor === null ? -1 : (places.get(cursor) ?? -1)
  const height = HEIGHT * (Number.parseFloat(getComputedStyle(document.documentElement).fontSize) / 16)
  const rows = useVirtualizer({
    count: ids.length,
    getScrollElement: () => scroll.current,
    estimateSize: () => height,
    overscan: OVERSCAN,
    getItemKey: index => ids[index]!,
    // The row of the cursor is always in the page: screen readers read it by its id.
    rangeExtractor: (range: Range) => {
      const shown = defaultRangeExtractor(range)
      return at < 0 || shown.includes(at) ? shown : [...shown, at].sort((one, other) => one - other)
    },
  })

  // When the order changes, the row of the cursor stays where it is seen.
  const before = useRef({ cursor, at })
  useLayoutEffect(() => {
    const moved = cursor === before.current.cursor && before.current.at >= 0 && at >= 0
    const by = moved ? (at - before.current.at) * height : 0
    before.current = { cursor, at }
    if (by && scroll.current && scroll.current.scrollTop > 0) scroll.current.scrollTop += by
  })
  const latest = useRef(at)
  latest.current = at
  useEffect(() => {
    if (cursor !== null && latest.current >= 0) rows.scrollToIndex(latest.current, { align: 'auto' })
  }, [cursor, rows])

  const onKeyDown = (event: KeyboardEvent) => {
    if (event.altKey || event.ctrlKey || event.metaKey) return
    if (event.key === 'Enter' && cursor) {
      event.preventDefault()
      onOpen(cursor)
      return
    }
    const page = Math.max(1, Math.floor((scroll.current?.clientHeight ?? height) / height) - 1)
    const to = moved(event.key, at, ids.length, page)
    if (to === null) return
    event.preventDefault()
    onCursor(ids[to]!)
  }
  return (
    <div ref={scroll} className={styles.scroll}>
      <div
        ref={ref}
        role="listbox"
        tabIndex={0}
        aria-label={label}
        aria-activedescendant={at >= 0 ? `row-${cursor}` : undefined}
        className={styles.list}
        style={{ height: rows.getTotalSize() }}
        onKeyDown={onKeyDown}
      >
        {rows.getVirtualItems().map(item => {
          const id = ids[item.index]!
          return (
            // biome-ignore lint/a11y/useKeyWithClickEvents: the keys are those of the list
            // biome-ignore lint/a11y/useFocusableInteractive: the list has the focus and names the option
            <div
              key={item.key}
              id={`row-${id}`}
              role="option"
              aria-selected={id === cursor}
              aria-posinset={item.index + 1}
              aria-setsize={ids.length}
              className={styles.row}
              style={{ height, transform: `translateY(${item.start}px)` }}
              onClick={() => {
                onCursor(id)
                onOpen(id)
              }}
            >
              {row(id)}
            </div>
          )
        })}
      </div>
    </div>
  )
}
