import { useEffect, useRef, useState } from 'react'
import { Button } from '@/design/controls'
import { Dialog, DialogActions } from '@/design/dialog'
import { Banner } from '@/design/show'
import { moment } from '@/format/time'
import { serverNow } from '@/live/clock'
import { useTexts } from '@/texts/catalogue'
import { comparison } from './editor/editor'
import { nonce } from './nonce'
import styles from './studio.module.css'
import { useStudio } from './studio-context'
import { texts } from './texts'

/** A colleague saved the draft meanwhile: both texts side by side, until one of them, or a mixture, is chosen. */
export function Conflict() {
  const t = useTexts(texts)
  const { draft, store } = useStudio()
  const [isOpen, setOpen] = useState(true)
  const [mine, setMine] = useState(draft?.text ?? '')
  const theirs = draft?.theirs
  if (!draft || !store || !theirs) return null
  const sentence = t.conflict(theirs.changed_by, moment(theirs.changed_at, serverNow()))
  return (
    <>
      <Banner
        tone="soon"
        alert
        actions={
          <Button small onPress={() => setOpen(true)}>
            {t.compare}
          </Button>
        }
      >
        {sentence}
      </Banner>
      <Dialog title={t.conflictTitle} isOpen={isOpen} onClose={() => setOpen(false)} wide>
        <p>{sentence}</p>
        <div className={styles.compared} aria-hidden="true">
          <span>{t.theirs(theirs.changed_by)}</span>
          <span>{t.mine}</span>
        </div>
        <Compared theirs={theirs.source} mine={draft.text} by={theirs.changed_by} onChange={setMine} />
        <DialogActions>
          <Button onPress={() => store.resolve(theirs.source)}>{t.takeTheirs}</Button>
          <Button kind="primary" onPress={() => store.resolve(mine)}>
            {t.keepMine}
          </Button>
        </DialogActions>
      </Dialog>
    </>
  )
}

interface ComparedProps {
  theirs: string
  mine: string
  by: string
  onChange: (mine: string) => void
}

function Compared({ theirs, mine, by, onChange }: ComparedProps) {
  const t = useTexts(texts)
  const parent = useRef<HTMLDivElement>(null)
  const labels = { theirs: t.theirs(by), mine: t.mine }
  const begun = useRef({ theirs, mine, labels, onChange })
  useEffect(() => {
    const { onChange: changed, ...both } = begun.current
    const shown = comparison({ parent: parent.current!, ...both, nonce: nonce(), changed })
    return () => shown.destroy()
  }, [])
  return <div ref={parent} className={styles.merge} />
}
