import type { ReactNode } from 'react'
import {
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
} from 'react-aria-components'
import { classes } from './controls'
import styles from './controls.module.css'
import { Icon, type IconName } from './icons'

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
