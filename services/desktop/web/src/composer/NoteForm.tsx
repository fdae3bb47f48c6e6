import { type ReactNode, useState } from 'react'
import { newKey } from '@/api/client'
import { Button } from '@/design/controls'
import { Icon } from '@/design/icons'
import { number } from '@/format/number'
import { serverNow } from '@/live/clock'
import { useTexts } from '@/texts/catalogue'
import styles from './composer.module.css'
import { isTooLong, MOST_CHARACTERS } from './limits'
import { texts } from './texts'
import { UnderWay } from './UnderWay'
import { useWriting } from './use-place'
import { Kept, Words } from './Words'

/** A note for colleagues. It never leaves the house. */
export function NoteForm({
  caseId,
  reference,
  kinds,
}: {
  caseId: string
  reference: string
  /** The choice between answer and note. */
  kinds: ReactNode
}) {
  const t = useTexts(texts)
  const writing = useWriting(caseId, 'note')
  const { draft, sending } = writing
  const [isTried, setTried] = useState(false)
  const wrong = !draft.text.trim()
    ? t.empty
    : isTooLong(draft.text)
      ? t.tooLong(number(MOST_CHARACTERS))
      : null
  const send = () => {
    setTried(true)
    if (wrong || writing.isUnderWay) return
    const now = serverNow()
    writing.outbox.press(writing.place, {
      key: draft.key ?? newKey(),
      body: { text: draft.text.trim() },
      etag: null,
      to: reference,
      pressedAt: now,
      leavesAt: now,
    })
    setTried(false)
  }
  return (
    <div className={styles.form} data-kind="note" data-empty={!draft.text || undefined}>
      <div className={styles.head}>
        {kinds}
        <Icon name="lock" size={16} />
        <span className={styles.recipient}>{t.noteFor}</span>
      </div>
      <Words
        writing={writing}
        label={t.noteFor}
        placeholder={t.writeNote}
        fault={(isTried && wrong) || (sending.state === 'refused' ? sending.refusal.detail : null)}
        onWrite={text => writing.write({ text })}
      />
      <div className={styles.foot}>
        <UnderWay writing={writing} />
        <span className={styles.effect}>
          <Kept writing={writing} />
        </span>
        <Button
          kind="note"
          icon="note"
          keys="Ctrl+Shift+Enter"
          data-press="send"
          isDisabled={writing.isUnderWay}
          onPress={send}
        >
          {t.addNote}
        </Button>
      </div>
    </div>
  )
}
