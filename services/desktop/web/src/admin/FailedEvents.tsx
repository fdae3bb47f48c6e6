import { useInfiniteQuery } from '@tanstack/react-query'
import { useEffect, useRef, useState } from 'react'
import { ApiProblem } from '@/api/problem'
import { announce } from '@/design/announce'
import { Button } from '@/design/controls'
import { Banner, Card, Empty, Failed, Loading, Moment, Table, Tag } from '@/design/show'
import { bytes } from '@/format/number'
import { useTexts } from '@/texts/catalogue'
import styles from './admin.module.css'
import {
  type Cursors,
  type FailedEvent,
  type FailedKind,
  FIRST,
  keyOf,
  outcomeOf,
  readPage,
  replay,
} from './failed-events'
import { texts } from './texts'

/** The dead letters or the parked events of all services in one list, with their replay and how it came out. */
export function FailedEvents({ kind }: { kind: FailedKind }) {
  const t = useTexts(texts)
  const words = kind === 'dead-letters' ? t.deadLetter : t.parked
  const [asked, setAsked] = useState<ReadonlySet<string>>(new Set())
  const [result, setResult] = useState<string | null>(null)
  const [isBusy, setBusy] = useState(false)
  const said = useRef<HTMLParagraphElement>(null)
  const { data, error, refetch, fetchNextPage, hasNextPage, isFetchingNextPage } = useInfiniteQuery({
    queryKey: ['failed-events', kind],
    queryFn: ({ pageParam }) => readPage(kind, pageParam),
    initialPageParam: FIRST,
    getNextPageParam: (last): Cursors | undefined => (Object.keys(last.next).length ? last.next : undefined),
    refetchInterval: asked.size ? 1000 : 15_000,
  })
  const events = data?.pages.flatMap(page => page.events) ?? []
  const away = [...new Set(data?.pages.flatMap(page => page.away))]

  // biome-ignore lint/correctness/useExhaustiveDependencies: a new reading is what can end a replay
  useEffect(() => {
    if (isBusy || asked.size === 0) return
    const outcome = outcomeOf(asked, events)
    if (outcome.waiting.length) return
    const sentence = words.outcome(outcome.handled.length, outcome.failedAgain.length)
    setAsked(new Set())
    setResult(sentence)
    announce(sentence)
    // The row with the button that was pressed is gone: the focus goes to what came of it.
    if (document.activeElement === document.body) said.current?.focus()
  }, [data, isBusy])

  const ask = async (wanted: readonly FailedEvent[]) => {
    setBusy(true)
    setResult(null)
    const done = new Set(asked)
    try {
      for (const event of wanted) {
        try {
          await replay(kind, event)
        } catch (problem) {
          // Somebody else replayed it.
          if (!(problem instanceof ApiProblem) || problem.status !== 404) throw problem
        }
        done.add(keyOf(event))
      }
    } catch (problem) {
      setResult(problem instanceof ApiProblem && !problem.isLost ? problem.message : t.noAnswer)
    }
    setAsked(done)
    await refetch()
    setBusy(false)
  }

  if (error && !data) return <Failed error={error} onRetry={() => void refetch()} />
  if (!data) return <Loading />
  const isReplaying = isBusy || asked.size > 0
  return (
    <div className={styles.list}>
      <div className={styles.head}>
        <p className="dim">{words.lead}</p>
        {events.length > 0 && (
          <Button icon="refresh" isDisabled={isReplaying} onPress={() => void ask(events)}>
            {t.replayAll(events.length)}
          </Button>
        )}
      </div>
      {away.length > 0 && <Banner tone="soon">{t.awayServices(away.join(', '))}</Banner>}
      <p className={styles.result} ref={said} tabIndex={-1}>
        {isReplaying ? t.replaying : result}
      </p>
      {events.length === 0 ? (
        <Empty icon="check" title={words.none} />
      ) : (
        <Card>
          <Table
            caption={words.title}
            columns={[
              t.service,
              t.reason,
              t.event,
              t.failed,
              <span key="acts" className="hidden">
                {t.acts}
              </span>,
            ]}
          >
            {events.map(event => (
              <tr key={keyOf(event)}>
                <th scope="row">
                  {event.service}
                  <span className={styles.second}>{event.number}</span>
                </th>
                <td className={styles.reasonCell}>
                  {event.reason}
                  {event.attempts > 1 && <span className={styles.second}>{t.attempts(event.attempts)}</span>}
                </td>
                <td>
                  <span className="mono">{event.topic}</span>
                  {event.place && <span className="dim small"> {t.place(event.place)}</span>}
                  {event.bytes !== null && <span className="dim small"> {bytes(event.bytes)}</span>}
                  <span className={styles.second}>
                    {event.eventId ? <span className="mono">{event.eventId}</span> : t.noEventId}
                  </span>
                </td>
                <td>
                  <Moment at={event.failedAt} />
                </td>
                <td className={styles.end}>
                  {event.replayRequestedAt ? (
                    <Tag tone="info">{t.replayAsked}</Tag>
                  ) : (
                    <Button
                      small
                      isDisabled={isReplaying}
                      onPress={() => void ask([event])}
                      aria-label={t.replayOne(event.service, event.number)}
                    >
                      {t.replay}
                    </Button>
                  )}
                </td>
              </tr>
            ))}
          </Table>
        </Card>
      )}
      {hasNextPage && (
        <div>
          <Button isDisabled={isFetchingNextPage} onPress={() => void fetchNextPage()}>
            {t.more}
          </Button>
        </div>
      )}
    </div>
  )
}
