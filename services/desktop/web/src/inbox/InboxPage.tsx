import { useQuery, useQueryClient } from '@tanstack/react-query'
import { Link, useNavigate, useSearch } from '@tanstack/react-router'
import { lazy, Suspense, useEffect, useEffectEvent, useMemo, useRef, useState } from 'react'
import { dataOf, routing } from '@/api/client'
import { announce } from '@/design/announce'

import { Button, IconButton } from '@/design/controls'
import { TextField } from '@/design/fields'
import { Icon } from '@/design/icons'

import { Select } from '@/design/select'
import { Empty, Failed, Loading } from '@/design/show'
import { useCommands } from '@/keys/shortcuts'
import { useChanges } from '@/live/changes'
import { RowStore } from '@/live/row-store'
import { isAgent, useOwnAgent } from '@/presence/own-agent'
import { useSetPresence } from '@/presence/set-presence'
import { texts as presenceTexts } from '@/presence/texts'
import { may, useSession } from '@/session/session'
import { useTexts } from '@/texts/catalogue'
import { knownCase } from './case-facts'
import { InboxRow } from './InboxRow'
import styles from './inbox.module.css'
import { List } from './List'
import { useColleagueName, useQueueName } from './names'
import { byChange, matches, placeAfter, type Row, rowOfWork, type WorkChange } from './rows'
import type { View } from './search'
import { usePick, useTakeNext } from './take'
import { texts } from './texts'
import { useWork } from './use-work'
import { myWork, queueWork, type Reading } from './work-list'

const CaseView = lazy(() => import('@/case/CaseView'))
/** How long the cursor rests on a row before its case is opened beside the list. */
const REST = 150
const recent = new RowStore<Row>(row => row.caseId, byChange)

/** The cases that a person works on: a list, and the case that is open beside it. */
export default function InboxPage() {
  const t = useTexts(texts)
  const session = useSession()
  const go = useNavigate()
  const search = useSearch({ from: '/inbox' })
  const views: readonly View[] = isAgent(session) ? ['mine', 'queues', 'recent'] : ['queues']
  const view = search.view && views.includes(search.view) ? search.view : views[0]!
  const { item } = search
  const { read, waiting } = useWork(view === 'queues')
  const mine = myWork.rows.useOrder()
  const queued = queueWork.rows.useOrder()
  const readings = {
    mine: myWork.useReading(),
    queues: queueWork.useReading(),
    recent: useRecent(view === 'recent'),
  }
  const [filter, setFilter] = useState('')
  const list = useRef<HTMLDivElement>(null)
  const field = useRef<HTMLDivElement>(null)
  const detail = useRef<HTMLElement>(null)
  const takeNext = useTakeNext()
  const pick = usePick()

  const show = (to: View) => void go({ to: '/inbox', search: { view: to, ...(item && { item }) } })
  const open = (caseId: string) =>
    void go({ to: '/inbox', search: { ...search, item: caseId }, replace: true })
  const store = { mine: myWork.rows, queues: queueWork.rows, recent }[view]
  const all = store.useOrder()
  const ids = useMemo(
    () =>
      filter || search.queue
        ? all.filter(id => {
            const row = store.get(id)!
            const isIn = !search.queue || row.queue === search.queue || row.alsoQueues.includes(search.queue)
            return isIn && matches(row, knownCase(id), filter)
          })
        : all,
    [all, filter, search.queue, store],
  )
  const [cursor, setCursor] = useCursor(ids, item)

  // Beside the list the case of the cursor is shown; where there is no room, Enter shows it.
  const isWide = useIsWide()
  const rest = useRef<ReturnType<typeof setTimeout>>(undefined)
  useEffect(() => () => clearTimeout(rest.current), [])
  const move = (to: string) => {
    setCursor(to)
    clearTimeout(rest.current)
    if (isWide) rest.current = setTimeout(() => open(to), REST)
  }
  const step = (by: number) => {
    const at = cursor === null ? -1 : ids.indexOf(cursor)
    const to = ids[placeAfter(at + by, ids.length)]
    if (to) move(to)
  }
  const enter = (id: string) => {
    clearTimeout(rest.current)
    open(id)
    detail.current?.focus()
  }
  const nextOfMine = mine[(mine.indexOf(item ?? '') + 1) % mine.length]
  const canPick = may(session, 'routing', 'pick_work')
  const g = t.keys
  useCommands([
    { id: 'inbox.next', label: g.next, group: g.group, keys: 'j', run: () => step(1), listed: false },
    {
      id: 'inbox.previous',
      label: g.previous,
      group: g.group,
      keys: 'k',
      run: () => step(-1),
      listed: false,
    },
    { id: 'inbox.list', label: g.toList, group: g.group, keys: 'l', run: () => list.current?.focus() },
    {
      id: 'inbox.filter',
      label: g.filter,
      group: g.group,
      keys: '/',
      run: () => field.current?.querySelector('input')?.focus(),
    },
    {
      id: 'inbox.next-list',
      label: g.nextList,
      group: g.group,
      keys: ']',
      run: () => show(views[(views.indexOf(view) + 1) % views.length]!),
    },
    {
      id: 'inbox.previous-list',
      label: g.previousList,
      group: g.group,
      keys: '[',
      run: () => show(views[(views.indexOf(view) + views.length - 1) % views.length]!),
    },
    ...(canPick
      ? [
          {
            id: 'inbox.pick',
            label: g.pick,
            group: g.group,
            keys: '=',
            run: () => {
              const row = cursor && view === 'queues' ? store.get(cursor) : undefined
              if (row) void pick(row)
            },
          },
          { id: 'inbox.take-next', label: g.takeNext, group: g.group, keys: 'n', run: () => void takeNext() },
          {
            id: 'inbox.open-next',
            label: g.openNext,
            group: g.group,
            keys: 'Alt+J',
            run: () => {
              if (nextOfMine) void go({ to: '/inbox', search: { view: 'mine', item: nextOfMine } })
            },
          },
        ]
      : []),
  ])

  const queueName = useQueueName()
  const hasQueues = useOwnAgent()?.queues.length !== 1
  const colleague = useColleagueName()
  const label = view === 'queues' && !isAgent(session) ? t.allQueues : t.view[view]
  const counts = { mine: mine.length, queues: queued.length || waiting, recent: undefined }
  return (
    <div className={styles.inbox} data-open={item ? '' : undefined}>
      <h1 className="hidden">{t.title}</h1>
      <section className={styles.side} aria-label={t.list}>
        <nav className={styles.views} aria-label={t.views}>
          {views.map(one => (
            <Link
              key={one}
              to="/inbox"
              search={{ view: one, ...(item && { item }) }}
              className={styles.view ?? ''}
              aria-current={one === view ? 'page' : undefined}
              activeProps={{}}
            >
              {one === 'queues' && !isAgent(session) ? t.allQueues : t.view[one]}
              {counts[one] !== undefined && <span className={styles.count}>{t.count(counts[one])}</span>}
            </Link>
          ))}
        </nav>
        <div className={styles.tools} ref={field}>
          <TextField
            label={t.filter}
            labelHidden
            placeholder={t.filterHint}
            value={filter}
            onChange={setFilter}
            type="search"
            onKeyDown={event => {
              if (event.key === 'Escape') {
                setFilter('')
                list.current?.focus()
              } else if (event.key === 'Enter' || event.key === 'ArrowDown') list.current?.focus()
              else event.continuePropagation()
            }}
          />
          {view === 'queues' && (
            <QueueChoice
              value={search.queue ?? null}
              rows={queueWork.rows}
              nameOf={queueName}
              onChange={queue =>
                void go({ to: '/inbox', search: { view, ...(item && { item }), ...(queue && { queue }) } })
              }
            />
          )}
        </div>
        <Listed
          reading={readings[view]}
          count={ids.length}
          onRetry={read}
          empty={
            filter || search.queue ? (
              <Empty icon="search" title={t.empty.filtered}>
                <Button
                  onPress={() => {
                    setFilter('')
                    if (search.queue) show(view)
                  }}
                >
                  {t.clearFilter}
                </Button>
              </Empty>
            ) : (
              <Nothing view={view} onTakeNext={() => void takeNext()} />
            )
          }
        >
          <List
            ref={list}
            label={label}
            ids={ids}
            cursor={cursor}
            onCursor={move}
            onOpen={enter}
            row={id => (
              <Listing key={id} id={id} store={store}>
                {row => (
                  <InboxRow
                    row={row}
                    shows={view === 'recent' ? 'status' : 'due'}
                    place={
                      row.state === 'offered' && row.agentId
                        ? row.agentId === session.subject
                          ? t.offeredToMe
                          : t.offeredTo(colleague.shown(row.agentId))
                        : hasQueues
                          ? queueName(row.queue)
                          : null
                    }
                  />
                )}
              </Listing>
            )}
          />
        </Listed>
      </section>
      <section className={styles.detail} aria-label={t.opened} tabIndex={-1} ref={detail}>
        {item ? (
          <>
            <div className={styles.back}>
              <IconButton
                icon="left"
                label={t.toList}
                onPress={() => void go({ to: '/inbox', search: { view } })}
              />
            </div>
            <AfterDone
              key={item}
              item={item}
              next={nextOfMine === item ? undefined : nextOfMine}
              onOpen={id => void go({ to: '/inbox', search: { view: 'mine', item: id } })}
              onTakeNext={() => void takeNext()}
            />
            <div className={styles.case}>
              <Suspense fallback={<Loading lines={12} />}>
                <CaseView key={item} caseId={item} />
              </Suspense>
            </div>
          </>
        ) : (
          <Empty icon="inbox" title={t.nothingOpen}>
            <p>{t.nothingOpenLead}</p>
          </Empty>
        )}
      </section>
    </div>
  )
}

/** The row on which keys act. It stays on its case; when that leaves the list, the one in its place has it. */
function useCursor(ids: readonly string[], item: string | undefined): [string | null, (id: string) => void] {
  const [chosen, setChosen] = useState<string | null>(item ?? null)
  const [shown, setShown] = useState(item)
  if (item !== shown) {
    setShown(item)
    if (item) setChosen(item)
  }
  const place = useRef(0)
  const at = chosen === null ? -1 : ids.indexOf(chosen)
  if (at >= 0) place.current = at
  const cursor = at >= 0 ? chosen : (ids[placeAfter(place.current, ids.length)] ?? null)
  return [cursor, setChosen]
}

const WIDE = '(width > 64rem)'
function useIsWide(): boolean {
  const [isWide, setWide] = useState(() => matchMedia(WIDE).matches)
  useEffect(() => {
    const query = matchMedia(WIDE)
    const read = () => setWide(query.matches)
    query.addEventListener('change', read)
    return () => query.removeEventListener('change', read)
  }, [])
  return isWide
}

/** The cases that the person worked on, the newest change first. Read while they are listed. */
function useRecent(isShown: boolean): Reading {
  const { subject } = useSession()
  const client = useQueryClient()
  const queryKey = ['routing', 'work', 'recent']
  const { data, error, isSuccess } = useQuery({
    queryKey,
    queryFn: () => dataOf(routing.GET('/work', { params: { query: { agent_id: 'me', limit: 100 } } })),
    enabled: isShown,
  })
  useEffect(() => {
    // Of several pieces of work on a case the newest is shown.
    if (data) recent.replace(data.items.map(rowOfWork).reverse())
  }, [data])
  const read = () => void client.invalidateQueries({ queryKey })
  useChanges(['routing.begin', 'routing.reset'], read)
  useChanges(['routing.work'], (change: WorkChange) => {
    if (change.agent_id === subject) read()
  })
  return error ? { error } : { stand: isSuccess ? 'whole' : 'begun' }
}

function Listing({
  id,
  store,
  children,
}: {
  id: string
  store: RowStore<Row>
  children: (row: Row) => React.ReactNode
}) {
  const row = store.useRow(id)
  return row ? children(row) : null
}

function Listed({
  reading,
  count,
  empty,
  onRetry,
  children,
}: {
  reading: Reading
  count: number
  empty: React.ReactNode
  onRetry: () => void
  children: React.ReactNode
}) {
  if ('error' in reading && count === 0) return <Failed error={reading.error} onRetry={onRetry} />
  if (count > 0) return children
  return 'stand' in reading && reading.stand === 'whole' ? empty : <Loading lines={12} />
}

/** What to do when a list has nothing. */
function Nothing({ view, onTakeNext }: { view: View; onTakeNext: () => void }) {
  const t = useTexts(texts)
  const p = useTexts(presenceTexts)
  const agent = useOwnAgent()
  const set = useSetPresence()
  if (view !== 'mine') return <Empty icon="inbox" title={t.empty[view]} />
  const now = agent?.presences.find(choice => choice.id === agent.presence)
  const routable = agent?.presences.find(choice => choice.routable)
  if (agent && !now?.routable && routable)
    return (
      <Empty icon="inbox" title={t.empty.mine}>
        <p>{t.empty.minePresence(p.nameOf[agent.presence] ?? now?.name ?? agent.presence)}</p>
        <Button kind="primary" onPress={() => void set(routable)}>
          {t.becomeAvailable}
        </Button>
      </Empty>
    )
  return (
    <Empty icon="check" title={t.empty.mine}>
      <p>{t.empty.mineAvailable}</p>
      <Button keys="n" onPress={onTakeNext}>
        {t.takeNext}
      </Button>
    </Empty>
  )
}

/** The queues of the list, of which one can be shown alone. */
function QueueChoice({
  value,
  rows,
  nameOf,
  onChange,
}: {
  value: string | null
  rows: RowStore<Row>
  nameOf: (queue: string) => string
  onChange: (queue: string | null) => void
}) {
  const t = useTexts(texts)
  const ids = rows.useOrder()
  const queues = useMemo(
    () => [...new Set([...ids.map(id => rows.get(id)?.queue ?? ''), value ?? ''])].filter(Boolean).sort(),
    [ids, rows, value],
  )
  if (queues.length < 2 && !value) return null
  return (
    <Select
      label={t.queue}
      labelHidden
      value={value ?? 'all'}
      onChange={queue => onChange(queue === 'all' ? null : queue)}
      choices={[
        { id: 'all', label: t.everyQueue },
        ...queues.map(queue => ({ id: queue, label: nameOf(queue) })),
      ]}
    />
  )
}

/** Says that the open case has left the person's work, and what they can do next. */
function AfterDone({
  item,
  next,
  onOpen,
  onTakeNext,
}: {
  item: string
  next: string | undefined
  onOpen: (caseId: string) => void
  onTakeNext: () => void
}) {
  const t = useTexts(texts)
  const row = myWork.rows.useRow(item)
  const [left, setLeft] = useState<Row | null>(null)
  const before = useRef(row)
  const say = useEffectEvent((gone: Row) => {
    setLeft(gone)
    announce(t.done(gone.reference))
  })
  useEffect(() => {
    if (row) setLeft(null)
    else if (before.current && !before.current.isExpected) say(before.current)
    before.current = row
  }, [row])
  if (!left) return null
  const following = next && myWork.rows.get(next)
  return (
    <div className={styles.after}>
      <Icon name="check" />
      <p>
        {t.done(left.reference)} {!following && t.nothingLeft}
      </p>
      {following ? (
        <Button small kind="primary" keys="Alt+J" onPress={() => onOpen(following.caseId)}>
          {t.openNext(following.subject ?? knownCase(following.caseId)?.subject ?? following.reference)}
        </Button>
      ) : (
        <Button small kind="primary" keys="n" onPress={onTakeNext}>
          {t.takeNext}
        </Button>
      )}
    </div>
  )
}
