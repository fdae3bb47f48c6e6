import { Link } from '@tanstack/react-router'
import { lazy, Suspense, useState } from 'react'
import type { CaseView, NewStatus } from '@/api/case-mgmt'
import { caseMgmt, dataOf, newKey, routing } from '@/api/client'
import { ApiProblem } from '@/api/problem'
import type { WorkDetail } from '@/api/routing'
import { Button, IconButton } from '@/design/controls'
import { Menu, type MenuChoice } from '@/design/menu'
import { Avatar, Due, Tag, type Tone } from '@/design/show'
import { toast } from '@/design/toasts'
import { type Command, useCommands } from '@/keys/shortcuts'
import { may, useSession } from '@/session/session'
import { useTexts } from '@/texts/catalogue'
import styles from './case.module.css'
import { useQueueName } from './data'
import { texts } from './texts'

const HandOver = lazy(() => import('./HandOver'))
const Reason = lazy(() => import('./Reason'))

type Settable = NewStatus['status']
const KEYS: Readonly<Record<Settable, string | undefined>> = {
  open: 's o',
  pending: 's p',
  resolved: 's r',
  closed: undefined,
}
// As `TRANSITIONS` of case-mgmt: what a person can set from each status.
const NEXT: Readonly<Record<string, readonly Settable[]>> = {
  new: ['open', 'pending', 'resolved', 'closed'],
  open: ['pending', 'resolved', 'closed'],
  pending: ['open', 'resolved', 'closed'],
  resolved: ['open', 'closed'],
  closed: ['open'],
}
const TONES: Readonly<Record<string, Tone | undefined>> = { new: 'info', open: 'info', resolved: 'good' }
type Open = 'transfer' | 'assign' | 'complete' | 'close' | null

/** What the case is, who has it, and what can be done with it. */
export function Header({
  case: shown,
  work,
  level,
}: {
  case: CaseView
  work: WorkDetail | null
  level: 1 | 2
}) {
  const t = useTexts(texts)
  const session = useSession()
  const queueName = useQueueName()
  const [open, setOpen] = useState<Open>(null)
  const acts = useActs(shown, work)
  const next = may(session, 'case-mgmt', 'set_status') ? (NEXT[shown.status] ?? []) : []
  const statusName = t.statusOf[shown.status] ?? shown.status
  const set = (status: Settable) => (status === 'closed' ? setOpen('close') : void acts.setStatus(status))
  const isMine = work?.agent_id === session.subject
  const holds = work !== null && work.state !== 'completed'
  const may1 = {
    transfer: holds && (isMine || session.roles.includes('supervisor')),
    complete: holds && (isMine || session.roles.includes('supervisor')),
    pick: work?.state === 'queued' && may(session, 'routing', 'pick_work'),
    assign: holds && may(session, 'routing', 'assign_work'),
    takeBack: work?.state === 'accepted' && may(session, 'routing', 'take_back_work'),
  }
  useCommands([
    ...next.flatMap((status): Command[] => {
      const keys = KEYS[status]
      return [
        {
          id: `case.${status}`,
          label: t.setTo(t.statusOf[status] ?? status),
          group: t.group,
          ...(keys && { keys }),
          run: () => set(status),
        },
      ]
    }),
    ...(may1.transfer
      ? [
          {
            id: 'case.transfer',
            label: t.transfer,
            group: t.group,
            keys: 't',
            run: () => setOpen('transfer'),
          },
        ]
      : []),
    ...(may1.complete
      ? [{ id: 'case.complete', label: t.complete, group: t.group, run: () => setOpen('complete') }]
      : []),
    ...(may1.pick
      ? [{ id: 'case.pick', label: t.pick, group: t.group, keys: '=', run: () => void acts.pick() }]
      : []),
    ...(may1.assign
      ? [{ id: 'case.assign', label: t.assign, group: t.group, run: () => setOpen('assign') }]
      : []),
  ])
  const more: MenuChoice[] = [
    ...(may1.complete ? [{ id: 'complete', label: t.complete, run: () => setOpen('complete') }] : []),
    ...(may1.assign ? [{ id: 'assign', label: t.assign, run: () => setOpen('assign') }] : []),
    ...(may1.takeBack ? [{ id: 'take-back', label: t.takeBack, run: () => void acts.takeBack() }] : []),
  ]
  const Heading = level === 1 ? 'h1' : 'h2'
  const name = shown.customer.name || shown.customer.identifiers[0]?.value || t.unknownCustomer
  return (
    <header className={styles.head}>
      <div className={styles.title}>
        <span className={styles.reference}>{shown.reference}</span>
        <Heading>{shown.subject || t.noSubject}</Heading>
      </div>
      <div className={styles.acts}>
        {may1.pick && (
          <Button kind="primary" keys="=" onPress={() => void acts.pick()}>
            {t.pick}
          </Button>
        )}
        {next.length > 0 ? (
          <Menu
            label={t.status}
            choices={next.map(status => ({
              id: status,
              label: t.statusOf[status] ?? status,
              detail: t.statusHelp[status] ?? '',
              ...(KEYS[status] && { keys: KEYS[status] }),
              run: () => set(status),
            }))}
          >
            <Button icon="down" aria-label={t.setStatus(statusName)}>
              {statusName}
            </Button>
          </Menu>
        ) : (
          <Tag tone={TONES[shown.status]}>{statusName}</Tag>
        )}
        {may1.transfer && (
          <Button icon="right" keys="t" onPress={() => setOpen('transfer')}>
            {t.transfer}
          </Button>
        )}
        {more.length > 0 && (
          <Menu label={t.more} choices={more}>
            <IconButton icon="more" label={t.more} />
          </Menu>
        )}
      </div>
      <dl className={styles.facts}>
        <div>
          <dt className="hidden">{t.customerTitle}</dt>
          <dd className={styles.who}>
            <Avatar name={name} small customer />
            <Link to="/customers/$customerId" params={{ customerId: shown.customer.customer_id }}>
              {name}
            </Link>
          </dd>
        </div>
        {shown.queue && (
          <div>
            <dt>{t.queue}</dt>
            <dd>{queueName(shown.queue)}</dd>
          </div>
        )}
        <div>
          <dt>{t.agent}</dt>
          <dd>{shown.agent_name || shown.agent_id || t.nobody}</dd>
        </div>
        {shown.due_at && (
          <div>
            <dt>{t.due}</dt>
            <dd>
              <Due at={shown.due_at} />
            </dd>
          </div>
        )}
      </dl>
      <Suspense fallback={null}>
        {work && (open === 'transfer' || open === 'assign') && (
          <HandOver mode={open} work={work} onClose={() => setOpen(null)} />
        )}
        {open === 'complete' && (
          <Reason
            title={t.complete}
            lead={t.completeLead}
            confirm={t.complete}
            onClose={() => setOpen(null)}
            onConfirm={acts.complete}
          />
        )}
        {open === 'close' && (
          <Reason
            title={t.closeTitle}
            lead={t.closeLead}
            confirm={t.close}
            onClose={() => setOpen(null)}
            onConfirm={reason => acts.setStatus('closed', reason)}
          />
        )}
      </Suspense>
    </header>
  )
}

/** What a person does with a case and its work. What is refused is shown, with the reason that the server gives. */
function useActs(shown: CaseView, work: WorkDetail | null) {
  const t = useTexts(texts)
  const act = async (
    done: string,
    asked: (key: string) => Promise<unknown>,
    key = newKey(),
  ): Promise<boolean> => {
    try {
      await asked(key)
      toast({ text: done })
      return true
    } catch (error) {
      if (!(error instanceof ApiProblem)) throw error
      // Whether it took effect is unknown: the same key makes it take effect once.
      const action = { label: t.again, run: () => void act(done, asked, key) }
      toast({ text: error.message, tone: 'late', ...(error.isLost && { action }) })
      return false
    }
  }
  const path = { work_item_id: work?.work_item_id ?? '' }
  const keyed = (key: string) => ({ path, header: { 'Idempotency-Key': key } })
  return {
    setStatus: (status: Settable, reason?: string) => {
      const name = t.statusOf[status] ?? status
      return act(t.isNow(shown.reference, name), key =>
        dataOf(
          caseMgmt.POST('/cases/{case_id}/status', {
            params: { path: { case_id: shown.case_id }, header: { 'Idempotency-Key': key } },
            body: { status, reason: reason || t.setByHand(name) },
          }),
        ),
      )
    },
    complete: (reason: string) =>
      act(t.completeDone, key =>
        dataOf(routing.POST('/work/{work_item_id}/complete', { params: keyed(key), body: { reason } })),
      ),
    pick: () =>
      act(t.picked, key => dataOf(routing.POST('/work/{work_item_id}/pick', { params: keyed(key) }))),
    takeBack: () =>
      act(t.tookBack, key =>
        dataOf(
          routing.POST('/work/{work_item_id}/take-back', {
            params: keyed(key),
            body: { reason: t.takeBackReason },
          }),
        ),
      ),
  }
}
