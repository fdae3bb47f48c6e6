import { useEffect, useSyncExternalStore } from 'react'
import { answerOf, dataOf, routing } from '@/api/client'
import { ApiProblem } from '@/api/problem'
import type { components } from '@/api/routing'

export type DraftView = components['schemas']['DraftView']

/** Whether what is written is on the server: `conflict` when a colleague saved another text meanwhile. */
export type Stand = 'saved' | 'changed' | 'saving' | 'conflict' | 'failed'

/** A draft as it stands in this page. */
export interface Draft {
  readonly id: string
  readonly name: string
  readonly why: string
  readonly revision: number
  readonly baseVersion: number
  readonly text: string
  readonly stand: Stand
  /** Why it was not saved; null unless it stands at `failed`. */
  readonly failure: string | null
  /** What a colleague saved; null unless it stands at `conflict`. */
  readonly theirs: DraftView | null
}

// Typing is over when nothing changed for so long.
const QUIET = 2000

/**
 * The text of a draft while people write: saved after two seconds of quiet, at `flush`, and never over a colleague's text.
 *
 * Saves follow each other, and what is written during one is saved after it.
 */
export class DraftStore {
  private readonly listeners = new Set<() => void>()
  private timer: ReturnType<typeof setTimeout> | undefined
  private snapshot: Draft

  constructor(view: DraftView) {
    this.snapshot = {
      id: view.draft_id,
      name: view.name,
      why: view.why,
      revision: view.revision,
      baseVersion: view.base_version,
      text: view.source,
      stand: 'saved',
      failure: null,
      theirs: null,
    }
  }

  get draft(): Draft {
    return this.snapshot
  }

  subscribe = (listener: () => void) => {
    this.listeners.add(listener)
    return () => {
      this.listeners.delete(listener)
    }
  }

  write(text: string): void {
    if (text === this.snapshot.text) return
    const { stand } = this.snapshot
    this.set({ text, stand: stand === 'conflict' || stand === 'saving' ? stand : 'changed' })
    this.later()
  }

  /** Saves now what is not saved yet. In a conflict it waits for people to choose. */
  flush = async (): Promise<void> => {
    clearTimeout(this.timer)
    const { stand } = this.snapshot
    if (stand === 'changed' || stand === 'failed') await this.save()
  }

  /** Ends a conflict with the text that people chose; it is saved over the colleague's. */
  resolve(text: string): void {
    const { theirs } = this.snapshot
    if (!theirs) return
    const isTheirs = text === theirs.source
    this.set({ text, revision: theirs.revision, theirs: null, stand: isTheirs ? 'saved' : 'changed' })
    void this.flush()
  }

  private later() {
    clearTimeout(this.timer)
    this.timer = setTimeout(() => void this.flush(), QUIET)
  }

  private async save(): Promise<void> {
    const { id, name, why, text, revision } = this.snapshot
    this.set({ stand: 'saving', failure: null })
    const path = { draft_id: id }
    try {
      const saved = await dataOf(
        routing.PUT('/drafts/{draft_id}', {
          params: { path, header: { 'If-Match': `"${revision}"` } },
          body: { name, why, source: text },
        }),
      )
      const isNewer = this.snapshot.text !== text
      this.set({ revision: saved.revision, stand: isNewer ? 'changed' : 'saved' })
      if (isNewer) this.later()
    } catch (error) {
      if (error instanceof ApiProblem && error.status === 412) await this.compare(path)
      else this.fail(error)
    }
  }

  private async compare(path: { draft_id: string }) {
    try {
      const theirs = await dataOf(routing.GET('/drafts/{draft_id}', { params: { path } }))
      // The answer to our own save may have been lost: then nobody else wrote.
      if (theirs.source === this.snapshot.text) this.set({ revision: theirs.revision, stand: 'saved' })
      else this.set({ stand: 'conflict', theirs })
    } catch (error) {
      this.fail(error)
    }
  }

  private fail(error: unknown) {
    this.set({ stand: 'failed', failure: error instanceof Error ? error.message : String(error) })
  }

  private set(part: Partial<Draft>) {
    this.snapshot = { ...this.snapshot, ...part }
    for (const listener of this.listeners) listener()
  }
}

const nothing = () => () => {}

/** The draft of a store, and saving when the page is left or hidden. */
export function useDraft(store: DraftStore | null): Draft | null {
  useEffect(() => {
    if (!store) return
    const flush = () => void store.flush()
    addEventListener('blur', flush)
    document.addEventListener('visibilitychange', flush)
    return () => {
      removeEventListener('blur', flush)
      document.removeEventListener('visibilitychange', flush)
      flush()
    }
  }, [store])
  return useSyncExternalStore(store?.subscribe ?? nothing, () => store?.draft ?? null)
}

/** A new draft of the active version. Throws ApiProblem. */
export async function createDraft(name: string, why: string, key: string): Promise<DraftView> {
  const { data } = await answerOf(
    routing.POST('/drafts', { params: { header: { 'Idempotency-Key': key } }, body: { name, why } }),
  )
  return data
}
