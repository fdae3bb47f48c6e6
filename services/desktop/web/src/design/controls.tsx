import type { ReactNode } from 'react'
import {
  Button as AriaButton,
  type ButtonProps as AriaButtonProps,
  Tooltip,
  TooltipTrigger,
} from 'react-aria-components'
import styles from './controls.module.css'
import { Icon, type IconName } from './icons'

/** Joins the names of classes that are there. */
export function classes(...names: (string | false | null | undefined)[]): string {
  return names.filter(Boolean).join(' ')
}

type Kind = 'primary' | 'public' | 'note' | 'danger' | 'quiet'
export interface ButtonProps extends Omit<AriaButtonProps, 'className' | 'style' | 'children'> {
  kind?: Kind
  small?: boolean
  icon?: IconName
  /** The keys that do the same, shown on the button and told to screen readers. */
  keys?: string
  children: ReactNode
}

export function Button({ kind, small, icon, keys, children, ...rest }: ButtonProps) {
  return (
    <AriaButton
      {...rest}
      {...(keys && { 'aria-keyshortcuts': ariaKeys(keys) })}
      className={classes(styles.button, kind && styles[kind], small && styles.small)}
    >
      {icon && <Icon name={icon} size={small ? 14 : 16} />}
      {children}
      {keys && <Keys keys={keys} />}
    </AriaButton>
  )
}

export interface IconButtonProps extends Omit<ButtonProps, 'children' | 'icon'> {
  icon: IconName
  /** What the button does: its name, and its tooltip. */
  label: string
}

export function IconButton({ icon, label, kind = 'quiet', small, keys, ...rest }: IconButtonProps) {
  return (
    <TooltipTrigger delay={500}>
      <AriaButton
        {...rest}
        aria-label={label}
        {...(keys && { 'aria-keyshortcuts': ariaKeys(keys) })}
        className={classes(styles.button, styles.icon, styles[kind], small && styles.small)}
      >
        <Icon name={icon} size={small ? 14 : 18} />
      </AriaButton>
      <Tooltip className={styles.tooltip ?? ''} offset={6}>
        {label} {keys && <Keys keys={keys} />}
      </Tooltip>
    </TooltipTrigger>
  )
}

function ariaKeys(keys: string): string {
  return keys.replace('Ctrl', 'Control')
}

/** Keys of a shortcut. Screen readers get them from `aria-keyshortcuts`. */
export function Keys({ keys }: { keys: string }) {
  return (
    <span aria-hidden="true">
      {keys.split(/[ +]/).map((key, index) => (
        // biome-ignore lint/suspicious/noArrayIndexKey: the same key may come twice
        <kbd key={index} className={styles.kbd}>
          {SHOWN[key] ?? key}
        </kbd>
      ))}
    </span>
  )
}
const SHOWN: Record<string, string> = { Enter: '↵', Escape: 'Esc', ArrowUp: '↑', ArrowDown: '↓' }
