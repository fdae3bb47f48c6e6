import { useInfiniteQuery } from '@tanstack/react-query'
import { Link, useNavigate } from '@tanstack/react-router'
import { useDeferredValue, useRef, useState } from 'react'
import { caseMgmt, customerProfile, dataOf } from '@/api/client'
import type { CustomerView, PageCustomerView } from '@/api/customer-profile'
import { ApiProblem } from '@/api/problem'
import { Button } from '@/design/controls'
import controls from '@/design/controls.module.css'
import { Empty, Failed, Loading, Page, Table, Tag } from '@/design/show'
import { number } from '@/format/number'
import { day } from '@/format/time'
import { useCommands } from '@/keys/shortcuts'
import { useTexts } from '@/texts/catalogue'
import styles from './customer.module.css'
import { type Asked, asked } from './search'
import { texts } from './texts'

/** All customers, found by name, address or number. */
export default function CustomersPage() {
  const t = useTexts(texts)
  const go = useNavigate()
  const field = useRef<HTMLInputElement>(null)
  const [typed, setTyped] = useState('')
  const wanted = asked(useDeferredValue(typed))
  const found = useFound(wanted)
  useCommands([
    { id: 'search', label: t.toSearch, group: t.group, keys: '/', run: () => field.current?.focus() },
  ])
  const rows = found.data?.pages.flatMap(page => page.items) ?? []
  const openFirst = async () => {
    const now = asked(typed)
    if (now?.by === 'reference') {
      const { items } = await dataOf(
        caseMgmt.GET('/cases', { params: { query: { reference: now.reference } } }),
      )
      if (items[0]) return go({ to: '/cases/$caseId', params: { caseId: items[0].case_id } })
    }
    const first = (await find(now, null)).items[0]
    if (first) return go({ to: '/customers/$customerId', params: { customerId: first.customer_id } })
  }
  return (
    <Page title={t.customers} lead={t.lead}>
      <search>
        <form
          className={styles.search}
          onSubmit={event => {
            event.preventDefault()
            void openFirst()
          }}
        >
          <input
            ref={field}
            type="search"
            className={controls.input}
            aria-label={t.search}
            placeholder={t.placeholder}
            value={typed}
            onChange={event => setTyped(event.target.value)}
            autoComplete="off"
            // biome-ignore lint/a11y/noAutofocus: the page is a search
            autoFocus
          />
        </form>
      </search>
      {found.error ? (
        <Failed error={found.error} onRetry={() => void found.refetch()} />
      ) : found.isPending ? (
        <Loading />
      ) : rows.length ? (
        <>
          <p className="hidden" role="status">
            {wanted ? t.found(rows.length) : ''}
          </p>
          <Rows rows={rows} />
          {found.hasNextPage && (
            <Button isDisabled={found.isFetchingNextPage} onPress={() => void found.fetchNextPage()}>
              {t.more}
            </Button>
          )}
        </>
      ) : (
        <div role="status">
          <Empty icon="search" title={t.nothing}>
            <p>{t.nothingHelp}</p>
          </Empty>
        </div>
      )}
    </Page>
  )
}

function Rows({ rows }: { rows: readonly CustomerView[] }) {
  const t = useTexts(texts)
  return (
    <div className={styles.list}>
      <Table caption={t.customers} columns={[t.name, t.known, t.labels, t.said, t.since]}>
        {rows.map(one => (
          <tr key={one.customer_id}>
            <th scope="row">
              <Link to="/customers/$customerId" params={{ customerId: one.customer_id }}>
                {one.name || one.identifiers[0]?.value || t.unnamed}
              </Link>
            </th>
            <td>
              {one.identifiers
                .slice(0, 3)
                .map(each => each.value)
                .join(', ')}
            </td>
            <td>
              <span className={styles.tags}>
                {one.labels.map(label => (
                  <Tag key={label}>{label}</Tag>
                ))}
              </span>
            </td>
            <td className="number">{number(one.interactions)}</td>
            <td>{day(one.since)}</td>
          </tr>
        ))}
      </Table>
    </div>
  )
}

function useFound(wanted: Asked | null) {
  return useInfiniteQuery({
    queryKey: ['customers', wanted],
    queryFn: ({ pageParam }) => find(wanted, pageParam),
    initialPageParam: null as string | null,
    getNextPageParam: page => page.next ?? null,
    staleTime: 0,
    placeholderData: before => before,
  })
}

async function find(wanted: Asked | null, cursor: string | null): Promise<PageCustomerView> {
  const ask = (query: { name?: string; identifier?: string }) =>
    dataOf(
      customerProfile.GET('/customers', { params: { query: { ...query, ...(cursor && { cursor }) } } }),
    ).catch((error: unknown): PageCustomerView => {
      // What is no possible number or address is nobody's.
      if (error instanceof ApiProblem && error.status === 422) return { items: [] }
      throw error
    })
  if (wanted?.by === 'name') return ask({ name: wanted.name })
  if (!wanted) return ask({})
  const pages = await Promise.all(wanted.identifiers.map(identifier => ask({ identifier })))
  const items = new Map(pages.flatMap(page => page.items.map(one => [one.customer_id, one])))
  return { items: [...items.values()] }
}
