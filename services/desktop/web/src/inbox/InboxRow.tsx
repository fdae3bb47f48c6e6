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
  shows,
  place,
}: {
  row: Row
  shows: 'due' | 'status'
  /** Where the work is; null where that goes without saying. */
  place: string | null
}) {
  const t = useTexts(texts)
  const known = useCase(row.caseId, row.changed)
  return (
    <>
      <span className={styles.channel}>
        <Icon name={channelIcon(row.channel)} size={16} />
        <span className="hidden">{t.channelOf[row.channel] ?? row.channel}</span>
      </span>
      <span className={styles.line}>
        <span className={styles.who}>{known ? (known.customer.name ?? t.noName) : '\u00a0'}</span>
        {row.priority >= URGENT && (
          <span className={styles.urgent} title={t.urgent}>
            <Icon name="flag" size={13} />
            <span className="hidden">{t.urgent}</span>
          </span>
        )}
        <span className={styles.due}>
          {shows === 'due' ? (
            <Due at={row.dueAt} />
          ) : (
            known && <Tag>{t.statusOf[known.status] ?? known.status}</Tag>
          )}
        </span>
      </span>
      <span className={styles.line}>
        <span className={styles.what}>
          {row.subject ?? known?.subject ?? t.noSubject}
          {known?.first_words && <span className="dim"> {known.first_words}</span>}
        </span>
        <span className={styles.where}>
          {place && <span className={styles.place}>{place}</span>}
          <span>{row.reference}</span>
        </span>
      </span>
    </>
  )
}
