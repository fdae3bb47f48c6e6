import { useQuery } from '@tanstack/react-query'
import { Link } from '@tanstack/react-router'
import { caseMgmt, dataOf } from '@/api/client'
import { Card, Failed, Loading, Moment, Table } from '@/design/show'
import { useTexts } from '@/texts/catalogue'
import styles from './floor.module.css'
import { texts } from './texts'

const SHOWN = 20

/** What was closed without a person having seen it. */
export function Unseen() {
  const t = useTexts(texts)
  const { data, error, refetch } = useQuery({
    queryKey: ['cases', 'closed-unseen'],
    queryFn: () =>
      dataOf(caseMgmt.GET('/cases', { params: { query: { closed_unseen: true, limit: SHOWN } } })),
    refetchInterval: 60_000,
  })
  return (
    <section className={styles.part}>
      <div>
        <h2>{t.unseen}</h2>
        <p className="dim">
          {t.unseenLead} {data?.next && t.moreExists(SHOWN)}
        </p>
      </div>
      {error && <Failed error={error} onRetry={() => void refetch()} />}
      {!error && !data && <Loading lines={3} />}
      {data?.items.length === 0 && <p className={styles.fine}>{t.noUnseen}</p>}
      {data && data.items.length > 0 && (
        <Card>
          <Table caption={t.unseen} columns={[t.case, t.subject, t.department, t.closedAt]}>
            {data.items.map(one => (
              <tr key={one.case_id}>
                <th scope="row">
                  <Link to="/cases/$caseId" params={{ caseId: one.case_id }}>
                    {one.reference}
                  </Link>
                </th>
                <td>{one.subject ?? <span className="dim">{t.noSubject}</span>}</td>
                <td>{one.department}</td>
                <td>
                  <Moment at={one.changed_at} />
                </td>
              </tr>
            ))}
          </Table>
        </Card>
      )}
    </section>
  )
}
