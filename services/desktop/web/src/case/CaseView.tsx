import { lazy, Suspense, useState } from 'react'
import { ApiProblem } from '@/api/problem'
import { Segments } from '@/design/fields'
import { Empty, Failed, Loading } from '@/design/show'
import { useTexts } from '@/texts/catalogue'
import styles from './case.module.css'
import { useCase, useWork } from './data'
import { Header } from './Header'
import { Here, useHere } from './Here'
import { Panel } from './Panel'
import { Timeline } from './Timeline'
import { texts } from './texts'

const Composer = lazy(() => import('@/composer/Composer'))

/** A case: what was said, what is known, and where it is answered. `level` is that of its heading. */
export default function CaseView({ caseId, level = 2 }: { caseId: string; level?: 1 | 2 }) {
  return <Shown key={caseId} caseId={caseId} level={level} />
}

function Shown({ caseId, level }: { caseId: string; level: 1 | 2 }) {
  const t = useTexts(texts)
  const { data, error, refetch } = useCase(caseId)
  const { data: work } = useWork(caseId)
  const { others, wrote } = useHere(caseId)
  const [part, setPart] = useState<'conversation' | 'details'>('conversation')
  if (!data) {
    if (!error) return <Loading lines={10} />
    const isGone = error instanceof ApiProblem && error.status === 404
    return isGone ? (
      <Empty icon="case" title={t.notFound} />
    ) : (
      <Failed error={error} onRetry={() => void refetch()} />
    )
  }
  return (
    <div className={styles.frameOfCase}>
      <div className={styles.case} data-part={part}>
        <Header case={data.whole.case} work={work ?? null} level={level} />
        <div className={styles.switch}>
          <Segments
            label={t.details}
            choices={[
              { id: 'conversation', label: t.conversation },
              { id: 'details', label: t.details },
            ]}
            value={part}
            onChange={setPart}
          />
        </div>
        <div className={styles.conversation}>
          <Timeline whole={data.whole} />
          <Here others={others} />
          <div onInput={wrote}>
            <Suspense fallback={null}>
              <Composer whole={data.whole} etag={data.etag} work={work ?? null} />
            </Suspense>
          </div>
        </div>
        {/* biome-ignore lint/a11y/noNoninteractiveTabindex: what scrolls must be reached by keyboard */}
        <section className={styles.panel} aria-label={t.details} tabIndex={0}>
          <h2 className="hidden">{t.details}</h2>
          <Panel case={data.whole.case} work={work ?? null} />
        </section>
      </div>
    </div>
  )
}
