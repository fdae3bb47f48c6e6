import { useInfiniteQuery } from '@tanstack/react-query'
import { Link, useParams } from '@tanstack/react-router'
import { lazy, Suspense, useState } from 'react'
import { customerProfile, dataOf } from '@/api/client'
import type { CustomerWithConflicts, IdentifierView, InteractionView } from '@/api/customer-profile'
import { ApiProblem } from '@/api/problem'
import { useCasesOf, useCustomer } from '@/case/data'
import { IdentifierList } from '@/case/Identifiers'
import { texts as caseTexts } from '@/case/texts'
import { Button, IconButton } from '@/design/controls'
import { channelIcon, Icon } from '@/design/icons'
import { Due, Empty, Failed, Loading, Moment, Page, Tag } from '@/design/show'
import { day } from '@/format/time'
import { useCommands } from '@/keys/shortcuts'
import { useChanges } from '@/live/changes'
import { may, useSession } from '@/session/session'
import { useTexts } from '@/texts/catalogue'
import styles from './customer.module.css'
import { texts } from './texts'

const Edit = lazy(() => import('./Edit'))
const LinkIdentifier = lazy(() => import('./LinkIdentifier'))
const Unlink = lazy(() => import('./Unlink'))
type Open = { dialog: 'edit' } | { dialog: 'link' } | { dialog: 'unlink'; identifier: IdentifierView } | null

/** One customer: by what they are known, their cases, and all that they said on any channel. */
export default function CustomerPage() {
  const { customerId } = useParams({ from: '/customers/$customerId' })
  const t = useTexts(texts)
  const { data, error, refetch } = useCustomer(customerId)
  if (data) return <Shown key={customerId} customer={data.customer} etag={data.etag} />
  if (!error) return <Loading lines={8} />
  return error instanceof ApiProblem && error.status === 404 ? (
    <Empty icon="customer" title={t.notFound} />
  ) : (
    <Failed error={error} onRetry={() => void refetch()} />
  )
}

function Shown({ customer, etag }: { customer: CustomerWithConflicts; etag: string }) {
  const t = useTexts(texts)
  const session = useSession()
  const [open, setOpen] = useState<Open>(null)
  const close = () => setOpen(null)
  const mayEdit = may(session, 'customer-profile', 'update_customer')
  const mayLink = may(session, 'customer-profile', 'link_identifier')
  const mayUnlink = may(session, 'customer-profile', 'unlink_identifier')
  useCommands([
    ...(mayEdit
      ? [
          {
            id: 'customer.edit',
            label: t.editTitle,
            group: t.group,
            keys: 'e',
            run: () => setOpen({ dialog: 'edit' }),
          },
        ]
      : []),
    ...(mayLink
      ? [{ id: 'customer.link', label: t.link, group: t.group, run: () => setOpen({ dialog: 'link' }) }]
      : []),
  ])
  const name = customer.name || customer.identifiers[0]?.value || t.unnamed
  return (
    <Page
      title={name}
      lead={`${t.sinceOf(day(customer.since))} · ${t.messages(customer.interactions)}`}
      actions={
        mayEdit && (
          <Button keys="e" onPress={() => setOpen({ dialog: 'edit' })}>
            {t.edit}
          </Button>
        )
      }
    >
      {customer.labels.length > 0 && (
        <p className={styles.tags}>
          {customer.labels.map(label => (
            <Tag key={label}>{label}</Tag>
          ))}
        </p>
      )}
      <div className={styles.columns}>
        <section className={styles.part} aria-labelledby="customer-timeline">
          <h2 id="customer-timeline">{t.timeline}</h2>
          <Said customerId={customer.customer_id} />
        </section>
        <div className={styles.aside}>
          <section className={styles.part} aria-labelledby="customer-known">
            <h2 id="customer-known">{t.identifiers}</h2>
            <IdentifierList
              identifiers={customer.identifiers}
              conflicts={customer.conflicts}
              customerId={customer.customer_id}
              act={identifier =>
                mayUnlink && (
                  <IconButton
                    small
                    icon="cross"
                    label={t.unlink(identifier.value)}
                    onPress={() => setOpen({ dialog: 'unlink', identifier })}
                  />
                )
              }
            />
            {mayLink && (
              <div>
                <Button small icon="plus" onPress={() => setOpen({ dialog: 'link' })}>
                  {t.link}
                </Button>
              </div>
            )}
          </section>
          <Cases customerId={customer.customer_id} />
        </div>
      </div>
      <Suspense fallback={null}>
        {open?.dialog === 'edit' && <Edit customer={customer} etag={etag} onClose={close} />}
        {open?.dialog === 'link' && <LinkIdentifier customerId={customer.customer_id} onClose={close} />}
        {open?.dialog === 'unlink' && (
          <Unlink
            customerId={customer.customer_id}
            name={name}
            identifier={open.identifier}
            onClose={close}
          />
        )}
      </Suspense>
    </Page>
  )
}

function Cases({ customerId }: { customerId: string }) {
  const t = useTexts(texts)
  const c = useTexts(caseTexts)
  const { data } = useCasesOf(customerId)
  return (
    <section className={styles.part} aria-labelledby="customer-cases">
      <h2 id="customer-cases">{t.cases}</h2>
      {data &&
        (data.items.length ? (
          <ul className={styles.cases}>
            {data.items.map(one => (
              <li key={one.case_id}>
                <Link to="/cases/$caseId" params={{ caseId: one.case_id }}>
                  <span className={styles.reference}>{one.reference}</span>
                  <span>{one.subject || c.noSubject}</span>
                </Link>
                <span className={styles.state}>
                  {c.statusOf[one.status] ?? one.status}
                  {one.due_at && <Due at={one.due_at} />}
                </span>
              </li>
            ))}
          </ul>
        ) : (
          <p className="dim">{t.noCases}</p>
        ))}
    </section>
  )
}

function Said({ customerId }: { customerId: string }) {
  const t = useTexts(texts)
  const said = useInfiniteQuery({
    queryKey: ['timeline-of', customerId],
    queryFn: ({ pageParam }) =>
      dataOf(
        customerProfile.GET('/customers/{customer_id}/timeline', {
          params: {
            path: { customer_id: customerId },
            query: { limit: 30, ...(pageParam && { cursor: pageParam }) },
          },
        }),
      ),
    initialPageParam: null as string | null,
    getNextPageParam: page => page.next ?? null,
  })
  useChanges(['customer-profile.timeline', 'customer-profile.reset'], data => {
    if (data.subject === undefined || data.subject === customerId) void said.refetch()
  })
  if (said.error) return <Failed error={said.error} onRetry={() => void said.refetch()} />
  if (said.isPending) return <Loading />
  const items = said.data.pages.flatMap(page => page.items)
  if (!items.length) return <p className="dim">{t.noTimeline}</p>
  return (
    <>
      <ol className={styles.said}>
        {items.map(one => (
          <li key={one.interaction_id}>
            <One said={one} />
          </li>
        ))}
      </ol>
      {said.hasNextPage && (
        <div>
          <Button isDisabled={said.isFetchingNextPage} onPress={() => void said.fetchNextPage()}>
            {t.more}
          </Button>
        </div>
      )}
    </>
  )
}

function One({ said }: { said: InteractionView }) {
  const t = useTexts(texts)
  const c = useTexts(caseTexts)
  return (
    <article className={styles.one} data-public={said.visibility === 'public' || undefined}>
      <header className={styles.oneHead}>
        <Icon name={channelIcon(said.channel)} size={16} />
        <strong>{said.subject || (c.channelOf[said.channel] ?? said.channel)}</strong>
        {said.visibility === 'public' && <Tag tone="public">{t.public}</Tag>}
        {said.edited_at && !said.deleted_at && <Tag>{t.edited}</Tag>}
        <span className={styles.at}>
          <Moment at={said.occurred_at} />
        </span>
      </header>
      {said.deleted_at ? (
        <p className="dim">
          {t.deleted}, <Moment at={said.deleted_at} />
        </p>
      ) : (
        <p className={styles.text} dir="auto">
          {said.text || t.noWords}
        </p>
      )}
      {said.case_id && said.case_reference && (
        <Link to="/cases/$caseId" params={{ caseId: said.case_id }} className={styles.inCase ?? ''}>
          {t.inCase(said.case_reference)}
        </Link>
      )}
    </article>
  )
}
