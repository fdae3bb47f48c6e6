import { useId } from 'react'
import { Icon } from '@/design/icons'
import { moment } from '@/format/time'
import { serverNow } from '@/live/clock'
import { useTexts } from '@/texts/catalogue'
import styles from './composer.module.css'
import { texts } from './texts'
import type { Writing } from './use-place'

export interface WordsProps {
  writing: Writing
  label: string
  placeholder: string
  /** BCP 47, for the spelling; that of the pages without it. */
  language?: string | null | undefined
  fault?: string | null | undefined
  describedBy?: string | undefined
  onWrite: (text: string) => void
}

/** The field of an answer or a note, with what is wrong with its words. */
export function Words({ writing, label, placeholder, language, fault, describedBy, onWrite }: WordsProps) {
  const id = useId()
  const { draft, isUnderWay } = writing
  return (
    <div className={styles.words}>
      <label className="hidden" htmlFor={id}>
        {label}
      </label>
      <textarea
        id={id}
        className={styles.field}
        value={draft.text}
        placeholder={placeholder}
        readOnly={isUnderWay}
        spellCheck
        {...(language && { lang: language })}
        aria-invalid={Boolean(fault)}
        aria-describedby={[fault && `${id}-fault`, describedBy].filter(Boolean).join(' ') || undefined}
        onChange={event => onWrite(event.target.value)}
      />
      {fault && (
        <p className={styles.fault} id={`${id}-fault`}>
          <Icon name="warning" size={14} /> {fault}
        </p>
      )}
    </div>
  )
}

/** Since when words that nobody sent are there, and whether they will stay. */
export function Kept({ writing }: { writing: Writing }) {
  const t = useTexts(texts)
  const { drafts, place, draft, sending } = writing
  if (!draft.text || sending.state !== 'idle') return null
  if (!drafts.isKept(place)) return <span className={styles.fault}>{t.notKept}</span>
  if (draft.key) return <span className={styles.fault}>{t.unconfirmed}</span>
  return (
    <span>{drafts.isFromElsewhere(place) ? t.elsewhere : t.kept(moment(draft.changedAt, serverNow()))}</span>
  )
}
