import { useQueryClient } from '@tanstack/react-query'
import { useState } from 'react'
import { customerProfile, dataOf, newKey } from '@/api/client'
import type { NewIdentifier } from '@/api/customer-profile'
import { ApiProblem } from '@/api/problem'
import { Button } from '@/design/controls'
import { Dialog, DialogActions } from '@/design/dialog'
import { TextField } from '@/design/fields'
import { Select } from '@/design/select'
import { toast } from '@/design/toasts'
import { useTexts } from '@/texts/catalogue'
import { texts } from './texts'

const KINDS: readonly NewIdentifier['kind'][] = ['email', 'phone', 'account', 'did']

/** Adds an identifier on the word of the person who does it. */
export default function LinkIdentifier({ customerId, onClose }: { customerId: string; onClose: () => void }) {
  const t = useTexts(texts)
  const client = useQueryClient()
  const [kind, setKind] = useState<NewIdentifier['kind']>('email')
  const [value, setValue] = useState('')
  const [fault, setFault] = useState<string | null>(null)
  const add = async () => {
    try {
      await dataOf(
        customerProfile.POST('/customers/{customer_id}/identifiers', {
          params: { path: { customer_id: customerId }, header: { 'Idempotency-Key': newKey() } },
          body: { kind, value: value.trim() },
        }),
      )
      toast({ text: t.linked })
      onClose()
    } catch (error) {
      if (!(error instanceof ApiProblem)) throw error
      setFault(error.details.errors?.[0]?.detail ?? error.message)
    }
    await client.invalidateQueries({ queryKey: ['customer', customerId] })
  }
  return (
    <Dialog title={t.linkTitle} isOpen onClose={onClose}>
      <Select
        label={t.kind}
        choices={KINDS.map(id => ({ id, label: t.kindOf[id] ?? id }))}
        value={kind}
        onChange={setKind}
      />
      <TextField
        label={t.value}
        value={value}
        fault={fault}
        onChange={typed => {
          setValue(typed)
          setFault(null)
        }}
        autoFocus
      />
      <DialogActions>
        <Button onPress={onClose}>{t.cancel}</Button>
        <Button kind="primary" isDisabled={!value.trim()} onPress={() => void add()}>
          {t.add}
        </Button>
      </DialogActions>
    </Dialog>
  )
}
