import { memo } from 'react'
import type { EntryView } from '@/api/case-mgmt'
import { Moment } from '@/design/show'
import { serverNow } from '@/live/clock'
import { useTexts } from '@/texts/catalogue'
import styles from './case.module.css'
import { useQueueName } from './data'
import { texts } from './texts'
import { telling } from './timeline'
import { sentence } from './words'

/** What else happened between two messages: the entry that says most, the others on request. */
export const Changes = memo(({ entries }: { entries: readonly EntryView[] }) => {
  const t = useTexts(texts)
  const shown = telling(entries)
  const others = entries.filter(entry => entry !== shown)
  return (
    <div className={styles.changes}>
      <Line entry={shown} />
      {others.length > 0 && (
        <details className={styles.more}>
          <summary>{t.changes(others.length)}</summary>
          <ol>
            {others.map(entry => (
              <li key={entry.id}>
                <Line entry={entry} />
              </li>
            ))}
          </ol>
        </details>
      )}
    </div>
  )
})

function Line({ entry }: { entry: EntryView }) {
  const t = useTexts(texts)
  const queueName = useQueueName()
  const isBad = entry.kind === 'sla.breached' || entry.kind.endsWith('-failed')
  return (
    <p className={styles.change} data-tone={isBad ? 'late' : undefined}>
      {sentence(entry, t, queueName, serverNow())}
      {' · '}
      <Moment at={entry.occurred_at} />
    </p>
  )
}
