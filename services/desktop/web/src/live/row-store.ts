import { useSyncExternalStore } from 'react'

/**
 * Rows by id, in an order: one listener a row, so a change shows its row alone again. Changes are shown once a frame.
 *
 * The order is told to who shows the list only when it differs.
 */
export class RowStore<T> {
  private rows = new Map<string, T>()
  private order: readonly string[] = []
  private readonly rowListeners = new Map<string, Set<() => void>>()
  private readonly listListeners = new Set<() => void>()
  private readonly changed = new Set<string>()
  private frame = 0

  constructor(
    private readonly idOf: (row: T) => string,
    private readonly compare: (one: T, other: T) => number,
  ) {}

  /** Replaces all rows. */
  replace(rows: readonly T[]): void {
    const before = this.rows
    this.rows = new Map(rows.map(row => [this.idOf(row), row]))
    for (const id of new Set([...before.keys(), ...this.rows.keys()])) this.changed.add(id)
    this.show()
  }

  /** Adds rows or replaces those with the same id. */
  put(rows: readonly T[]): void {
    for (const row of rows) {
      this.rows.set(this.idOf(row), row)
      this.changed.add(this.idOf(row))
    }
    this.later()
  }

  remove(id: string): void {
    if (this.rows.delete(id)) {
      this.changed.add(id)
      this.later()
    }
  }

  get(id: string): T | undefined {
    return this.rows.get(id)
  }

  get ids(): readonly string[] {
    return this.order
  }

  private later() {
    // A hidden tab has no frames.
    this.frame ||= document.hidden
      ? window.setTimeout(() => this.show(), 0)
      : requestAnimationFrame(() => this.show())
  }

  private show() {
    this.frame = 0
    const order = [...this.rows.values()].sort(this.compare).map(this.idOf)
    const differs = order.length !== this.order.length || order.some((id, index) => id !== this.order[index])
    if (differs) this.order = order
    for (const id of this.changed) for (const listener of this.rowListeners.get(id) ?? []) listener()
    this.changed.clear()
    if (differs) for (const listener of this.listListeners) listener()
  }

  /** The row while the component is shown. */
  useRow(id: string): T | undefined {
    return useSyncExternalStore(
      listener => this.listen(id, listener),
      () => this.rows.get(id),
    )
  }

  /** The ids in order. */
  useOrder(): readonly string[] {
    return useSyncExternalStore(
      listener => {
        this.listListeners.add(listener)
        return () => this.listListeners.delete(listener)
      },
      () => this.order,
    )
  }

  private listen(id: string, listener: () => void) {
    const those = this.rowListeners.get(id) ?? new Set()
    this.rowListeners.set(id, those.add(listener))
    return () => {
      those.delete(listener)
      if (those.size === 0) this.rowListeners.delete(id)
    }
  }
}
