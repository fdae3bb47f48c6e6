import type { ReactNode } from 'react'
import { Menu as AriaMenu, MenuItem, MenuTrigger, Popover } from 'react-aria-components'
import { Keys } from './controls'
import styles from './controls.module.css'
import type { Choice } from './fields'
import { Icon } from './icons'

export interface MenuChoice extends Choice {
  readonly keys?: string
  readonly run: () => void
}

/** A button (the only child) that opens a list of acts. */
export function Menu({
  label,
  choices,
  children,
}: {
  label: string
  choices: readonly MenuChoice[]
  children: ReactNode
}) {
  return (
    <MenuTrigger>
      {children}
      <Popover className={styles.popover ?? ''}>
        <AriaMenu
          aria-label={label}
          className={styles.options ?? ''}
          onAction={key => choices.find(choice => choice.id === key)?.run()}
        >
          {choices.map(choice => (
            <MenuItem
              key={choice.id}
              id={choice.id}
              textValue={choice.label}
              isDisabled={choice.isDisabled ?? false}
              className={styles.option ?? ''}
            >
              {choice.icon && <Icon name={choice.icon} size={16} />}
              <span className={styles.grow}>
                {choice.label}
                {choice.detail && <span className="dim small"> {choice.detail}</span>}
              </span>
              {choice.keys && <Keys keys={choice.keys} />}
            </MenuItem>
          ))}
        </AriaMenu>
      </Popover>
    </MenuTrigger>
  )
}
