import type { DecisionView, WorkDetail } from '@/api/routing'
import { Moment } from '@/design/show'
import { useTexts } from '@/texts/catalogue'
import styles from './case.module.css'
import { useQueueName } from './data'
import { Part } from './Panel'
import type { CaseTexts } from './texts'
import { texts } from './texts'

/** Why the work is where it is: the rule that decided, what it saw, why it waits, and who could take it. */
export function Why({ work }: { work: WorkDetail }) {
  const t = useTexts(texts)
  const queue = useQueueName()(work.queue)
  const { decision } = work
  return (
    <Part title={t.whyTitle}>
      <p>{decision ? t.byRule(decision.rule, queue) : t.byReconciliation(queue)}</p>
      {decision && <Decision decision={decision} t={t} />}
      {work.decisions.length > 1 &&
        work.decisions.slice(1).map(one => (
          <p key={one.decision_id} className="dim small">
            {t.redecided(one.rule, '')}
            <Moment at={one.at} />
          </p>
        ))}
      {work.waiting_because && (
        <p>
          <strong>{t.waitsBecause}</strong>: {work.waiting_because}
        </p>
      )}
      {work.state !== 'completed' && work.candidates.length > 0 && (
        <details className={styles.folded}>
          <summary>{t.who}</summary>
          <ul className={styles.candidates}>
            {work.candidates.map(one => (
              <li key={one.agent_id}>
                <span>{one.name}</span>
                <span className="dim small">{one.why_not ?? t.canTake}</span>
              </li>
            ))}
          </ul>
        </details>
      )}
    </Part>
  )
}

function Decision({ decision, t }: { decision: DecisionView; t: CaseTexts }) {
  const all = Object.entries(decision.context)
  const read = all.filter(([name]) => decision.reason.includes(name))
  const own = decision.trace.findIndex(one => one.rule === decision.rule)
  const before = own < 0 ? decision.trace : decision.trace.slice(0, own)
  return (
    <>
      <p className={styles.condition}>{decision.reason}</p>
      {read.length > 0 && <Facts title={t.saw} facts={read} t={t} open />}
      {before.length > 0 && (
        <details className={styles.folded}>
          <summary>{t.before(before.length)}</summary>
          <ol className={styles.candidates}>
            {before.map(one => (
              <li key={one.rule}>
                <span>{one.rule}</span>
                <span className="dim small">{one.error ?? t.ruleResult[one.result] ?? one.result}</span>
              </li>
            ))}
          </ol>
        </details>
      )}
      {all.length > read.length && <Facts title={t.sawAll} facts={all} t={t} />}
    </>
  )
}

function Facts({
  title,
  facts,
  t,
  open = false,
}: {
  title: string
  facts: readonly (readonly [string, unknown])[]
  t: CaseTexts
  open?: boolean
}) {
  return (
    <details className={styles.folded} open={open}>
      <summary>{title}</summary>
      <dl className={styles.context}>
        {facts.map(([name, value]) => (
          <div key={name}>
            <dt>{name}</dt>
            <dd>{valueText(value, t)}</dd>
          </div>
        ))}
      </dl>
    </details>
  )
}

/** A fact as people read it; long words are cut. */
function valueText(value: unknown, t: CaseTexts): string {
  if (value === null || value === undefined || value === '') return t.none
  if (typeof value === 'boolean') return value ? t.yes : t.no
  if (Array.isArray(value)) return value.length ? value.map(one => valueText(one, t)).join(', ') : t.none
  const text = typeof value === 'object' ? JSON.stringify(value) : String(value)
  return text.length > 160 ? `${text.slice(0, 160)}…` : text
}
