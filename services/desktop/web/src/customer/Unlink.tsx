import { useQueryClient } from '@tanstack/react-query'
import { answerOf, customerProfile } from '@/api/client'
import type { IdentifierView } from '@/api/customer-profile'
import { ApiProblem } from '@/api/problem'
import { Confirm } from '@/design/dialog'
import { toast } from '@/design/toasts'
import { useTexts } from '@/texts/catalogue'
import { texts } from './texts'

/** Takes an identifier from a customer, once the person says so again. */
export default function Unlink({
  customerId,
  name,
  identifier,
  onClose,
}: {
  customerId: string
  name: string
  identifier: IdentifierView
  onClose: () => void
}) {
  const t = useTexts(texts)
  const client = useQueryClient()
  const remove = async () => {
    onClose()
    try {
      await answerOf(
        customerProfile.DELETE('/customers/{customer_id}/identifiers/{key}', {
          params: { path: { customer_id: customerId, key: `${identifier.kind}:${identifier.value}` } },
        }),
      )
      toast({ text: t.unlinked })
    } catch (error) {
      if (!(error instanceof ApiProblem)) throw error
      toast({ text: error.message, tone: 'late' })
    }
    await client.invalidateQueries({ queryKey: ['customer', customerId] })
  }
  return (
    <Confirm
      title={t.unlinkTitle}
      isOpen
      onClose={onClose}
      onConfirm={() => void remove()}
      confirm={t.unlinkTitle}
      cancel={t.cancel}
      danger
    >
      {t.unlinkAsk(identifier.value, name)}
    </Confirm>
  )
}
