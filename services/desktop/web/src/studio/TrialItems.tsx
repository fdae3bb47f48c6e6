import { useInfiniteQuery } from '@tanstack/react-query'
import { Link } from '@tanstack/react-router'
import { dataOf, routing } from '@/api/client'
import type { components } from '@/api/routing'
import { Button, IconButton } from '@/design/controls'
import { Failed, Loading, Moment, Tag } from '@/design/show'
import { useTexts } from '@/texts/catalogue'
import styles from './studio.module.css'
import { texts } from './texts'

export interface StreamChoice {
  readonly from: string
  readonly to: string
}

/** The items of one stream, each with what the rules said then and what those of the draft say. */
export function TrialItems({
  trialId,
  stream,
  onClose,
}: {
  trialId: string
  stream: StreamChoice
  onClose: () => void
}) {
  const t = useTexts(texts)
  const items = useInfiniteQuery({
    queryKey: ['studio', 'trial-items', trialId, stream.from, stream.to],
    initialPageParam: null as string | null,
    queryFn: ({ pageParam }) =>
      dataOf(
        routing.GET('/trials/{trial_id}/items', {
          params: {
            path: { trial_id: trialId },
            query: {
              from_queue: stream.from,
              to_queue: stream.to,
              limit: 20,
              ...(pageParam && { cursor: pageParam }),
            },
          },
        }),
      ),
    getNextPageParam: page => page.next ?? null,
  })
  const title = t.streamItems(stream.from, stream.to)
  return (
    <section className={styles.items} aria-label={title}>
      <div className={styles.bar}>
        <h3>{title}</h3>
        <span className={styles.spring} />
        <IconButton small icon="cross" label={t.close} onPress={onClose} />
      </div>
      {items.error && <Failed error={items.error} onRetry={() => void items.refetch()} />}
      {items.isPending && <Loading lines={3} />}
      {items.data?.pages
        .flatMap(page => page.items)
        .map(item => (
          <article key={item.decision_id} className={styles.item}>
            <p>
              <Link to="/cases/$caseId" params={{ caseId: item.case_id }}>
                {t.openCase}
              </Link>{' '}
              <span className="dim small">
                <Moment at={item.at} />
              </span>{' '}
              {item.later_words && <Tag tone="soon">{t.laterWords}</Tag>}
            </p>
            <div className={styles.traces}>
              <Trace title={t.beforeBy} decided={item.before} />
              <Trace title={t.afterBy} decided={item.after} />
            </div>
          </article>
        ))}
      {items.hasNextPage && (
        <Button small onPress={() => void items.fetchNextPage()}>
          {t.moreItems}
        </Button>
      )}
    </section>
  )
}

function Trace({ title, decided }: { title: string; decided: components['schemas']['Decided'] }) {
  const t = useTexts(texts)
  const { queue } = decided.outcome
  return (
    <div className={styles.trace}>
      <h4>
        {title}: {decided.rule}
        {typeof queue === 'string' && ` → ${queue}`}
      </h4>
      <ol>
        {decided.trace.map(one => (
          <li key={one.rule} data-result={one.result}>
            {one.rule}: {t.results[one.result] ?? one.result}
            {one.error && <span className={styles.error}> {one.error}</span>}
          </li>
        ))}
      </ol>
    </div>
  )
}
