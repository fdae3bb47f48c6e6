import type { ReactNode } from 'react'
import { Dialog as AriaDialog, Heading, Modal, ModalOverlay } from 'react-aria-components'
import { Button, classes } from './controls'
import styles from './controls.module.css'

export interface DialogProps {
  title: string
  isOpen: boolean
  onClose: () => void
  wide?: boolean
  children: ReactNode
}

/** A dialog over the page. Escape closes it; the focus goes back to where it was. */
export function Dialog({ title, isOpen, onClose, wide, children }: DialogProps) {
  return (
    <ModalOverlay
      className={styles.veil ?? ''}
      isOpen={isOpen}
      onOpenChange={open => !open && onClose()}
      isDismissable
    >
      <Modal className={classes(styles.dialog, wide && styles.wide)}>
        <AriaDialog className={styles.dialogBody ?? ''}>
          <Heading slot="title" level={2}>
            {title}
          </Heading>
          {children}
        </AriaDialog>
      </Modal>
    </ModalOverlay>
  )
}

/** The row of buttons at the end of a dialog: what was asked for last. */
export function DialogActions({ children }: { children: ReactNode }) {
  return <div className={styles.dialogActions}>{children}</div>
}

export interface ConfirmProps {
  title: string
  isOpen: boolean
  onClose: () => void
  onConfirm: () => void
  confirm: string
  cancel: string
  danger?: boolean
  children: ReactNode
}

/** Asks before something that can't be undone. */
export function Confirm({
  title,
  isOpen,
  onClose,
  onConfirm,
  confirm,
  cancel,
  danger,
  children,
}: ConfirmProps) {
  return (
    <Dialog title={title} isOpen={isOpen} onClose={onClose}>
      <div>{children}</div>
      <DialogActions>
        <Button onPress={onClose}>{cancel}</Button>
        <Button kind={danger ? 'danger' : 'primary'} onPress={onConfirm} autoFocus>
          {confirm}
        </Button>
      </DialogActions>
    </Dialog>
  )
}
