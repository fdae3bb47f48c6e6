import { createContext, useContext } from 'react'
import type { Vocabulary } from './cel/completion'
import type { Value } from './document/reading'
import type { Group } from './document/schema'
import type { Draft, DraftStore } from './draft'
import type { Finding } from './editor/faults'

/** What every page of the studio works on: a draft, or the active version, which can only be read. */
export interface Studio {
  readonly text: string
  readonly value: Value
  /** The form of the whole document. */
  readonly form: Group
  readonly vocabulary: Vocabulary
  readonly activeVersion: number
  readonly draft: Draft | null
  readonly store: DraftStore | null
  /** Whether this person may change the draft. */
  readonly mayWrite: boolean
  readonly findings: readonly Finding[]
  /** Changes the text of the draft by one edit; what can't be edited is said. */
  readonly change: (edit: (text: string) => string) => void
  readonly check: (text: string) => Promise<readonly Finding[]>
}

export const StudioContext = createContext<Studio | null>(null)

export function useStudio(): Studio {
  const studio = useContext(StudioContext)
  if (!studio) throw new Error('useStudio is called outside the studio')
  return studio
}
