import { memo, useState } from 'react'
import { ApiProblem } from '@/api/problem'
import { IconButton } from '@/design/controls'
import { Confirm } from '@/design/dialog'
import { Menu } from '@/design/menu'
import { Avatar, Since, type Tone } from '@/design/show'
import { toast } from '@/design/toasts'
import { number } from '@/format/number'
import { may, useSession } from '@/session/session'
import { useTexts } from '@/texts/catalogue'
import { setPresence, takeBack } from './acts'
import styles from './floor.module.css'
import type { AgentLive } from './live-state'
import { texts } from './texts'

const ORDER = ['available', 'busy', 'not-responding', 'away', 'offline']

/** Everybody with their presence, since when, and what they hold; those who are there first. */
export function People({ people }: { people: readonly AgentLive[] }) {
  const t = useTexts(texts)
  const place = (agent: AgentLive) => ORDER.indexOf(agent.presence)
  const shown = [...people].sort(
    (one, other) => place(one) - place(other) || one.name.localeCompare(other.name),
  )
  return (
    <section className={styles.part} aria-labelledby="floor-people">
      <h2 id="floor-people">{t.people}</h2>
      <ul className={styles.people}>
        {shown.map(agent => (
          <Person key={agent.agent_id} agent={agent} />
        ))}
      </ul>
    </section>
  )
}

const TONES: Readonly<Record<string, Tone>> = { available: 'good', 'not-responding': 'late' }

const Person = memo(({ agent }: { agent: AgentLive }) => {
  const t = useTexts(texts)
  const session = useSession()
  const [asks, setAsks] = useState(false)
  const isThere = agent.presence !== 'offline'

  const act = async (what: string, done: () => Promise<unknown>) => {
    try {
      await done()
      toast({ text: t.done(`${agent.name}, ${what}`) })
    } catch (error) {
      toast({ text: error instanceof ApiProblem ? error.message : String(error), tone: 'late' })
    }
  }
  const presence = (id: string, label: string) => ({
    id,
    label,
    run: () => void act(label, () => setPresence(agent.agent_id, id)),
  })
  const choices = [
    ...(isThere && agent.presence !== 'available' ? [presence('available', t.setAvailable)] : []),
    ...(agent.presence === 'available' ? [presence('away', t.setAway)] : []),
    ...(isThere ? [presence('offline', t.signOff)] : []),
    ...(agent.load > 0 ? [{ id: 'take-back', label: t.takeBack, run: () => setAsks(true) }] : []),
  ]
  return (
    <li className={styles.person} data-presence={agent.presence}>
      <Avatar name={agent.name} />
      <div className={styles.personText}>
        <strong>{agent.name}</strong>
        <span className="dim small">
          <span data-tone={TONES[agent.presence]} className={styles.presence}>
            {t.presenceOf[agent.presence] ?? agent.presence}
          </span>
          {agent.since && isThere && (
            <>
              {' · '}
              <Since at={agent.since} />
            </>
          )}
          {agent.away && ` · ${agent.away.because}`}
        </span>
      </div>
      <span className={styles.load} data-full={agent.load >= agent.capacity || undefined}>
        <span className="hidden">{t.load} </span>
        {number(agent.load)}/{number(agent.capacity)}
      </span>
      {choices.length > 0 && may(session, 'routing', 'set_agent_presence') && (
        <Menu label={t.actsFor(agent.name)} choices={choices}>
          <IconButton small icon="more" label={t.actsFor(agent.name)} />
        </Menu>
      )}
      <Confirm
        title={t.takeBack}
        isOpen={asks}
        onClose={() => setAsks(false)}
        confirm={t.takeBack}
        cancel={t.cancel}
        danger
        onConfirm={() => {
          setAsks(false)
          void act(t.takeBack, () => takeBack(agent.agent_id, t.takeBackReason))
        }}
      >
        {t.takeBackAsk(agent.name, agent.load)}
      </Confirm>
    </li>
  )
})
