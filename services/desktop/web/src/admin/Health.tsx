import { useInfiniteQuery, useQuery, useQueryClient } from '@tanstack/react-query'
import { Link } from '@tanstack/react-router'
import { dataOf, routing } from '@/api/client'
import { Button } from '@/design/controls'
import { Banner, Card, Failed, Loading, Moment, Table, Tag, type Tone } from '@/design/show'
import { number } from '@/format/number'
import { duration } from '@/format/time'
import { useTexts } from '@/texts/catalogue'
import type { Verdict } from './accounting'
import styles from './admin.module.css'
import { type Health as Found, readHealth, versionsDiffer } from './health'
import { texts } from './texts'

const KEY = ['health']
const TONES: Readonly<Record<Verdict, Tone>> = {
  agree: 'good',
  'in-transit': 'info',
  unclear: 'info',
  disagree: 'late',
}

/** Whether every service works, by which configuration, and whether every message is accounted for. */
export function Health() {
  const t = useTexts(texts)
  const queries = useQueryClient()
  const { data, error, refetch } = useQuery({
    queryKey: KEY,
    queryFn: () => readHealth(queries.getQueryData<Found>(KEY)?.readings ?? []),
    refetchInterval: query => (query.state.data?.verdict === 'agree' ? 5000 : 1000),
  })
  if (error && !data) return <Failed error={error} onRetry={() => void refetch()} />
  if (!data) return <Loading />
  const newest = data.readings.at(-1)?.differences ?? []
  return (
    <div className={styles.list}>
      {versionsDiffer(data.services) && <Banner tone="soon">{t.versionsDiffer}</Banner>}
      <div className={styles.list}>
        <h2 id="health-counts">{t.counts}</h2>
        <Banner tone={TONES[data.verdict]} icon={data.verdict === 'agree' ? 'check' : 'warning'}>
          {t.verdictOf[data.verdict](number(data.received))}
        </Banner>
        {data.verdict === 'disagree' && (
          <ul className={styles.differences}>
            {newest.map(one => (
              <li key={one.service}>
                {one.missing === null ? t.isAway(one.service) : t.missing(one.service, one.missing)}
              </li>
            ))}
          </ul>
        )}
      </div>
      <div className={styles.list}>
        <h2 id="health-services">{t.services}</h2>
        <Card>
          <Table
            caption={t.services}
            columns={[t.service, t.state, t.configuration, t.behind, t.outbox, t.deadLetters, t.parkedEvents]}
          >
            {data.services.map(one => (
              <tr key={one.service}>
                <th scope="row">{one.service}</th>
                <td>
                  <Tag tone={one.fault === null ? 'good' : 'late'}>
                    {one.fault === null ? t.ready : t.notReady}
                  </Tag>
                  {one.fault && <span className={styles.second}>{one.fault}</span>}
                </td>
                <td>
                  {one.version === null ? <None /> : one.version === 0 ? t.theFile : t.version(one.version)}
                </td>
                <td>{one.behind === null ? <None /> : t.events(one.behind)}</td>
                <td>{one.outboxSeconds === null ? <None /> : duration(one.outboxSeconds * 1000)}</td>
                <td>
                  <Failures count={one.deadLetters} part="dead-letters" />
                </td>
                <td>
                  <Failures count={one.parked} part="parked-events" />
                </td>
              </tr>
            ))}
          </Table>
        </Card>
      </div>
      <Reconciliation />
    </div>
  )
}

const None = () => <span className="dim">–</span>

function Failures({ count, part }: { count: number | null; part: string }) {
  if (!count) return count === null ? <None /> : <span className="number">{number(0)}</span>
  return (
    <Link to="/admin/$part" params={{ part }}>
      {number(count)}
    </Link>
  )
}

/** What routing found when it compared the cases with its work, and what it did about it. */
function Reconciliation() {
  const t = useTexts(texts)
  const { data, error, refetch, hasNextPage, fetchNextPage } = useInfiniteQuery({
    queryKey: ['reconciliation'],
    queryFn: ({ pageParam }) =>
      dataOf(routing.GET('/reconciliation', { params: { query: { cursor: pageParam, limit: 20 } } })),
    initialPageParam: null as string | null,
    getNextPageParam: last => last.next,
    refetchInterval: 30_000,
  })
  const first = data?.pages[0]
  const findings = data?.pages.flatMap(page => page.items) ?? []
  return (
    <div className={styles.list}>
      <h2 id="health-reconciliation">{t.reconciliation}</h2>
      <p className="dim">
        {t.reconciliationLead}{' '}
        {first?.last_ended_at && first.last_checked !== null && (
          <>
            {t.lastRound(first.last_checked)} <Moment at={first.last_ended_at} />.
          </>
        )}
      </p>
      {error && !data && <Failed error={error} onRetry={() => void refetch()} />}
      {!error && !data && <Loading lines={3} />}
      {first && first.not_repaired > 0 && <Banner tone="late">{t.notRepaired(first.not_repaired)}</Banner>}
      {first && findings.length === 0 && <p>{t.noFindings}</p>}
      {findings.length > 0 && (
        <Card>
          <Table caption={t.reconciliation} columns={[t.finding, t.detail, t.repair, t.found]}>
            {findings.map(one => (
              <tr key={one.finding_id}>
                <th scope="row">
                  <Link to="/cases/$caseId" params={{ caseId: one.case_id }}>
                    {t.findingOf[one.kind] ?? one.kind}
                  </Link>
                </th>
                <td>{one.detail}</td>
                <td>{one.repair ?? <Tag tone="late">{t.noRepair}</Tag>}</td>
                <td>
                  <Moment at={one.at} />
                </td>
              </tr>
            ))}
          </Table>
        </Card>
      )}
      {hasNextPage && (
        <div>
          <Button onPress={() => void fetchNextPage()}>{t.more}</Button>
        </div>
      )}
    </div>
  )
}
