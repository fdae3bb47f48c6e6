import { channelIcon, Icon } from '@/design/icons'
import { Due, Tag } from '@/design/show'
import { useTexts } from '@/texts/catalogue'
import { useCase } from './case-facts'
import styles from './inbox.module.css'
import type { Row } from './rows'
import { texts } from './texts'

const URGENT = 80

/** A case in two lines: who and when, then what and where. */
export function InboxRow({
  row,
  queueName,
  agentName,
}: {
  row: Row
  queueName: (queue: string) => string
  /** Who is offered the work or has it; null where the list says that already. */
  agentName: string | null
}) {
  const t = useTexts(texts)
  const known = useCase(row.caseId, row.changed)
  const channel = row.channel ?? known?.channel
  const subject = row.subject ?? known?.subject ?? t.noSubject
  return (
    <>
      <span className={styles.channel}>
        <Icon name={channel ? channelIcon(channel) : 'case'} size={16} />
        {channel && <span className="hidden">{t.channelOf[channel] ?? channel}</span>}
      </span>
      <span className={styles.line}>
        <span className={styles.who}>{known ? (known.customer.name ?? t.noName) : ' '}</span>
        {row.priority >= URGENT && (
          <span className={styles.urgent} title={t.urgent}>
            <Icon name="flag" size={13} />
            <span className="hidden">{t.urgent}</span>
          </span>
        )}
        <span className={styles.due}>
          {row.workId ? <Due at={row.dueAt} /> : <Tag>{t.statusOf[row.state] ?? row.state}</Tag>}
        </span>
      </span>
      <span className={styles.line}>
        <span className={styles.what}>
          {subject}
          {known?.first_words && <span className="dim"> {known.first_words}</span>}
        </span>
        <span className={styles.where}>
          {agentName ?? (row.queue ? queueName(row.queue) : '')}
          <span className={styles.reference}>{row.reference}</span>
        </span>
      </span>
    </>
  )
}
