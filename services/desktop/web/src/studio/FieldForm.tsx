import { type ReactNode, useState } from 'react'
import { Button, IconButton } from '@/design/controls'
import { Switch, TextField } from '@/design/fields'
import { Select } from '@/design/select'
import { useTexts } from '@/texts/catalogue'
import { edit, insert, move, remove } from './document/edit'
import { isList, isRecord, type Path, type Value, valueAt } from './document/reading'
import { type Field, fieldAt, keyOrder, type Property } from './document/schema'
import { blank, choicesOf, fitting, summaryOf, typedValue } from './field-values'
import styles from './studio.module.css'
import { useStudio } from './studio-context'
import { texts } from './texts'

export interface FieldFormProps {
  property: Pick<Property, 'key' | 'title' | 'description' | 'required' | 'fallback' | 'field'>
  path: Path
  isReadOnly: boolean
  /** A section has its heading elsewhere. */
  isTop?: boolean
  onRemove: () => void
}

/** The form of the value at a path of the document: what is changed here is changed in the text. */
export function FieldForm({ property, path, isReadOnly, isTop, onRemove }: FieldFormProps) {
  const { value: whole, form, change } = useStudio()
  const value = valueAt(whole, path)
  const write = (made: Value) => change(text => edit(text, path, made, keyOrder(form)))
  return (
    <OneField
      {...property}
      value={value}
      path={path}
      isReadOnly={isReadOnly}
      isTop={isTop ?? false}
      onWrite={write}
      onRemove={onRemove}
    />
  )
}

interface OneFieldProps {
  title: string
  description: string
  required: boolean
  fallback: unknown
  field: Field
  value: Value | undefined
  path: Path
  isReadOnly: boolean
  isTop: boolean
  onWrite: (value: Value) => void
  onRemove: () => void
}

function OneField(props: OneFieldProps) {
  const { title, description, required, fallback, value, path, isReadOnly, isTop, onWrite, onRemove } = props
  const t = useTexts(texts)
  const { vocabulary } = useStudio()
  const field = fitting(props.field, value, vocabulary)
  const clear = required ? null : onRemove
  switch (field.kind) {
    case 'switch':
      return (
        <Switch
          isSelected={value === true || (value === undefined && fallback === true)}
          isDisabled={isReadOnly}
          onChange={onWrite}
        >
          {title}
        </Switch>
      )
    case 'group':
    case 'map':
    case 'list':
      if (field.kind === 'list' && isText(field.item) && !choicesOf(field.item, vocabulary))
        return <Lines {...props} field={field.item} onClear={clear} />
      return (
        <Nested title={title} description={description} isTop={isTop}>
          {field.kind === 'group' ? (
            <Properties field={field} path={path} isReadOnly={isReadOnly} />
          ) : field.kind === 'map' ? (
            <Entries field={field} path={path} isReadOnly={isReadOnly} />
          ) : (
            <Items field={field} path={path} isReadOnly={isReadOnly} />
          )}
        </Nested>
      )
    default: {
      const choices = choicesOf(props.field, vocabulary)
      if (choices) {
        const shown = value === undefined || value === null ? null : String(value)
        const all = shown === null || choices.includes(shown) ? choices : [...choices, shown]
        return (
          <Select
            label={title}
            help={description}
            value={shown ?? (clear ? NONE : null)}
            isDisabled={isReadOnly}
            choices={[
              ...(clear ? [{ id: NONE, label: fallbackText(fallback, t.notSet) }] : []),
              ...all.map(id => ({ id, label: id })),
            ]}
            onChange={id => (id === NONE ? clear?.() : onWrite(id))}
          />
        )
      }
      return <Written {...props} field={field} onClear={clear} />
    }
  }
}
const NONE = '—'

function isText(field: Field): boolean {
  return !['group', 'list', 'map', 'alternatives', 'switch'].includes(field.kind)
}

function fallbackText(fallback: unknown, notSet: string): string {
  return fallback === null || fallback === undefined || typeof fallback === 'object'
    ? notSet
    : `${notSet}: ${String(fallback)}`
}

type WrittenProps = OneFieldProps & { onClear: (() => void) | null }

/** A value that is typed: it is written when the field is left, or at Enter. */
function Written({ title, description, field, value, fallback, isReadOnly, onWrite, onClear }: WrittenProps) {
  const t = useTexts(texts)
  const said = value === undefined || value === null ? '' : typeof value === 'object' ? '' : String(value)
  const [typed, setTyped] = useState<string | null>(null)
  const isCondition = field.kind === 'condition'
  const write = () => {
    if (typed === null || typed === said) return setTyped(null)
    if (typed === '' && onClear) onClear()
    else onWrite(typedValue(field, typed))
    setTyped(null)
  }
  return (
    <TextField
      label={title}
      help={description}
      value={typed ?? said}
      mono={isCondition}
      {...(isCondition && { rows: 3 })}
      placeholder={fallbackText(fallback, t.notSet)}
      isReadOnly={isReadOnly}
      onChange={setTyped}
      onBlur={write}
      onKeyDown={event => {
        if (event.key === 'Enter' && !isCondition) write()
        else event.continuePropagation()
      }}
    />
  )
}

/** A list of words or addresses: one a line. */
function Lines({ title, description, field, value, isReadOnly, onWrite, onClear }: WrittenProps) {
  const t = useTexts(texts)
  const said = isList(value) ? value.map(String).join('\n') : ''
  const [typed, setTyped] = useState<string | null>(null)
  const write = () => {
    if (typed === null || typed === said) return setTyped(null)
    const lines = typed
      .split('\n')
      .map(line => line.trim())
      .filter(Boolean)
    if (lines.length === 0 && onClear) onClear()
    else onWrite(lines.map(line => typedValue(field, line)))
    setTyped(null)
  }
  return (
    <TextField
      label={title}
      help={`${description} ${t.oneALine}`}
      value={typed ?? said}
      rows={Math.min(8, Math.max(2, said.split('\n').length))}
      isReadOnly={isReadOnly}
      onChange={setTyped}
      onBlur={write}
    />
  )
}

function Nested({
  title,
  description,
  isTop,
  children,
}: {
  title: string
  description: string
  isTop: boolean
  children: ReactNode
}) {
  if (isTop) return children
  return (
    <fieldset className={styles.nested}>
      <legend>{title}</legend>
      {description && <p className="dim small">{description}</p>}
      {children}
    </fieldset>
  )
}

interface InsideProps<F> {
  field: F
  path: Path
  isReadOnly: boolean
}

/** The properties that are required or written, and the others folded. */
export function Properties({ field, path, isReadOnly }: InsideProps<Extract<Field, { kind: 'group' }>>) {
  const t = useTexts(texts)
  const { value: whole, change } = useStudio()
  const value = valueAt(whole, path)
  const [isAll, setAll] = useState(false)
  const isShown = ({ key, required }: Property) => required || valueAt(value, [key]) !== undefined
  const shown = isAll ? field.properties : field.properties.filter(isShown)
  const hidden = field.properties.length - field.properties.filter(isShown).length
  return (
    <div className={styles.fields}>
      {shown.map(property => (
        <FieldForm
          key={property.key}
          property={property}
          path={[...path, property.key]}
          isReadOnly={isReadOnly}
          onRemove={() => change(text => remove(text, [...path, property.key]))}
        />
      ))}
      {hidden > 0 && (
        <div>
          <Button small kind="quiet" icon={isAll ? 'up' : 'down'} onPress={() => setAll(!isAll)}>
            {isAll ? t.fewer : t.more(hidden)}
          </Button>
        </div>
      )}
    </div>
  )
}

function Entries({ field, path, isReadOnly }: InsideProps<Extract<Field, { kind: 'map' }>>) {
  const t = useTexts(texts)
  const { value: whole, change, form, vocabulary } = useStudio()
  const value = valueAt(whole, path)
  const keys = isRecord(value) ? Object.keys(value) : []
  const add = (key: string) =>
    change(text => edit(text, [...path, key], blank(field.value, vocabulary), keyOrder(form)))
  const choices = choicesOf(field.key, vocabulary)?.filter(key => !keys.includes(key))
  return (
    <div className={styles.entries}>
      {keys.map(key => (
        <Entry key={key} title={key} field={field.value} path={[...path, key]} isReadOnly={isReadOnly} />
      ))}
      {!isReadOnly &&
        (choices ? (
          choices.length > 0 && (
            <Select
              label={t.add}
              value={null}
              placeholder={t.choose}
              choices={choices.map(id => ({ id, label: id }))}
              onChange={add}
            />
          )
        ) : (
          <NewKey taken={keys} onAdd={add} />
        ))}
    </div>
  )
}

function NewKey({ taken, onAdd }: { taken: readonly string[]; onAdd: (key: string) => void }) {
  const t = useTexts(texts)
  const [key, setKey] = useState('')
  return (
    <form
      className={styles.adding}
      onSubmit={event => {
        event.preventDefault()
        onAdd(key.trim())
        setKey('')
      }}
    >
      <TextField
        label={t.newName}
        value={key}
        onChange={setKey}
        fault={taken.includes(key.trim()) ? t.taken(key.trim()) : null}
      />
      <Button type="submit" icon="plus" isDisabled={!key.trim() || taken.includes(key.trim())}>
        {t.add}
      </Button>
    </form>
  )
}

function Items({ field, path, isReadOnly }: InsideProps<Extract<Field, { kind: 'list' }>>) {
  const t = useTexts(texts)
  const { value: whole, change, vocabulary } = useStudio()
  const value = valueAt(whole, path)
  const items = isList(value) ? value : []
  return (
    <div className={styles.entries}>
      {items.map((item, index) => (
        <Entry
          // biome-ignore lint/suspicious/noArrayIndexKey: a place in the list is what is edited
          key={index}
          title={summaryOf(item) || t.item(index + 1)}
          field={field.item}
          path={[...path, index]}
          isReadOnly={isReadOnly}
          onUp={index > 0 ? () => change(text => move(text, [...path, index], index - 1)) : null}
        />
      ))}
      {!isReadOnly && (
        <div>
          <Button
            small
            icon="plus"
            onPress={() => change(text => insert(text, path, items.length, blank(field.item, vocabulary)))}
          >
            {t.add}
          </Button>
        </div>
      )}
    </div>
  )
}

interface EntryProps {
  title: string
  field: Field
  path: Path
  isReadOnly: boolean
  onUp?: (() => void) | null
}

/** An entry of a map or list: closed it is a line; its form is made when it is opened. */
function Entry({ title, field, path, isReadOnly, onUp }: EntryProps) {
  const t = useTexts(texts)
  const { value: whole, form, change } = useStudio()
  const [isOpen, setOpen] = useState(false)
  const value = valueAt(whole, path)
  const take = () => change(text => remove(text, path))
  const acts = !isReadOnly && (
    <>
      {onUp && <IconButton small icon="up" label={t.moveUp(title)} onPress={onUp} />}
      <IconButton small icon="cross" label={t.remove(title)} onPress={take} />
    </>
  )
  const inside = {
    key: String(path.at(-1)),
    title,
    description: '',
    required: true,
    fallback: null,
    field: fieldAt(form, path) ?? field,
  }
  if (!isRecord(value) && !isList(value))
    return (
      <div className={styles.lineEntry}>
        <FieldForm property={inside} path={path} isReadOnly={isReadOnly} onRemove={take} />
        {acts}
      </div>
    )
  return (
    <div className={styles.entry}>
      <details onToggle={event => setOpen(event.currentTarget.open)}>
        <summary>{isRecord(value) && value.name ? `${String(value.name)}` : title}</summary>
        {isOpen && (
          <div className={styles.entryBody}>
            <FieldForm property={inside} path={path} isTop isReadOnly={isReadOnly} onRemove={take} />
          </div>
        )}
      </details>
      <div className={styles.entryActs}>{acts}</div>
    </div>
  )
}
