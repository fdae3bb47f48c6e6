import { memo } from 'react'
import type { EntryView, ReplyView } from '@/api/case-mgmt'
import { restoreWords } from '@/composer/drafts'
import { Button } from '@/design/controls'
import { channelIcon, Icon } from '@/design/icons'
import { Avatar, Moment, Tag, type Tone } from '@/design/show'
import { toast } from '@/design/toasts'
import { useTexts } from '@/texts/catalogue'
import styles from './case.module.css'
import { texts } from './texts'
import { Words } from './Words'
import { who } from './words'

const STATE_TONES: Readonly<Record<ReplyView['state'], Tone | undefined>> = {
  requested: 'info',
  sent: undefined,
  failed: 'late',
}

/** An answer of a person, or an acknowledgement of the system, and what became of it. */
export const Answer = memo(
  ({
    reply,
    link,
    id,
    isPublic,
    to,
  }: {
    reply: ReplyView
    link: string | null
    id: string
    isPublic: boolean
    /** What people call the recipient; the address where they have no name there. */
    to: string | undefined
  }) => {
    const t = useTexts(texts)
    const name = reply.automation === 'none' ? reply.author.name || t.someone : t.system
    const isByPerson = reply.automation === 'none'
    return (
      <article
        className={styles.message}
        data-from={isByPerson ? 'agent' : 'system'}
        data-public={isPublic || undefined}
        aria-labelledby={id}
      >
        <Avatar name={name} />
        <div className={styles.bubble}>
          <header className={styles.messageHead}>
            <h3 id={id}>{name}</h3>
            <span className={styles.channel}>
              <Icon name={channelIcon(reply.channel)} size={14} />
              {isByPerson ? t.answer : t.acknowledgement}
            </span>
            {isPublic && <Tag tone="public">{t.public}</Tag>}
            <Tag tone={STATE_TONES[reply.state]}>{t.replyState[reply.state]}</Tag>
            <span className={styles.at}>
              <Moment at={reply.requested_at} />
            </span>
          </header>
          {reply.recipient && (
            <dl className={styles.addresses}>
              <div>
                <dt>{t.to}</dt>
                <dd>{to ?? reply.recipient.value}</dd>
              </div>
            </dl>
          )}
          <Words text={reply.text} />
          {reply.state === 'failed' && (
            <div className={styles.failed}>
              <p>{t.failedBecause(reply.reason ?? '')}</p>
              {isByPerson && (
                <Button
                  small
                  icon="undo"
                  onPress={() => {
                    restoreWords(reply.case_id, reply.text)
                    toast({ text: t.restored })
                  }}
                >
                  {t.restore}
                </Button>
              )}
            </div>
          )}
          {link && (
            <footer className={styles.foot}>
              <a href={link} target="_blank" rel="noopener noreferrer">
                {t.openPost}
              </a>
            </footer>
          )}
        </div>
      </article>
    )
  },
)

/** A note for colleagues: it never leaves. */
export const Note = memo(({ entry, id }: { entry: EntryView; id: string }) => {
  const t = useTexts(texts)
  return (
    <article className={styles.message} data-from="note" aria-labelledby={id}>
      <Avatar name={who(entry, t)} />
      <div className={styles.bubble}>
        <header className={styles.messageHead}>
          <h3 id={id}>{who(entry, t)}</h3>
          <Tag tone="note" icon="lock">
            {t.noteLabel}
          </Tag>
          <span className={styles.at}>
            <Moment at={entry.occurred_at} />
          </span>
        </header>
        <Words text={typeof entry.data.text === 'string' ? entry.data.text : ''} />
      </div>
    </article>
  )
})
