import { useEffect, useEffectEvent, useRef, useState, useSyncExternalStore } from 'react'
import { flushSync } from 'react-dom'
import type { WholeCaseView } from '@/api/case-mgmt'
import type { WorkDetail } from '@/api/routing'
import { announce } from '@/design/announce'
import { Segments } from '@/design/fields'
import { useCommands } from '@/keys/shortcuts'
import { may, useSession } from '@/session/session'
import { useTexts } from '@/texts/catalogue'
import { AnswerForm } from './AnswerForm'
import styles from './composer.module.css'
import { type Kind, onRestored } from './drafts'
import { NoteForm } from './NoteForm'
import { composing, showing } from './start'
import { texts } from './texts'

export interface ComposerProps {
  whole: WholeCaseView
  /** The ETag with which `whole` was read. */
  etag: string
  work: WorkDetail | null
  onSent?: () => void
}

/**
 * What a person writes on a case: an answer to the customer, or a note for colleagues. Each has its own field, words,
 * button and key, so that neither is sent as the other.
 */
export default function Composer(props: ComposerProps) {
  return <OneCase key={props.whole.case.case_id} {...props} />
}

function OneCase({ whole, etag, work, onSent }: ComposerProps) {
  const t = useTexts(texts)
  const session = useSession()
  const caseId = whole.case.case_id
  const { drafts, outbox } = composing(session.subject)
  const mayAnswer = may(session, 'case-mgmt', 'send_reply')
  const mayNote = may(session, 'case-mgmt', 'add_note')
  const region = useRef<HTMLElement>(null)
  const [kind, setKind] = useState<Kind>(() => {
    const hasNote = drafts.read({ caseId, kind: 'note' }).text !== ''
    const hasAnswer = drafts.read({ caseId, kind: 'answer' }).text !== ''
    return mayAnswer && (hasAnswer || !hasNote) ? 'answer' : 'note'
  })
  const isOtherWritten = useSyncExternalStore(
    drafts.subscribe,
    () => drafts.read({ caseId, kind: kind === 'answer' ? 'note' : 'answer' }).text !== '',
  )
  useEffect(() => showing(caseId), [caseId])
  useEffect(
    () =>
      outbox.subscribe((place, sending) => {
        if (place.caseId === caseId && sending.state === 'sent') onSent?.()
      }),
    [outbox, caseId, onSent],
  )

  const open = (wanted: Kind) => {
    // What is typed next goes into the field, so it has the focus before the next key.
    flushSync(() => setKind(wanted))
    region.current?.querySelector('textarea')?.focus()
  }
  const openRestored = useEffectEvent((restored: string) => {
    if (restored === caseId) open('answer')
  })
  useEffect(() => onRestored(restored => openRestored(restored)), [])
  const press = (wanted: Kind, button: 'send' | 'after' = 'send') => {
    if (!region.current?.contains(document.activeElement)) return
    if (kind !== wanted) announce(t.otherKey(kind === 'answer' ? 'Ctrl+Enter' : 'Ctrl+Shift+Enter'))
    else region.current.querySelector<HTMLButtonElement>(`button[data-press=${button}]`)?.click()
  }
  useCommands([
    ...(mayAnswer
      ? [
          {
            id: 'composer.answer',
            label: t.openAnswer,
            group: t.group,
            keys: 'r',
            run: () => open('answer'),
          },
          {
            id: 'composer.send',
            label: t.send,
            group: t.group,
            keys: 'Ctrl+Enter',
            run: () => press('answer'),
            listed: false,
          },
          {
            id: 'composer.after',
            label: t.sendAfter,
            group: t.group,
            keys: 'Alt+Enter',
            run: () => press('answer', 'after'),
            listed: false,
          },
        ]
      : []),
    ...(mayNote
      ? [
          { id: 'composer.note', label: t.openNote, group: t.group, keys: 'i', run: () => open('note') },
          {
            id: 'composer.add-note',
            label: t.addNote,
            group: t.group,
            keys: 'Ctrl+Shift+Enter',
            run: () => press('note'),
            listed: false,
          },
        ]
      : []),
  ])
  if (!mayAnswer && !mayNote) return null
  const kinds = mayAnswer && mayNote && (
    <div className={styles.kinds}>
      <Segments<Kind>
        label={t.kind}
        choices={[
          { id: 'answer', label: t.answer, icon: 'send' },
          { id: 'note', label: t.note, icon: 'note' },
        ]}
        value={kind}
        onChange={open}
      />
      {isOtherWritten && (kind === 'answer' ? t.noteKept : t.answerKept)}
    </div>
  )
  return (
    <section
      ref={region}
      className={styles.composer}
      aria-label={t.composer}
      onKeyDown={event => {
        // A key that is held down sends nothing twice, and confirms nothing.
        if (event.key === 'Enter' && event.repeat && (event.ctrlKey || event.metaKey || event.altKey))
          event.preventDefault()
        if (event.key === 'Escape' && !event.defaultPrevented) {
          event.preventDefault()
          toTimeline()
        }
      }}
    >
      {kind === 'answer' ? (
        <AnswerForm whole={whole} etag={etag} work={work} kinds={kinds} onKeepAsNote={() => open('note')} />
      ) : (
        <NoteForm caseId={caseId} reference={whole.case.reference} kinds={kinds} />
      )}
    </section>
  )
}

/** The focus goes back to what was said. */
function toTimeline() {
  const timeline = document.querySelector<HTMLElement>('[role=log], [role=feed]')
  ;(timeline ?? document.getElementById('page'))?.focus()
}
