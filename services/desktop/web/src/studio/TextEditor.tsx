import { type Ref, useEffect, useEffectEvent, useImperativeHandle, useRef } from 'react'
import { conditionEditor, documentEditor, type Editor } from './editor/editor'
import type { Finding } from './editor/faults'
import { nonce } from './nonce'
import styles from './studio.module.css'
import { useStudio } from './studio-context'

export interface TextEditorHandle {
  goTo: (line: number, column: number) => void
}

export interface TextEditorProps {
  label: string
  text: string
  kind: 'document' | 'condition'
  readOnly: boolean
  check: (text: string) => Promise<readonly Finding[]> | readonly Finding[]
  onChange: (text: string) => void
  onBlur?: () => void
  handle?: Ref<TextEditorHandle>
}

/** CodeMirror as a part of a page: it shows `text`, whoever changed it, and keeps its cursor and history. */
export function TextEditor(props: TextEditorProps) {
  const { label, text, kind, readOnly, onBlur, handle } = props
  const { form, vocabulary } = useStudio()
  const parent = useRef<HTMLDivElement>(null)
  const editor = useRef<Editor | null>(null)
  const changed = useEffectEvent((made: string) => props.onChange(made))
  const check = useEffectEvent((made: string) => props.check(made))
  const known = useEffectEvent(() => vocabulary)
  const begun = useEffectEvent(() => {
    const options = {
      parent: parent.current!,
      text,
      label,
      nonce: nonce(),
      readOnly,
      vocabulary: () => known(),
      check: (made: string) => check(made),
      changed: (made: string) => changed(made),
      found: () => {},
    }
    return kind === 'document' ? documentEditor(options, () => form) : conditionEditor(options)
  })
  // biome-ignore lint/correctness/useExhaustiveDependencies: an editor is made anew for these two alone
  useEffect(() => {
    const made = begun()
    editor.current = made
    return () => {
      editor.current = null
      made.destroy()
    }
  }, [label, readOnly])
  useEffect(() => editor.current?.show(text), [text])
  useImperativeHandle(handle, () => ({ goTo: (line, column) => editor.current?.goTo(line, column) }), [])
  // biome-ignore lint/a11y/noStaticElementInteractions: the editor inside is what has the focus
  return <div ref={parent} className={styles.editor} data-kind={kind} onBlur={onBlur} />
}
