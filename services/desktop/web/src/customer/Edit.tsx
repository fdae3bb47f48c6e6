import { useQueryClient } from '@tanstack/react-query'
import { useState } from 'react'
import { customerProfile, dataOf, newKey } from '@/api/client'
import type { CustomerWithConflicts } from '@/api/customer-profile'
import { ApiProblem } from '@/api/problem'
import { Button } from '@/design/controls'
import { Dialog, DialogActions } from '@/design/dialog'
import { TextField } from '@/design/fields'
import { Banner } from '@/design/show'
import { toast } from '@/design/toasts'
import { useTexts } from '@/texts/catalogue'
import { texts } from './texts'

/** The name and the labels of a customer. What is typed stays when somebody else saves first. */
export default function Edit({
  customer,
  etag,
  onClose,
}: {
  customer: CustomerWithConflicts
  etag: string
  onClose: () => void
}) {
  const t = useTexts(texts)
  const client = useQueryClient()
  const [name, setName] = useState(customer.name ?? '')
  const [labels, setLabels] = useState(customer.labels.join(', '))
  // The state on which these changes are based; a newer one is taken after it was shown.
  const [base, setBase] = useState(etag)
  const key = ['customer', customer.customer_id]
  const [problem, setProblem] = useState<ApiProblem | null>(null)
  const save = async () => {
    try {
      await dataOf(
        customerProfile.PATCH('/customers/{customer_id}', {
          params: {
            path: { customer_id: customer.customer_id },
            header: { 'If-Match': base, 'Idempotency-Key': newKey() },
          },
          body: {
            name: name.trim() || null,
            labels: labels
              .split(',')
              .map(label => label.trim())
              .filter(Boolean),
          },
        }),
      )
      void client.invalidateQueries({ queryKey: key })
      toast({ text: t.saved })
      onClose()
    } catch (error) {
      if (!(error instanceof ApiProblem)) throw error
      await client.invalidateQueries({ queryKey: key })
      setBase(client.getQueryData<{ etag: string }>(key)?.etag ?? base)
      setProblem(error)
    }
  }
  const isStale = problem?.status === 412
  return (
    <Dialog title={t.editTitle} isOpen onClose={onClose}>
      {problem && (
        <Banner tone="soon" alert>
          {isStale ? (
            <>
              <p>{t.changedMeanwhile}</p>
              <p>{t.nowThere(customer.name ?? t.unnamed, customer.labels.join(', '))}</p>
            </>
          ) : (
            problem.message
          )}
        </Banner>
      )}
      <TextField label={t.name} value={name} onChange={setName} autoFocus />
      <TextField label={t.labels} help={t.labelsHelp} value={labels} onChange={setLabels} />
      <DialogActions>
        <Button onPress={onClose}>{t.cancel}</Button>
        <Button kind="primary" onPress={() => void save()}>
          {t.save}
        </Button>
      </DialogActions>
    </Dialog>
  )
}
