import { useState } from 'react'
import { Button } from '@/design/controls'
import { Dialog, DialogActions } from '@/design/dialog'
import { TextField } from '@/design/fields'
import { useTexts } from '@/texts/catalogue'
import { texts } from './texts'

/** Asks why before an act that stands on the record with its reason. It closes when the act was done. */
export default function Reason({
  title,
  lead,
  confirm,
  onClose,
  onConfirm,
}: {
  title: string
  lead: string
  confirm: string
  onClose: () => void
  onConfirm: (reason: string) => Promise<boolean>
}) {
  const t = useTexts(texts)
  const [reason, setReason] = useState('')
  const [busy, setBusy] = useState(false)
  const send = async () => {
    if (!reason.trim() || busy) return
    setBusy(true)
    if (await onConfirm(reason.trim())) onClose()
    else setBusy(false)
  }
  return (
    <Dialog title={title} isOpen onClose={onClose}>
      <p>{lead}</p>
      <form
        onSubmit={event => {
          event.preventDefault()
          void send()
        }}
      >
        <TextField
          label={t.reason}
          help={t.reasonHelp}
          value={reason}
          onChange={setReason}
          maxLength={2000}
          autoFocus
          isRequired
        />
      </form>
      <DialogActions>
        <Button onPress={onClose}>{t.cancel}</Button>
        <Button kind="primary" isDisabled={!reason.trim() || busy} onPress={() => void send()}>
          {confirm}
        </Button>
      </DialogActions>
    </Dialog>
  )
}
