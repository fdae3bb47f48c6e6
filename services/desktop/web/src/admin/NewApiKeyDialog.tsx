import { useRef, useState } from 'react'
import { dataOf, newKey } from '@/api/client'
import type { CreatedApiKey, Role } from '@/api/desktop'
import { ApiProblem } from '@/api/problem'
import { announce } from '@/design/announce'
import { Button } from '@/design/controls'
import { Dialog, DialogActions } from '@/design/dialog'
import { Checkbox, TextField } from '@/design/fields'
import { Select } from '@/design/select'
import { Banner } from '@/design/show'
import { serverNow } from '@/live/clock'
import { useTexts } from '@/texts/catalogue'
import styles from './admin.module.css'
import { desktop } from './services'
import { texts } from './texts'

const ROLES: readonly Role[] = ['integration', 'agent', 'supervisor', 'manager', 'operations']
const DAYS = ['30', '90', '180', '365'] as const
const DAY = 86_400_000
const NAME = /^[a-z0-9][a-z0-9._-]{0,62}$/

/** Asks what a key is for, creates it, and shows its secret this once. */
export function NewApiKeyDialog({ onClose, onCreated }: { onClose: () => void; onCreated: () => void }) {
  const t = useTexts(texts)
  const [name, setName] = useState('')
  const [roles, setRoles] = useState<readonly Role[]>(['integration'])
  const [days, setDays] = useState<(typeof DAYS)[number]>('90')
  const [fault, setFault] = useState<string | null>(null)
  const [isBusy, setBusy] = useState(false)
  const [made, setMade] = useState<CreatedApiKey | null>(null)
  const asked = useRef<{ key: string; expiresAt: string } | null>(null)

  const isName = NAME.test(name)
  const create = async () => {
    setBusy(true)
    setFault(null)
    // A repeat after a lost answer is the same request, so there is one key at most.
    asked.current ??= { key: newKey(), expiresAt: new Date(serverNow() + Number(days) * DAY).toISOString() }
    try {
      const created = await dataOf(
        desktop.POST('/api-keys', {
          params: { header: { 'Idempotency-Key': asked.current.key } },
          body: { name, roles: [...roles], expires_at: asked.current.expiresAt },
        }),
      )
      asked.current = null
      setMade(created)
      onCreated()
    } catch (error) {
      const isLost = !(error instanceof ApiProblem) || error.isLost
      if (!isLost) asked.current = null
      setFault(isLost ? t.noAnswer : error.message)
    } finally {
      setBusy(false)
    }
  }
  const change =
    <T,>(set: (value: T) => void) =>
    (value: T) => {
      asked.current = null
      set(value)
    }
  if (made)
    return (
      <Dialog title={t.keyMade(made.name)} isOpen onClose={onClose}>
        {made.secret === null ? <Banner tone="soon">{t.secretLost}</Banner> : <Secret secret={made.secret} />}
        <DialogActions>
          <Button kind="primary" onPress={onClose}>
            {t.done}
          </Button>
        </DialogActions>
      </Dialog>
    )
  return (
    <Dialog title={t.newKey} isOpen onClose={onClose}>
      <form
        className={styles.form}
        onSubmit={event => {
          event.preventDefault()
          if (isName && roles.length && !isBusy) void create()
        }}
      >
        <TextField
          label={t.programName}
          help={t.programNameHelp}
          fault={name && !isName ? t.programNameFault : null}
          value={name}
          onChange={change(setName)}
          autoComplete="off"
          autoFocus
        />
        <fieldset className={styles.group}>
          <legend>{t.roles}</legend>
          {ROLES.map(role => (
            <Checkbox
              key={role}
              isSelected={roles.includes(role)}
              onChange={isOn =>
                change(setRoles)(isOn ? [...roles, role] : roles.filter(other => other !== role))
              }
            >
              <span>
                {t.roleOf[role]}
                <span className={styles.second}>{t.roleMay[role]}</span>
              </span>
            </Checkbox>
          ))}
        </fieldset>
        <Select
          label={t.holds}
          value={days}
          onChange={change(setDays)}
          choices={DAYS.map(id => ({ id, label: t.days(Number(id)) }))}
        />
        {fault && (
          <Banner tone="late" alert>
            {fault}
          </Banner>
        )}
        <DialogActions>
          <Button onPress={onClose}>{t.cancel}</Button>
          <Button kind="primary" type="submit" isDisabled={!isName || roles.length === 0 || isBusy}>
            {t.create}
          </Button>
        </DialogActions>
      </form>
    </Dialog>
  )
}

function Secret({ secret }: { secret: string }) {
  const t = useTexts(texts)
  const [isCopied, setCopied] = useState(false)
  const copy = async () => {
    await navigator.clipboard.writeText(secret)
    setCopied(true)
    announce(t.copied)
  }
  return (
    <>
      <Banner tone="soon">{t.secretOnce}</Banner>
      <TextField label={t.secret} value={secret} isReadOnly mono />
      <div>
        <Button icon={isCopied ? 'check' : 'link'} onPress={() => void copy()} autoFocus>
          {isCopied ? t.copied : t.copy}
        </Button>
      </div>
    </>
  )
}
