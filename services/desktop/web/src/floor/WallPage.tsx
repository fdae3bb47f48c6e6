import { useNavigate } from '@tanstack/react-router'
import { memo, useMemo, useRef, useState } from 'react'
import { IconButton } from '@/design/controls'
import { Due, Empty, Failed, Loading, Since, Tag } from '@/design/show'
import { number } from '@/format/number'
import { moment } from '@/format/time'
import { useCommands } from '@/keys/shortcuts'
import { serverNow } from '@/live/clock'
import { useTexts } from '@/texts/catalogue'
import { Age } from './Age'
import { advise } from './advice'
import { membersOf, Presences, Standing } from './FloorPage'
import styles from './floor.module.css'
import { type QueueLive, useAgents, useLiveState, useStaleness } from './live-state'
import { QueuePanel } from './QueuePanel'
import { Surges } from './Surges'
import { texts } from './texts'

/** The wallboard: a card a queue, to be read across a room. Enter on a card shows why it is red and what can be done. */
export default function WallPage() {
  const t = useTexts(texts)
  const go = useNavigate()
  const { live, error, retry } = useLiveState()
  const agents = useAgents()
  const isStale = useStaleness() !== null
  const [chosen, setChosen] = useState<string | null>(null)
  const cards = useRef<HTMLUListElement>(null)
  const members = useMemo(() => membersOf(agents, live?.agents ?? []), [agents, live])

  const full = () => {
    if (document.fullscreenElement) void document.exitFullscreen()
    else void document.documentElement.requestFullscreen()
  }
  const move = (by: number) => {
    const buttons = [...(cards.current?.querySelectorAll('button') ?? [])]
    const at = buttons.indexOf(document.activeElement as HTMLButtonElement)
    buttons[(at + by + buttons.length) % buttons.length]?.focus()
  }
  useCommands([
    { id: 'wall.full', label: t.full, group: t.wall, keys: 'f', run: full },
    { id: 'wall.next', label: t.next, group: t.wall, keys: 'j', run: () => move(1), listed: false },
    { id: 'wall.previous', label: t.previous, group: t.wall, keys: 'k', run: () => move(-1), listed: false },
    { id: 'wall.floor', label: t.floor, group: t.wall, run: () => void go({ to: '/floor' }) },
  ])
  if (error) return <Failed error={error} onRetry={retry} />
  if (!live) return <Loading lines={12} />
  const queue = live.queues.find(one => one.queue === chosen)
  return (
    <div className={styles.wall} data-stale={isStale || undefined}>
      <header className={styles.wallHead}>
        <h1>{t.wall}</h1>
        <Age at={live.at} />
        <IconButton icon="full" label={t.full} keys="f" onPress={full} />
      </header>
      <Surges live={live} />
      {live.queues.length === 0 && <Empty icon="wall" title={t.empty} />}
      <div className={styles.split}>
        <ul className={styles.cards} ref={cards} data-many={live.queues.length > 8 || undefined}>
          {live.queues.map(one => (
            <Card
              key={one.queue}
              queue={one}
              severity={advise(one, members.get(one.queue) ?? []).severity}
              isChosen={one.queue === chosen}
              onChoose={() => setChosen(one.queue === chosen ? null : one.queue)}
              onMove={move}
            />
          ))}
        </ul>
        {queue && (
          <QueuePanel
            key={queue.queue}
            queue={queue}
            advice={advise(queue, members.get(queue.queue) ?? [])}
            onClose={() => {
              setChosen(null)
              cards.current?.querySelector<HTMLButtonElement>(`[data-queue="${queue.queue}"]`)?.focus()
            }}
          />
        )}
      </div>
    </div>
  )
}

interface CardProps {
  queue: QueueLive
  severity: 'late' | 'soon' | null
  isChosen: boolean
  onChoose: () => void
  onMove: (by: number) => void
}

const Card = memo(
  ({ queue, severity, isChosen, onChoose, onMove }: CardProps) => {
    const t = useTexts(texts)
    return (
      <li className={styles.card} data-severity={severity ?? undefined}>
        <h2>
          <button
            type="button"
            data-queue={queue.queue}
            aria-expanded={isChosen}
            title={t.details}
            onClick={onChoose}
            onKeyDown={event => {
              const by = { ArrowRight: 1, ArrowDown: 1, ArrowLeft: -1, ArrowUp: -1 }[event.key]
              if (!by) return
              event.preventDefault()
              onMove(by)
            }}
          >
            {queue.name}
          </button>
          {queue.open ? (
            <Standing queue={queue} />
          ) : (
            <Tag tone="soon">
              {queue.state === 'open' && queue.opens_at
                ? t.opensAt(moment(queue.opens_at, serverNow()))
                : (t.stateOf[queue.state] ?? queue.state)}
            </Tag>
          )}
        </h2>
        <p className={styles.figure}>
          <span className="number">{number(queue.waiting)}</span>
          <span className="dim">{t.waiting}</span>
        </p>
        <dl className={styles.figures}>
          <div>
            <dt>{t.oldest}</dt>
            <dd>{queue.oldest_queued_at ? <Since at={queue.oldest_queued_at} /> : '–'}</dd>
          </div>
          <div>
            <dt>{t.nextDue}</dt>
            <dd>{queue.next_due_at ? <Due at={queue.next_due_at} /> : '–'}</dd>
          </div>
          <div>
            <dt>{t.inWork}</dt>
            <dd className="number">{number(queue.accepted + queue.offered)}</dd>
          </div>
          <div>
            <dt>{t.arrivals}</dt>
            <dd>
              <span className="number">{number(queue.arrived.last_60_minutes ?? 0)}</span>{' '}
              {queue.usual && <span className="dim small">{t.usual(queue.usual.last_60_minutes)}</span>}
            </dd>
          </div>
        </dl>
        <p className={styles.there}>
          <Presences queue={queue} />
        </p>
      </li>
    )
  },
  (one, other) =>
    one.queue === other.queue && one.severity === other.severity && one.isChosen === other.isChosen,
)
