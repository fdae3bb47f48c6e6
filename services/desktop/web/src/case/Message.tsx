import { memo, useState } from 'react'
import type { Content, Identifier, InteractionView } from '@/api/case-mgmt'
import { Button } from '@/design/controls'
import { channelIcon, Icon } from '@/design/icons'
import { Avatar, Moment, Tag } from '@/design/show'
import { useTexts } from '@/texts/catalogue'
import styles from './case.module.css'
import { useRecipients, useSeen } from './data'
import { Files } from './Files'
import { MailFrame } from './MailFrame'
import { texts } from './texts'
import { Folded, Words } from './Words'

/** Something that a customer said on any channel: their words first, all else on request. */
export const Message = memo(
  ({ said, id, subject }: { said: InteractionView; id: string; subject: string | null | undefined }) => {
    const t = useTexts(texts)
    const [watch, seen] = useSeen()
    const { interaction, reading, earlier } = said
    const { channel, speaker, content } = interaction
    const name = speaker.name || speaker.address?.value || t.unknownCustomer
    const isPublic = interaction.visibility === 'public'
    const channelName = t.channelOf[channel] ?? channel
    return (
      <article
        ref={watch}
        className={styles.message}
        data-from="customer"
        data-public={isPublic || undefined}
        aria-labelledby={id}
      >
        <Avatar name={name} customer />
        <div className={styles.bubble}>
          <header className={styles.messageHead}>
            <h3 id={id}>{name}</h3>
            <span className={styles.channel}>
              <Icon name={channelIcon(channel)} size={14} />
              {channelName}
              {interaction.network && ` · ${interaction.network}`}
            </span>
            {isPublic && <Tag tone="public">{t.public}</Tag>}
            {interaction.automation !== 'none' && <Tag>{t.automatic}</Tag>}
            {reading.tone === 'negative' && <Tag tone="soon">{t.toneOf.negative}</Tag>}
            {earlier.length > 0 && <Tag>{t.edited}</Tag>}
            <span className={styles.at}>
              <Moment at={interaction.occurred_at} />
            </span>
          </header>
          <Addresses said={said} seen={seen} />
          {isOther(content.subject, subject) && <p className={styles.subject}>{content.subject}</p>}
          {said.deleted_at ? (
            <Deleted at={said.deleted_at} content={content} />
          ) : (
            <Body content={content} channel={channel} />
          )}
          {earlier.length > 0 && (
            <details className={styles.folded}>
              <summary>{t.earlier(earlier.length)}</summary>
              <ul className={styles.versions}>
                {earlier.map(version => (
                  <li key={version.replaced_at}>
                    <p className="dim small">
                      {t.replacedAt} <Moment at={version.replaced_at} />
                    </p>
                    <Words text={version.content.text} language={version.content.language} />
                  </li>
                ))}
              </ul>
            </details>
          )}
          {interaction.attachments.length > 0 && <Files files={interaction.attachments} channel={channel} />}
          <Foot said={said} />
        </div>
      </article>
    )
  },
)

/** Whether a message has a subject that is not the case's own, e.g. not `Re:` and that. */
function isOther(own: string | null | undefined, ofCase: string | null | undefined): boolean {
  return Boolean(own && !(ofCase && own.trim().endsWith(ofCase.trim())))
}

function Body({ content, channel }: { content: Content; channel: string }) {
  const t = useTexts(texts)
  const [designed, setDesigned] = useState(false)
  return (
    <>
      {content.text.trim() ? (
        <Words text={content.text} language={content.language} />
      ) : (
        <p className="dim">{t.noWords}</p>
      )}
      {content.quoted && <Folded label={t.quoted} text={content.quoted} />}
      {content.signature && <Folded label={t.signature} text={content.signature} />}
      {channel === 'email' && content.html && (
        <div className={styles.designed}>
          <Button small kind="quiet" aria-expanded={designed} onPress={() => setDesigned(!designed)}>
            {designed ? t.htmlHide : t.html}
          </Button>
          {designed && <MailFrame html={content.html} label={t.htmlFrame} />}
        </div>
      )}
    </>
  )
}

function Deleted({ at, content }: { at: string; content: Content }) {
  const t = useTexts(texts)
  return (
    <>
      <p className={styles.deleted}>
        <Icon name="cross" size={14} />
        {t.deleted}, <Moment at={at} />
      </p>
      {content.text && <Folded label={t.deletedWords} text={content.text} language={content.language} />}
    </>
  )
}

/** From whom, to whom, and where it came in. Only mails have more than one recipient. */
function Addresses({ said, seen }: { said: InteractionView; seen: boolean }) {
  const t = useTexts(texts)
  const { interaction } = said
  const isMail = interaction.channel === 'email'
  // The name of a speaker on a network is their address; behind it is an id that nobody reads.
  const isNamed = interaction.channel === 'social' && Boolean(interaction.speaker.name)
  const recipients = useRecipients(interaction.interaction_id, isMail && seen)
  const to = recipients?.to.map(one => one.address) ?? [interaction.account]
  const cc = recipients?.cc.map(one => one.address) ?? []
  const noted = interaction.noted_by
  return (
    <dl className={styles.addresses}>
      {interaction.speaker.address && !isNamed && (
        <div>
          <dt>{t.from}</dt>
          <dd>{addressText(interaction.speaker.address)}</dd>
        </div>
      )}
      {isMail && (
        <div>
          <dt>{t.to}</dt>
          <dd>{to.join(', ')}</dd>
        </div>
      )}
      {cc.length > 0 && (
        <div>
          <dt>{t.cc}</dt>
          <dd>{cc.join(', ')}</dd>
        </div>
      )}
      {noted && (
        <div>
          <dt className="hidden">{t.agent}</dt>
          <dd>{t.noted(noted)}</dd>
        </div>
      )}
    </dl>
  )
}

function Foot({ said }: { said: InteractionView }) {
  const t = useTexts(texts)
  const { interaction } = said
  const strange = said.recipient && !said.recipient_belongs_to_customer
  if (!strange && !interaction.link && !interaction.rating) return null
  return (
    <footer className={styles.foot}>
      {interaction.rating && <Tag>{t.rating(interaction.rating)}</Tag>}
      {strange && said.recipient && (
        <p className={styles.strange}>
          <Icon name="warning" size={14} />
          <span>
            {t.strange}: <strong>{addressText(said.recipient)}</strong>
          </span>
        </p>
      )}
      {interaction.link && (
        <a href={interaction.link} target="_blank" rel="noopener noreferrer">
          {t.openPost}
        </a>
      )}
    </footer>
  )
}

/** An identifier as people write it. */
export function addressText(identifier: Identifier): string {
  return identifier.value
}
