import { useQuery } from '@tanstack/react-query'
import { useRef, useState } from 'react'
import { dataOf, routing } from '@/api/client'
import { Button, classes } from '@/design/controls'
import { Dialog } from '@/design/dialog'
import { Segments } from '@/design/fields'
import { Banner, Failed, Loading } from '@/design/show'
import { useCommands } from '@/keys/shortcuts'
import { useTexts } from '@/texts/catalogue'
import { remove } from './document/edit'
import { valueAt } from './document/reading'
import { FieldForm } from './FieldForm'
import styles from './studio.module.css'
import { useStudio } from './studio-context'
import { TextEditor, type TextEditorHandle } from './TextEditor'
import { texts } from './texts'

/** The document twice: as a form, section by section, and as text. Both change the one text of the draft. */
export function DocumentPage() {
  const t = useTexts(texts)
  const studio = useStudio()
  const { text, value, form, draft, store, mayWrite, findings, check } = studio
  const [section, setSection] = useState('organisation')
  const [side, setSide] = useState<'form' | 'text'>('form')
  const [isComparing, setComparing] = useState(false)
  const editor = useRef<TextEditorHandle>(null)
  const chosen = form.properties.find(property => property.key === section)
  const isReadOnly = !draft || !mayWrite
  const next = () => {
    const [first] = findings
    if (!first) return
    setSide('text')
    editor.current?.goTo(first.line, first.column)
  }
  useCommands([
    { id: 'studio.fault', label: t.nextFault, group: t.studio, keys: 'F8', run: next },
    { id: 'studio.save', label: t.save, group: t.studio, keys: 'Ctrl+S', run: () => void store?.flush() },
  ])
  return (
    <div className={styles.document} data-side={side}>
      <nav className={styles.sections} aria-label={t.sections}>
        {form.properties.map(property => (
          <button
            key={property.key}
            type="button"
            className={classes(styles.section, valueAt(value, [property.key]) === undefined && styles.unset)}
            aria-current={property.key === section ? 'true' : undefined}
            onClick={() => setSection(property.key)}
          >
            {property.title}
          </button>
        ))}
      </nav>
      <section className={styles.formSide} aria-label={t.form}>
        <div className={styles.bar}>
          <h2>{chosen?.title}</h2>
          <div className={styles.narrowOnly}>
            <Segments
              label={t.view}
              value={side}
              onChange={setSide}
              choices={[
                { id: 'form', label: t.form },
                { id: 'text', label: t.text },
              ]}
            />
          </div>
          {draft && (
            <Button small kind="quiet" onPress={() => setComparing(true)}>
              {t.difference}
            </Button>
          )}
        </div>
        <div className={styles.scrolled}>
          {isReadOnly && <Banner>{mayWrite ? t.readOnly : t.mayNotWrite}</Banner>}
          {chosen && (
            <>
              <p className="dim">{chosen.description}</p>
              <FieldForm
                key={chosen.key}
                property={chosen}
                path={[chosen.key]}
                isTop
                isReadOnly={isReadOnly}
                onRemove={() => studio.change(before => remove(before, [chosen.key]))}
              />
            </>
          )}
        </div>
      </section>
      <section className={styles.textSide} aria-label={t.text}>
        <div className={styles.bar}>
          <h2>{t.text}</h2>
          <div className={styles.narrowOnly}>
            <Segments
              label={t.view}
              value={side}
              onChange={setSide}
              choices={[
                { id: 'form', label: t.form },
                { id: 'text', label: t.text },
              ]}
            />
          </div>
          <span className="dim small">{findings.length > 0 ? t.f8 : draft ? t.noFaults : ''}</span>
        </div>
        <TextEditor
          handle={editor}
          label={t.textLabel}
          kind="document"
          text={text}
          readOnly={isReadOnly}
          check={check}
          onChange={made => store?.write(made)}
          onBlur={() => void store?.flush()}
        />
        {findings.length > 0 && (
          <ol className={styles.faults} aria-label={t.faultList}>
            {findings.map((one, index) => (
              // biome-ignore lint/suspicious/noArrayIndexKey: two faults may be the same
              <li key={index}>
                <button type="button" onClick={() => editor.current?.goTo(one.line, one.column)}>
                  <span className={styles.place}>{t.at(one.line, one.column)}</span> {one.message}
                </button>
              </li>
            ))}
          </ol>
        )}
      </section>
      {isComparing && draft && (
        <Dialog title={t.differenceTitle} isOpen onClose={() => setComparing(false)} wide>
          <Differences draftId={draft.id} revision={draft.revision} />
        </Dialog>
      )}
    </div>
  )
}

/** What the saved draft would change, in sentences of routing. */
export function Differences({ draftId, revision }: { draftId: string; revision: number }) {
  const t = useTexts(texts)
  const found = useQuery({
    queryKey: ['studio', 'difference', draftId, revision],
    queryFn: () =>
      dataOf(routing.GET('/drafts/{draft_id}/difference', { params: { path: { draft_id: draftId } } })),
  })
  if (found.error) return <Failed error={found.error} onRetry={() => void found.refetch()} />
  if (!found.data) return <Loading lines={3} />
  return <Sentences sentences={found.data.differences} none={t.noDifference} />
}

export function Sentences({ sentences, none }: { sentences: readonly string[]; none: string }) {
  if (sentences.length === 0) return <p className="dim">{none}</p>
  return (
    <ul className={styles.sentences}>
      {sentences.map(sentence => (
        <li key={sentence}>{sentence}</li>
      ))}
    </ul>
  )
}
