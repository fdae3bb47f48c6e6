import { Link } from '@tanstack/react-router'
import type { ReactNode } from 'react'
import type { CaseView } from '@/api/case-mgmt'
import type { ClockView, WorkDetail } from '@/api/routing'
import { Due, dueTone, Failed, Loading, Moment, Tag } from '@/design/show'
import { day } from '@/format/time'
import { useNow } from '@/live/clock'
import { useTexts } from '@/texts/catalogue'
import styles from './case.module.css'
import { useCasesOf, useClocks, useCustomer } from './data'
import { IdentifierList } from './Identifiers'
import { coming, type Moment as Point, past } from './moments'
import { texts } from './texts'
import { Why } from './Why'

/** What is known beside the conversation: who the customer is, what comes when, and why the case is here. */
export function Panel({ case: shown, work }: { case: CaseView; work: WorkDetail | null }) {
  const t = useTexts(texts)
  const { data: clocks } = useClocks(shown.case_id)
  return (
    <>
      <Part title={t.comingTitle}>
        <Coming clocks={clocks ?? []} work={work} />
      </Part>
      <CustomerPart case={shown} />
      {work && <Why work={work} />}
    </>
  )
}

export function Part({ title, children }: { title: string; children: ReactNode }) {
  return (
    <section className={styles.part}>
      <h3>{title}</h3>
      {children}
    </section>
  )
}

function Coming({ clocks, work }: { clocks: readonly ClockView[]; work: WorkDetail | null }) {
  const t = useTexts(texts)
  const next = coming(clocks, work, t)
  const before = past(clocks, t)
  return (
    <>
      {next.length ? (
        <ol className={styles.moments}>
          {next.map(point => (
            <Line key={point.id} point={point} />
          ))}
        </ol>
      ) : (
        <p className="dim">{t.nothingComes}</p>
      )}
      {before.length > 0 && (
        <details className={styles.folded}>
          <summary>{t.pastMoments(before.length)}</summary>
          <ol className={styles.moments}>
            {before.map(point => (
              <Line key={point.id} point={point} />
            ))}
          </ol>
        </details>
      )}
    </>
  )
}

function Line({ point }: { point: Point }) {
  const now = useNow()
  const isDue = point.state === 'coming' || (point.state === 'missed' && !point.id.endsWith('-missed'))
  return (
    <li className={styles.moment} data-tone={isDue ? dueTone(point.at, now) : momentTone(point)}>
      <span>{point.what}</span>
      {isDue ? <Due at={point.at} /> : point.state !== 'paused' && <Moment at={point.at} />}
    </li>
  )
}

function momentTone(point: Point): string {
  return point.state === 'met' ? 'good' : point.state === 'missed' ? 'late' : 'paused'
}

function CustomerPart({ case: shown }: { case: CaseView }) {
  const t = useTexts(texts)
  const { customer_id: id } = shown.customer
  const { data, error, refetch } = useCustomer(id)
  const { data: cases } = useCasesOf(id)
  const others = cases?.items.filter(one => one.case_id !== shown.case_id) ?? []
  if (error) return <Failed error={error} onRetry={() => void refetch()} />
  if (!data) return <Loading lines={4} />
  const { customer } = data
  return (
    <Part title={t.customerTitle}>
      <p className={styles.customer}>
        <Link to="/customers/$customerId" params={{ customerId: id }}>
          {customer.name || customer.identifiers[0]?.value || t.unknownCustomer}
        </Link>
        <span className="dim small">
          {t.since} {day(customer.since)}
        </span>
      </p>
      {customer.labels.length > 0 && (
        <p className={styles.tags}>
          {customer.labels.map(label => (
            <Tag key={label}>{label}</Tag>
          ))}
        </p>
      )}
      <IdentifierList identifiers={customer.identifiers} conflicts={customer.conflicts} customerId={id} />
      <h4>{t.otherCases}</h4>
      {others.length ? (
        <ul className={styles.cases}>
          {others.slice(0, 6).map(one => (
            <li key={one.case_id}>
              <Link to="/cases/$caseId" params={{ caseId: one.case_id }}>
                <span className={styles.reference}>{one.reference}</span> {one.subject || t.noSubject}
              </Link>
              <span className="dim small">{t.statusOf[one.status] ?? one.status}</span>
            </li>
          ))}
        </ul>
      ) : (
        <p className="dim">{t.noOtherCases}</p>
      )}
    </Part>
  )
}
