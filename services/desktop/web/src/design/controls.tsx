import type { ReactNode } from 'react'
import {
  Button as AriaButton,
  type ButtonProps as AriaButtonProps,
  Checkbox as AriaCheckbox,
  Switch as AriaSwitch,
  TextField as AriaTextField,
  type TextFieldProps as AriaTextFieldProps,
  type CheckboxProps,
  FieldError,
  Input,
  Label,
  type SwitchProps,
  Text,
  TextArea,
  ToggleButton,
  ToggleButtonGroup,
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

export interface FieldTexts {
  label: string
  /** Shows no label; screen readers still get it. */
  labelHidden?: boolean
  help?: ReactNode
  /** What is wrong with the value; nothing is wrong without it. */
  fault?: string | null | undefined
}

export interface TextFieldProps
  extends Omit<AriaTextFieldProps, 'className' | 'style' | 'children'>,
    FieldTexts {
  placeholder?: string
  rows?: number
  mono?: boolean
}

export function TextField({
  label,
  labelHidden,
  help,
  fault,
  placeholder,
  rows,
  mono,
  ...rest
}: TextFieldProps) {
  const shown = classes(styles.input, mono && 'mono')
  return (
    <AriaTextField {...rest} isInvalid={Boolean(fault)} className={styles.field ?? ''}>
      <Label className={labelHidden ? 'hidden' : styles.label}>{label}</Label>
      {rows ? (
        <TextArea className={shown} rows={rows} placeholder={placeholder ?? ''} />
      ) : (
        <Input className={shown} placeholder={placeholder ?? ''} />
      )}
      {help && (
        <Text slot="description" className={styles.help}>
          {help}
        </Text>
      )}
      <FieldError className={styles.fault ?? ''}>{fault}</FieldError>
    </AriaTextField>
  )
}

export interface Choice<T extends string = string> {
  readonly id: T
  readonly label: string
  /** A second line. */
  readonly detail?: string
  readonly icon?: IconName
  readonly isDisabled?: boolean
}

export interface SegmentsProps<T extends string> {
  label: string
  choices: readonly Choice<T>[]
  value: T
  onChange: (value: T) => void
}

/** One of two to four, all shown. */
export function Segments<T extends string>({ label, choices, value, onChange }: SegmentsProps<T>) {
  return (
    <ToggleButtonGroup
      aria-label={label}
      className={styles.segments ?? ''}
      selectionMode="single"
      disallowEmptySelection
      selectedKeys={[value]}
      onSelectionChange={keys => onChange([...keys][0] as T)}
    >
      {choices.map(choice => (
        <ToggleButton key={choice.id} id={choice.id} className={styles.segment ?? ''}>
          {choice.icon && <Icon name={choice.icon} size={14} />}
          {choice.label}
        </ToggleButton>
      ))}
    </ToggleButtonGroup>
  )
}

export function Checkbox({
  children,
  ...rest
}: Omit<CheckboxProps, 'className' | 'style' | 'children'> & { children: ReactNode }) {
  return (
    <AriaCheckbox {...rest} className={styles.check ?? ''}>
      <span className={styles.box}>
        <Icon name="check" size={14} />
      </span>
      {children}
    </AriaCheckbox>
  )
}

export function Switch({
  children,
  ...rest
}: Omit<SwitchProps, 'className' | 'style' | 'children'> & { children: ReactNode }) {
  return (
    <AriaSwitch {...rest} className={styles.switch ?? ''}>
      <span className={styles.track}>
        <span className={styles.thumb} />
      </span>
      {children}
    </AriaSwitch>
  )
}
