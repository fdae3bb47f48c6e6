import {
  Button as AriaButton,
  Select as AriaSelect,
  FieldError,
  Label,
  ListBox,
  ListBoxItem,
  Popover,
  SelectValue,
  Text,
} from 'react-aria-components'
import { classes } from './controls'
import styles from './controls.module.css'
import type { Choice, FieldTexts } from './fields'
import { Icon } from './icons'

export interface SelectProps<T extends string> extends FieldTexts {
  choices: readonly Choice<T>[]
  value: T | null
  onChange: (value: T) => void
  placeholder?: string
  isDisabled?: boolean
}

/** One of a few. For many, or for who types, there is the palette's list. */
export function Select<T extends string>(props: SelectProps<T>) {
  const { label, labelHidden, help, fault, choices, value, onChange, placeholder, isDisabled } = props
  return (
    <AriaSelect
      className={styles.field ?? ''}
      selectedKey={value}
      onSelectionChange={key => onChange(key as T)}
      isInvalid={Boolean(fault)}
      isDisabled={isDisabled ?? false}
      {...(placeholder && { placeholder })}
    >
      <Label className={labelHidden ? 'hidden' : styles.label}>{label}</Label>
      <AriaButton className={classes(styles.button, styles.select)}>
        <SelectValue>{({ selectedText, defaultChildren }) => selectedText ?? defaultChildren}</SelectValue>
        <Icon name="down" size={14} />
      </AriaButton>
      {help && (
        <Text slot="description" className={styles.help}>
          {help}
        </Text>
      )}
      <FieldError className={styles.fault ?? ''}>{fault}</FieldError>
      <Popover className={styles.popover ?? ''}>
        <ListBox className={styles.options ?? ''}>
          {choices.map(choice => (
            <ListBoxItem
              key={choice.id}
              id={choice.id}
              textValue={choice.label}
              isDisabled={choice.isDisabled ?? false}
              className={styles.option ?? ''}
            >
              {choice.icon && <Icon name={choice.icon} size={16} />}
              <span className={styles.grow}>
                <Text slot="label">{choice.label}</Text>
                {choice.detail && (
                  <Text slot="description" className="dim small">
                    {' '}
                    {choice.detail}
                  </Text>
                )}
              </span>
            </ListBoxItem>
          ))}
        </ListBox>
      </Popover>
    </AriaSelect>
  )
}
