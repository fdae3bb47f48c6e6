import { useEffect, useRef, useState } from 'react'
import { ApiProblem } from '@/api/problem'
import { IconButton, Keys } from '@/design/controls'
import { Icon } from '@/design/icons'
import { toast } from '@/design/toasts'
import { useCommands } from '@/keys/shortcuts'
import { may, useSession } from '@/session/session'
import { useTexts } from '@/texts/catalogue'
import { perform } from './acts'
import type { Act, Advice, Reason } from './advice'
import styles from './floor.module.css'
import type { QueueLive } from './live-state'
import { texts } from './texts'

/** Why a queue needs somebody, and what can be done: each act by its number. */
export function QueuePanel({
  queue,
  advice,
  onClose,
}: {
  queue: QueueLive
  advice: Advice
  onClose: () => void
}) {
  const t = useTexts(texts)
  const session = useSession()
  const heading = useRef<HTMLHeadingElement>(null)
  const [busy, setBusy] = useState(false)
  useEffect(() => heading.current?.focus(), [])
  const acts = advice.acts.filter(act => isAllowed(act, session)).slice(0, 9)

  const run = async (act: Act) => {
    if (busy) return
    setBusy(true)
    try {
      const { done, all } = await perform(queue.queue, act, t.bySupervisor)
      toast({ text: done === all ? t.done(wordsOf(act, t).title) : t.some(done, all) })
    } catch (error) {
      toast({ text: error instanceof ApiProblem ? error.message : String(error), tone: 'late' })
    } finally {
      setBusy(false)
    }
  }
  useCommands([
    ...acts.map((act, index) => ({
      id: `floor.act.${index + 1}`,
      label: wordsOf(act, t).title,
      group: queue.name,
      keys: String(index + 1),
      run: () => void run(act),
    })),
    { id: 'floor.close', label: t.close, group: queue.name, keys: 'Escape', run: onClose, listed: false },
  ])
  return (
    <aside className={styles.panel} aria-label={queue.name}>
      <header>
        <h2 ref={heading} tabIndex={-1}>
          {queue.name}
        </h2>
        <IconButton small icon="cross" label={t.close} onPress={onClose} />
      </header>
      <section>
        <h3>{t.why}</h3>
        {advice.reasons.length === 0 && <p className="dim">{t.calm}</p>}
        <ul className={styles.reasons}>
          {advice.reasons.map(reason => (
            <li key={reason.kind}>{reasonWords(reason, t)}</li>
          ))}
        </ul>
      </section>
      {acts.length > 0 && (
        <section>
          <h3>{t.can}</h3>
          <ul className={styles.acts}>
            {acts.map((act, index) => {
              const words = wordsOf(act, t)
              return (
                <li key={words.title}>
                  <button
                    type="button"
                    aria-disabled={busy}
                    aria-keyshortcuts={String(index + 1)}
                    onClick={() => void run(act)}
                  >
                    <Keys keys={String(index + 1)} />
                    <span>
                      <strong>{words.title}</strong>
                      <span className="dim small">{words.effect}</span>
                    </span>
                    <Icon name="right" size={14} />
                  </button>
                </li>
              )
            })}
          </ul>
        </section>
      )}
    </aside>
  )
}

type Texts = ReturnType<typeof useTexts<(typeof texts)['en']>>

function isAllowed(act: Act, session: Parameters<typeof may>[0]): boolean {
  const operation = {
    open: 'set_queue_state',
    pause: 'set_queue_state',
    assign: 'assign_work',
    raise: 'prioritise_work',
    'make-available': 'set_agent_presence',
  } as const
  return may(session, 'routing', operation[act.kind])
}

function reasonWords(reason: Reason, t: Texts): string {
  switch (reason.kind) {
    case 'not-open':
      return t.reasonOf.notOpen(reason.because, reason.waiting)
    case 'overdue':
      return t.reasonOf.overdue(reason.count)
    case 'nobody':
      return t.reasonOf.nobody(reason.waiting)
    case 'full':
      return t.reasonOf.full(reason.present)
    case 'at-risk':
      return t.reasonOf.atRisk(reason.count)
    case 'surge':
      return t.reasonOf.surge(reason.arrived, reason.expected)
  }
}

function wordsOf(act: Act, t: Texts): { title: string; effect: string } {
  switch (act.kind) {
    case 'open':
      return { title: t.actOf.open, effect: t.actOf.openEffect(act.waiting, act.free) }
    case 'assign':
      return {
        title: t.actOf.assign(act.count, act.agent.name),
        effect: t.actOf.assignEffect(Math.max(0, act.waiting - act.count)),
      }
    case 'make-available':
      return { title: t.actOf.available(act.agent.name), effect: t.actOf.availableEffect(act.room) }
    case 'raise':
      return { title: t.actOf.raise(act.count), effect: t.actOf.raiseEffect }
    case 'pause':
      return { title: t.actOf.pause, effect: t.actOf.pauseEffect }
  }
}
