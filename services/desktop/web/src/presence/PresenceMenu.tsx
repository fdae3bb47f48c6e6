import { useRef, useState } from 'react'
import { Button as AriaButton, Dialog, Popover } from 'react-aria-components'
import { classes } from '@/design/controls'
import controls from '@/design/controls.module.css'
import { Icon } from '@/design/icons'
import { Since } from '@/design/show'
import { clockTime } from '@/format/time'
import { useCommands } from '@/keys/shortcuts'
import { useNow } from '@/live/clock'
import { useTexts } from '@/texts/catalogue'
import { type OwnAgent, useOwnAgent } from './own-agent'
import styles from './presence.module.css'
import { useSetPresence } from './set-presence'
import { texts } from './texts'
import { standingOf } from './why-nothing'

/** An agent's own presence in the rail: what they chose, what routing thinks of it, and how much they hold. */
export default function PresenceMenu() {
  const agent = useOwnAgent()
  return agent ? <Menu agent={agent} /> : null
}

function Menu({ agent }: { agent: OwnAgent }) {
  const t = useTexts(texts)
  const [isOpen, setOpen] = useState(false)
  const button = useRef<HTMLButtonElement>(null)
  const set = useSetPresence()
  const nameOf = (id: string) => t.nameOf[id] ?? agent.presences.find(choice => choice.id === id)?.name ?? id
  const choose = (choice: OwnAgent['presences'][number]) => {
    setOpen(false)
    void set(choice)
  }
  useCommands([
    { id: 'presence.show', label: t.show, group: t.group, keys: 'Alt+P', run: () => setOpen(true) },
    ...agent.presences.map(choice => ({
      id: `presence.${choice.id}`,
      label: t.become(nameOf(choice.id)),
      group: t.group,
      run: () => choose(choice),
    })),
  ])
  const name = nameOf(agent.presence)
  return (
    <>
      <AriaButton
        ref={button}
        className={styles.button ?? ''}
        aria-label={t.open(name)}
        aria-haspopup="dialog"
        aria-expanded={isOpen}
        aria-keyshortcuts="Alt+P"
        onPress={() => setOpen(!isOpen)}
      >
        <Dot agent={agent} />
        <span className={styles.name}>{name}</span>
      </AriaButton>
      <Popover
        triggerRef={button}
        isOpen={isOpen}
        onOpenChange={setOpen}
        placement="end bottom"
        className={classes(controls.popover, styles.popover)}
      >
        <Dialog aria-label={t.title} className={styles.dialog ?? ''}>
          <Standing agent={agent} nameOf={nameOf} />
          <fieldset className={styles.choices}>
            <legend className="hidden">{t.title}</legend>
            {agent.presences.map(choice => (
              <AriaButton
                key={choice.id}
                className={styles.choice ?? ''}
                aria-pressed={choice.id === agent.presence}
                autoFocus={choice.id === agent.presence}
                onPress={() => choose(choice)}
              >
                <span className={styles.dot} data-presence={toneOf(choice.id, choice.routable)} />
                <span className={styles.grow}>{nameOf(choice.id)}</span>
                {choice.id === agent.presence && <Icon name="check" size={16} />}
              </AriaButton>
            ))}
          </fieldset>
          <Holding agent={agent} />
        </Dialog>
      </Popover>
    </>
  )
}

function toneOf(presence: string, routable: boolean): string {
  return routable ? 'routable' : presence === 'offline' ? 'offline' : 'other'
}

function Dot({ agent }: { agent: OwnAgent }) {
  const routable = agent.presences.some(choice => choice.id === agent.presence && choice.routable)
  return <span className={styles.dot} data-presence={toneOf(agent.presence, routable)} />
}

/** What routing thinks of the agent: whether they are offered work, and why not. */
function Standing({ agent, nameOf }: { agent: OwnAgent; nameOf: (id: string) => string }) {
  const t = useTexts(texts)
  const standing = standingOf(agent, useNow())
  const words = {
    offered: () => t.offered,
    full: () => t.full,
    'no-queues': () => t.noQueues,
    presence: () => t.notOffered(nameOf(agent.presence)),
    away: () => t.away(standing.kind === 'away' ? standing.because : ''),
    'wrap-up': () => t.wrapUp(standing.kind === 'wrap-up' ? clockTime(standing.until) : ''),
  }[standing.kind]()
  return (
    <div className={styles.standing}>
      <strong>{agent.name}</strong>
      <p>{words}</p>
      {agent.since && (
        <p className="dim small">
          {nameOf(agent.presence)} {t.since} <Since at={agent.since} />
        </p>
      )}
    </div>
  )
}

function Holding({ agent }: { agent: OwnAgent }) {
  const t = useTexts(texts)
  const uses = [
    { id: '', name: t.capacity, used: agent.load, most: agent.capacity },
    ...agent.profiles.map(use => ({ id: use.profile, ...use })),
  ]
  return (
    <dl className={styles.holding}>
      {uses.map(use => (
        <div key={use.id} className={styles.use}>
          <dt>{use.name}</dt>
          <dd>
            {t.used(use.used, use.most)}
            <meter aria-hidden="true" className={styles.meter} value={use.used} max={use.most} min={0} />
          </dd>
        </div>
      ))}
    </dl>
  )
}
