import { useSyncExternalStore } from 'react'
import { ApiProblem } from '@/api/problem'
import { RowStore } from '@/live/row-store'
import { byDue, type Row, rowOfChange, rowOfWork, type WorkChange, type WorkView } from './rows'

interface WorkPage {
  readonly items: readonly WorkView[]
  readonly next?: string | null
}
/** Reads one page of a part of a list, e.g. of the work that is queued. */
export type ReadPage = (cursor: string | null) => Promise<WorkPage>

/** How far a list is read: `part` has its first rows. */
export type Reading = { readonly stand: 'begun' | 'part' | 'whole' } | { readonly error: unknown }

/**
 * Open work by case, in the order in which it is due, kept up to date by changes of work.
 *
 * A page that was read before a change came does not undo the change.
 */
export class WorkList {
  readonly rows = new RowStore<Row>(row => row.caseId, byDue)
  reading: Reading = { stand: 'begun' }
  /** When each case's work changed last, in milliseconds, also of work that has left the list. */
  private readonly newest = new Map<string, number>()
  private readonly listeners = new Set<() => void>()
  /** The cases that changed while the list was being read. */
  private touched = new Set<string>()
  private round = 0

  /** Reads all pages of all parts, the first pages first, and takes away what is not in them. */
  async read(parts: readonly ReadPage[]): Promise<void> {
    const round = ++this.round
    const began = this.rows.ids
    this.touched = new Set()
    const found = new Set<string>()
    try {
      let cursors: (string | null)[] = parts.map(() => null)
      let left = parts
      while (left.length) {
        const pages = await Promise.all(left.map((read, index) => read(cursors[index]!)))
        if (round !== this.round) return
        const rows = pages.flatMap(page => page.items).map(rowOfWork)
        for (const row of rows) found.add(row.caseId)
        this.rows.put(rows.filter(row => this.isNew(row.caseId, row.changed)))
        const more = pages.map(page => page.next ?? null)
        left = left.filter((_, index) => more[index])
        cursors = more.filter(next => next !== null)
        this.show({ stand: left.length ? 'part' : 'whole' })
      }
      for (const id of began) if (!found.has(id) && !this.touched.has(id)) this.rows.remove(id)
    } catch (error) {
      if (round !== this.round) return
      if (!(error instanceof ApiProblem)) throw error
      this.show({ error })
    }
  }

  /** Applies a change: the row is shown where it now stands, or leaves when `has` says that it is not of this list. */
  apply(change: WorkChange, has: (row: Row) => boolean): void {
    const before = this.rows.get(change.case_id)
    const row = rowOfChange(change, before)
    if (!this.isNew(row.caseId, row.changed)) return
    this.touched.add(row.caseId)
    if (has(row)) this.rows.put([row])
    else if (before?.workId === row.workId) this.rows.remove(row.caseId)
  }

  /** Shows a row (or that it has left: null) before the server says so. Returns how to undo that when it does not. */
  expect(caseId: string, row: Row | null): () => void {
    const before = this.rows.get(caseId)
    const set = (to: Row | null | undefined) => (to ? this.rows.put([to]) : this.rows.remove(caseId))
    this.touched.add(caseId)
    set(row && { ...row, isExpected: true })
    return () => void set(before)
  }

  useReading(): Reading {
    return useSyncExternalStore(
      listener => {
        this.listeners.add(listener)
        return () => this.listeners.delete(listener)
      },
      () => this.reading,
    )
  }

  private isNew(caseId: string, changed: number): boolean {
    if (changed < (this.newest.get(caseId) ?? 0)) return false
    this.newest.set(caseId, changed)
    return true
  }

  private show(reading: Reading) {
    this.reading = reading
    for (const listener of this.listeners) listener()
  }
}

/** What the person has accepted. Offers put work into it before the server has answered. */
export const myWork = new WorkList()
/** What waits or is offered in the person's queues. */
export const queueWork = new WorkList()
