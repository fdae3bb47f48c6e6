import { Fragment, useState } from 'react'
import { Button } from '@/design/controls'
import { useTexts } from '@/texts/catalogue'
import styles from './case.module.css'
import { texts } from './texts'

// A mail can have megabytes of text. So much is shown at once.
const SHOWN = 6000
const LINK = /(https?:\/\/[^\s<>"')\]]+[^\s<>"')\].,;:!?])/

/** What somebody said, as text: never as markup. Addresses of the web are links that show where they lead. */
export function Words({ text, language }: { text: string; language?: string | null | undefined }) {
  const t = useTexts(texts)
  const [whole, setWhole] = useState(false)
  const isLong = text.length > SHOWN * 1.5
  const shown = isLong && !whole ? text.slice(0, SHOWN) : text
  return (
    <>
      <p className={styles.words} dir="auto" {...(language && { lang: language })}>
        {shown.split(LINK).map((piece, index) =>
          index % 2 ? (
            // biome-ignore lint/suspicious/noArrayIndexKey: the pieces of one text don't move
            <a key={index} href={piece} target="_blank" rel="noopener noreferrer">
              {piece}
            </a>
          ) : (
            // biome-ignore lint/suspicious/noArrayIndexKey: the pieces of one text don't move
            <Fragment key={index}>{piece}</Fragment>
          ),
        )}
        {isLong && !whole && '…'}
      </p>
      {isLong && !whole && (
        <Button small onPress={() => setWhole(true)}>
          {t.all(text.length)}
        </Button>
      )}
    </>
  )
}

/** Words that are shown when somebody asks for them. They are not in the page before. */
export function Folded({
  label,
  text,
  language,
}: {
  label: string
  text: string
  language?: string | null | undefined
}) {
  const [open, setOpen] = useState(false)
  return (
    <details className={styles.folded} onToggle={event => setOpen(event.currentTarget.open)}>
      <summary>{label}</summary>
      {open && <Words text={text} language={language} />}
    </details>
  )
}
