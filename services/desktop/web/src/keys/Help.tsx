import { Keys } from '@/design/controls'
import { Dialog } from '@/design/dialog'
import { useTexts } from '@/texts/catalogue'
import styles from './keys.module.css'
import { SingleKeysSwitch } from './SingleKeysSwitch'
import { type Command, useAllCommands } from './shortcuts'
import { texts } from './texts'

/** All shortcuts that act on the page that is open. */
export default function Help({ onClose }: { onClose: () => void }) {
  const t = useTexts(texts)
  const commands = useAllCommands().filter(command => command.keys)
  const groups = Map.groupBy(commands, command => command.group)
  return (
    <Dialog title={t.shortcuts} isOpen onClose={onClose} wide>
      <div className={styles.groups}>
        {[...groups].map(([group, those]) => (
          <section key={group}>
            <h3>{group}</h3>
            <dl className={styles.list}>
              {those.map(command => (
                <Row key={command.id} command={command} />
              ))}
            </dl>
          </section>
        ))}
      </div>
      <SingleKeysSwitch />
    </Dialog>
  )
}

function Row({ command }: { command: Command }) {
  return (
    <div className={styles.row}>
      <dt>{command.label}</dt>
      <dd>
        <span className="hidden">{command.keys}</span>
        <Keys keys={command.keys ?? ''} />
      </dd>
    </div>
  )
}
