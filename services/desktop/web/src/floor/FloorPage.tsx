import { Link } from '@tanstack/react-router'
import { memo, useMemo, useRef, useState } from 'react'
import { classes } from '@/design/controls'
import { Due, Empty, Failed, Loading, Page, Since, Tag } from '@/design/show'
import { number } from '@/format/number'
import { moment } from '@/format/time'
import { useCommands } from '@/keys/shortcuts'
import { serverNow } from '@/live/clock'
import { useTexts } from '@/texts/catalogue'
import { Age } from './Age'
import { type Advice, advise } from './advice'
import styles from './floor.module.css'
import { type AgentLive, type QueueLive, useAgents, useLiveState, useStaleness } from './live-state'
import { People } from './People'
import { QueuePanel } from './QueuePanel'
import { StuckWork } from './StuckWork'
import { Surges } from './Surges'
import { texts } from './texts'
import { Unseen } from './Unseen'

/** A supervisor's page: every queue with what it needs, what can be done about it, and the people. */
export default function FloorPage() {
  const t = useTexts(texts)
  const { live, error, retry } = useLiveState()
  const agents = useAgents()
  const isStale = useStaleness() !== null
  const [chosen, setChosen] = useState<string | null>(null)
  const members = useMemo(() => membersOf(agents, live?.agents ?? []), [agents, live])
  const rows = useRef<HTMLTableSectionElement>(null)

  const move = (by: number) => {
    const buttons = [...(rows.current?.querySelectorAll<HTMLButtonElement>('th button') ?? [])]
    const at = buttons.indexOf(document.activeElement as HTMLButtonElement)
    buttons[Math.min(buttons.length - 1, Math.max(0, at + by))]?.focus()
  }
  useCommands([
    { id: 'floor.next', label: t.next, group: t.group, keys: 'j', run: () => move(1), listed: false },
    {
      id: 'floor.previous',
      label: t.previous,
      group: t.group,
      keys: 'k',
      run: () => move(-1),
      listed: false,
    },
  ])
  if (error) return <Failed error={error} onRetry={retry} />
  if (!live) return <Loading lines={12} />
  const queue = live.queues.find(one => one.queue === chosen)
  return (
    <Page
      title={t.floor}
      lead={<Age at={live.at} />}
      actions={
        <Link to="/wall" className={styles.wallLink ?? ''}>
          {t.wall}
        </Link>
      }
    >
      <Surges live={live} />
      {live.queues.length === 0 ? (
        <Empty icon="floor" title={t.empty} />
      ) : (
        <div className={styles.split}>
          <section className={classes(styles.queues, isStale && styles.stale)} aria-label={t.floor}>
            <table className={styles.table}>
              <caption className="hidden">{t.floor}</caption>
              <thead>
                <tr>
                  {[t.queue, t.now, t.waiting, t.oldest, t.nextDue, t.inWork, t.arrivals, t.people].map(
                    column => (
                      <th key={column} scope="col">
                        {column}
                      </th>
                    ),
                  )}
                </tr>
              </thead>
              <tbody ref={rows}>
                {live.queues.map(one => (
                  <QueueRow
                    key={one.queue}
                    queue={one}
                    severity={advise(one, members.get(one.queue) ?? []).severity}
                    isChosen={one.queue === chosen}
                    onChoose={() => setChosen(one.queue === chosen ? null : one.queue)}
                    onMove={move}
                  />
                ))}
              </tbody>
            </table>
          </section>
          {queue && (
            <QueuePanel
              key={queue.queue}
              queue={queue}
              advice={advise(queue, members.get(queue.queue) ?? [])}
              onClose={() => {
                setChosen(null)
                rows.current?.querySelector<HTMLButtonElement>(`[data-queue="${queue.queue}"]`)?.focus()
              }}
            />
          )}
        </div>
      )}
      <People people={live.agents} />
      <StuckWork />
      <Unseen />
    </Page>
  )
}

/** The agents of each queue as they are now. */
export function membersOf(
  agents: readonly { readonly agent_id: string; readonly queues: readonly string[] }[],
  now: readonly AgentLive[],
): Map<string, AgentLive[]> {
  const byId = new Map(now.map(agent => [agent.agent_id, agent]))
  const members = new Map<string, AgentLive[]>()
  for (const agent of agents) {
    const present = byId.get(agent.agent_id)
    if (present)
      for (const queue of agent.queues) members.set(queue, [...(members.get(queue) ?? []), present])
  }
  return members
}

interface QueueRowProps {
  queue: QueueLive
  severity: Advice['severity']
  isChosen: boolean
  onChoose: () => void
  onMove: (by: number) => void
}

const QueueRow = memo(
  ({ queue, severity, isChosen, onChoose, onMove }: QueueRowProps) => {
    const t = useTexts(texts)
    return (
      <tr data-severity={severity ?? undefined} data-chosen={isChosen || undefined}>
        <th scope="row">
          <button
            type="button"
            className={styles.queueButton}
            data-queue={queue.queue}
            aria-expanded={isChosen}
            title={t.details}
            onClick={onChoose}
            onKeyDown={event => {
              const by = { ArrowDown: 1, ArrowUp: -1 }[event.key]
              if (!by) return
              event.preventDefault()
              onMove(by)
            }}
          >
            {queue.name}
          </button>
          {!queue.open && (
            <Tag tone="soon">
              {queue.state === 'open' && queue.opens_at
                ? t.opensAt(moment(queue.opens_at, serverNow()))
                : (t.stateOf[queue.state] ?? queue.state)}
            </Tag>
          )}
        </th>
        <td>
          <Standing queue={queue} />
        </td>
        <td className="number">{number(queue.waiting)}</td>
        <td>{queue.oldest_queued_at ? <Since at={queue.oldest_queued_at} /> : <None />}</td>
        <td>{queue.next_due_at ? <Due at={queue.next_due_at} /> : <None />}</td>
        <td className="number">{number(queue.accepted + queue.offered)}</td>
        <td>
          <span className="number">{number(queue.arrived.last_60_minutes ?? 0)}</span>{' '}
          {queue.usual && <span className="dim small">{t.usual(queue.usual.last_60_minutes)}</span>}
        </td>
        <td>
          <Presences queue={queue} />
        </td>
      </tr>
    )
  },
  (one, other) =>
    one.queue === other.queue && one.severity === other.severity && one.isChosen === other.isChosen,
)

const None = () => <span className="dim">–</span>

/** What the SLA of a queue says now. */
export function Standing({ queue }: { queue: QueueLive }) {
  const t = useTexts(texts)
  if (queue.overdue)
    return (
      <span className={styles.standing}>
        <Tag tone="late">{t.late(queue.overdue)}</Tag>
        {queue.at_risk > 0 && <Tag tone="soon">{t.atRisk(queue.at_risk)}</Tag>}
      </span>
    )
  if (queue.at_risk) return <Tag tone="soon">{t.atRisk(queue.at_risk)}</Tag>
  return <span className="dim">{queue.waiting ? t.onTime : '–'}</span>
}

/** How many people of a queue are there, and who is free. */
export function Presences({ queue }: { queue: QueueLive }) {
  const t = useTexts(texts)
  const there = Object.entries(queue.agents).filter(
    ([presence, count]) => presence !== 'offline' && count > 0,
  )
  if (there.length === 0) return <span className="dim">{t.nobody}</span>
  return (
    <>
      {there.map(([presence, count]) => t.there(count, t.presenceOf[presence] ?? presence)).join(', ')}{' '}
      <span className="dim small">{t.free(queue.agents_free)}</span>
    </>
  )
}
