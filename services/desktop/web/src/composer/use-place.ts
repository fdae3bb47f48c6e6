import { useMemo, useSyncExternalStore } from 'react'
import { useSession } from '@/session/session'
import type { Draft, Drafts, Kind, Place } from './drafts'
import type { Outbox } from './outbox'
import { attemptOf, type Sending } from './sending'
import { composing } from './start'

export interface Writing {
  readonly place: Place
  readonly draft: Draft
  readonly drafts: Drafts
  readonly outbox: Outbox
  readonly sending: Sending
  /** Whether the words are on their way, and can't be changed. */
  readonly isUnderWay: boolean
  readonly write: (changes: Partial<Draft>) => void
}

/** A draft and how its sending stands, as they are now. */
export function useWriting(caseId: string, kind: Kind): Writing {
  const { drafts, outbox } = composing(useSession().subject)
  const place = useMemo(() => ({ caseId, kind }), [caseId, kind])
  const draft = useSyncExternalStore(drafts.subscribe, () => drafts.read(place))
  const sending = useSyncExternalStore(outbox.subscribe, () => outbox.of(place))
  return {
    place,
    draft,
    drafts,
    outbox,
    sending,
    isUnderWay: attemptOf(sending) !== null,
    write: changes => {
      drafts.write(place, changes)
      outbox.edited(place)
    },
  }
}
