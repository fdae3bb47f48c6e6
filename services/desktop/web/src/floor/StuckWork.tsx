import { useQuery } from '@tanstack/react-query'
import { Link } from '@tanstack/react-router'
import { dataOf, routing } from '@/api/client'
import { Card, Due, Failed, Loading, Since, Table } from '@/design/show'
import { useTexts } from '@/texts/catalogue'
import styles from './floor.module.css'
import { texts } from './texts'

/** Open work that nobody can take as things are, and why. */
export function StuckWork() {
  const t = useTexts(texts)
  const { data, error, refetch } = useQuery({
    queryKey: ['work', 'stuck'],
    queryFn: () => dataOf(routing.GET('/work/stuck')),
    refetchInterval: 30_000,
  })
  return (
    <section className={styles.part}>
      <div>
        <h2>{t.stuck}</h2>
        <p className="dim">{t.stuckLead}</p>
      </div>
      {error && <Failed error={error} onRetry={() => void refetch()} />}
      {!error && !data && <Loading lines={3} />}
      {data?.items.length === 0 && <p className={styles.fine}>{t.noStuck}</p>}
      {data && data.items.length > 0 && (
        <Card>
          <Table caption={t.stuck} columns={[t.case, t.subject, t.queue, t.reason, t.since, t.nextDue]}>
            {data.items.map(work => (
              <tr key={work.work_item_id}>
                <th scope="row">
                  <Link to="/cases/$caseId" params={{ caseId: work.case_id }}>
                    {work.case_reference}
                  </Link>
                </th>
                <td>{work.subject ?? <span className="dim">{t.noSubject}</span>}</td>
                <td>{work.queue}</td>
                <td>{work.waiting_because}</td>
                <td>
                  <Since at={work.since} />
                </td>
                <td>
                  <Due at={work.due_at} />
                </td>
              </tr>
            ))}
          </Table>
        </Card>
      )}
    </section>
  )
}
