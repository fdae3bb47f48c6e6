import { useEffect, useEffectEvent, useRef, useState } from 'react'
import type { Doing, PersonHereView } from '@/api/case-mgmt'
import { caseMgmt } from '@/api/client'
import { announce } from '@/design/announce'
import { Icon } from '@/design/icons'
import { useChanges } from '@/live/changes'
import { may, useSession } from '@/session/session'
import { useTexts } from '@/texts/catalogue'
import styles from './case.module.css'
import { texts } from './texts'

// The server forgets a person after 20 seconds.
const REPEAT = 10_000
const STILL_WRITES = 15_000

/** Who else has the case open, and who writes. Says what the person does here meanwhile. `wrote` is called at each change. */
export function useHere(caseId: string): { others: readonly PersonHereView[]; wrote: () => void } {
  const session = useSession()
  const [people, setPeople] = useState<readonly PersonHereView[]>([])
  const wroteAt = useRef(Number.NEGATIVE_INFINITY)
  const reports = may(session, 'case-mgmt', 'set_here')
  const tell = useEffectEvent(async (doing: Doing) => {
    const answer = await report(caseId, doing)
    if (answer) setPeople(answer.people)
  })
  const now = () => (performance.now() - wroteAt.current < STILL_WRITES ? 'writing' : 'reading')
  const repeat = useEffectEvent(() => {
    if (!document.hidden) void tell(now())
  })
  useEffect(() => {
    if (!reports) return
    repeat()
    const timer = setInterval(() => repeat(), REPEAT)
    return () => {
      clearInterval(timer)
      wroteAt.current = Number.NEGATIVE_INFINITY
      setPeople([])
      void report(caseId, 'gone')
    }
  }, [caseId, reports])
  useChanges(['case-mgmt.here'], data => {
    if (data.subject === caseId) setPeople(data.people)
  })
  const wrote = () => {
    const began = now() === 'reading'
    wroteAt.current = performance.now()
    if (began && reports) void tell('writing')
  }
  return { others: people.filter(one => one.id !== session.subject && one.doing !== 'gone'), wrote }
}

/** Says what the person does on a case. A report that is lost is made up for by the next. */
async function report(caseId: string, doing: Doing) {
  const { data } = await caseMgmt
    .PUT('/cases/{case_id}/here', {
      params: { path: { case_id: caseId } },
      body: { doing },
      keepalive: doing === 'gone',
    })
    .catch(() => ({ data: undefined }))
  return data
}

/** A line about the others on the case: an answer that somebody writes is the more important. */
export function Here({ others }: { others: readonly PersonHereView[] }) {
  const t = useTexts(texts)
  const names = (doing: string) =>
    others
      .filter(one => one.doing === doing)
      .map(one => one.name || t.someone)
      .join(', ')
  const writing = names('writing')
  const reading = names('reading')
  useEffect(() => {
    if (writing) announce(t.writesHere(writing))
  }, [writing, t])
  if (!writing && !reading) return null
  return (
    <p className={styles.here} data-writing={Boolean(writing) || undefined}>
      <Icon name={writing ? 'note' : 'people'} size={14} />
      {writing ? t.writesHere(writing) : t.readsHere(reading)}
    </p>
  )
}
