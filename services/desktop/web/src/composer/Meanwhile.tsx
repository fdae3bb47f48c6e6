import type { ReactNode } from 'react'
import { Icon } from '@/design/icons'
import { Moment } from '@/design/show'
import { useTexts } from '@/texts/catalogue'
import styles from './composer.module.css'
import type { Happening } from './since'
import { texts } from './texts'

/** What others did to the case while an answer was written, beside which it stands, and what can be done. */
export function Meanwhile({ happened, actions }: { happened: readonly Happening[]; actions: ReactNode }) {
  const t = useTexts(texts)
  return (
    <section className={styles.meanwhile} aria-label={t.meanwhile}>
      <ol className={styles.happenings}>
        {happened.map(one => (
          <li key={one.entry}>
            <p className={styles.happened}>
              <Icon name={one.kind === 'answered' ? 'send' : 'warning'} size={14} />
              {t.happened[one.kind](one.who)} <Moment at={one.at} />
            </p>
            {one.text && <blockquote className={styles.theirs}>{one.text}</blockquote>}
          </li>
        ))}
      </ol>
      <div className={styles.acts}>{actions}</div>
    </section>
  )
}
