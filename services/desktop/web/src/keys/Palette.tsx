import { useState } from 'react'
import { Autocomplete, Input, ListBox, ListBoxItem, SearchField, useFilter } from 'react-aria-components'
import { Keys } from '@/design/controls'
import controls from '@/design/controls.module.css'
import { Dialog } from '@/design/dialog'
import { useTexts } from '@/texts/catalogue'
import styles from './keys.module.css'
import { useAllCommands } from './shortcuts'
import { texts } from './texts'

interface Entry {
  readonly id: string
  readonly label: string
  readonly group: string
  readonly keys?: string | undefined
  readonly run: () => void
}

/** Every command by its name, and a case by its reference. */
export default function Palette({
  onClose,
  onCase,
}: {
  onClose: () => void
  onCase: (reference: string) => void
}) {
  const t = useTexts(texts)
  const { contains } = useFilter({ sensitivity: 'base' })
  const [typed, setTyped] = useState('')
  const commands = useAllCommands().filter(command => command.listed !== false)
  const reference = /^[a-z]{1,4}-?\d+$/i.test(typed.trim()) ? typed.trim().toUpperCase() : null
  const entries: Entry[] = [
    ...(reference ? [{ id: 'case', label: reference, group: '', run: () => onCase(reference) }] : []),
    ...commands,
  ]
  const run = (id: string) => {
    onClose()
    entries.find(entry => entry.id === id)?.run()
  }
  return (
    <Dialog title={t.palette} isOpen onClose={onClose}>
      <div className={styles.palette}>
        <Autocomplete
          filter={(text, input) => text === reference || contains(text, input)}
          inputValue={typed}
          onInputChange={setTyped}
        >
          <SearchField aria-label={t.find} autoFocus>
            <Input className={controls.input ?? ''} placeholder={t.find} />
          </SearchField>
          <ListBox
            aria-label={t.palette}
            className={styles.results ?? ''}
            items={entries}
            selectionMode="none"
            onAction={key => run(String(key))}
            renderEmptyState={() => <p className="dim">{t.nothing}</p>}
          >
            {entry => (
              <ListBoxItem id={entry.id} textValue={entry.label} className={controls.option ?? ''}>
                <span className={controls.grow}>{entry.label}</span>
                <span className="dim small">{entry.group}</span>
                {entry.keys && <Keys keys={entry.keys} />}
              </ListBoxItem>
            )}
          </ListBox>
        </Autocomplete>
      </div>
    </Dialog>
  )
}
