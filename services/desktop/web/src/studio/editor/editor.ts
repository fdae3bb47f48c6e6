import {
  autocompletion,
  closeBrackets,
  closeBracketsKeymap,
  completionKeymap,
} from '@codemirror/autocomplete'
import { defaultKeymap, history, historyKeymap, indentWithTab } from '@codemirror/commands'
import { bracketMatching, foldGutter, foldKeymap, indentOnInput } from '@codemirror/language'
import { forceLinting } from '@codemirror/lint'
import { MergeView } from '@codemirror/merge'
import { Annotation, EditorState, type Extension } from '@codemirror/state'
import {
  drawSelection,
  EditorView,
  highlightActiveLine,
  highlightActiveLineGutter,
  keymap,
  lineNumbers,
} from '@codemirror/view'
import { textsOf } from '@/texts/catalogue'
import { celCompletion, type Vocabulary } from '../cel/completion'
import { cel, celLanguage } from '../cel/language'
import { documentCompletion } from '../document/completion'
import { difference } from '../document/edit'
import type { Group } from '../document/schema'
import { type Check, type Finding, faults } from './faults'
import { documentLanguage, organisationDocument } from './language'
import { texts } from './texts'
import { theme } from './theme'

/** What every editor is made of. */
export interface EditorOptions {
  readonly parent: HTMLElement
  readonly text: string
  /** The editor's name for screen readers. */
  readonly label: string
  /** The nonce of the page's content security policy, for the editor's styles. */
  readonly nonce: string
  readonly readOnly?: boolean
  /** What completion knows, asked anew at each completion. */
  readonly vocabulary: () => Vocabulary
  readonly check: Check
  /** The text after each change by people; what `show` changes is not reported. */
  readonly changed: (text: string) => void
  /** What the check found, when that is something else than before. */
  readonly found: (findings: readonly Finding[]) => void
}

/** An editor in the page. */
export interface Editor {
  readonly view: EditorView
  /** Shows a text. Only what differs changes, so that the cursor stays, and Ctrl+Z takes it back. */
  show(text: string): void
  /** Puts the cursor at a line and column, from 1, in the middle of what is seen. */
  goTo(line: number, column: number): void
  /** Checks the text now, after something else than the text changed what is right. */
  checkNow(): void
  destroy(): void
}

const shown = Annotation.define<boolean>()

/** An editor of the whole document: YAML with conditions, completed by its form once that is known. Escape and then Tab leaves it, because Tab alone indents. */
export function documentEditor(options: EditorOptions, form: () => Group | undefined): Editor {
  return editorOf(options, [
    organisationDocument(),
    documentLanguage.data.of({ autocomplete: documentCompletion(form, options.vocabulary) }),
    celLanguage.data.of({ autocomplete: celCompletion(options.vocabulary) }),
    lineNumbers(),
    highlightActiveLineGutter(),
    foldGutter(),
    keymap.of([...foldKeymap, indentWithTab]),
    indentOnInput(),
    EditorState.tabSize.of(2),
  ])
}

/** An editor of one condition. Tab leaves it. */
export function conditionEditor(options: EditorOptions): Editor {
  return editorOf(options, [
    cel(),
    celLanguage.data.of({ autocomplete: celCompletion(options.vocabulary) }),
    EditorView.lineWrapping,
  ])
}

function editorOf(options: EditorOptions, language: Extension): Editor {
  const view = new EditorView({
    parent: options.parent,
    state: EditorState.create({
      doc: options.text,
      extensions: [
        common(options.label, options.nonce),
        language,
        history(),
        drawSelection(),
        highlightActiveLine(),
        bracketMatching(),
        closeBrackets(),
        autocompletion(),
        faults(options.check, options.found),
        keymap.of([...closeBracketsKeymap, ...completionKeymap, ...historyKeymap, ...defaultKeymap]),
        options.readOnly ? [EditorState.readOnly.of(true), EditorView.editable.of(false)] : [],
        EditorView.updateListener.of(update => {
          const isByPeople = update.transactions.some(one => one.docChanged && !one.annotation(shown))
          if (isByPeople) options.changed(update.state.doc.toString())
        }),
      ],
    }),
  })
  return {
    view,
    show(text) {
      const before = view.state.doc.toString()
      if (text !== before)
        view.dispatch({
          changes: difference(before, text),
          annotations: shown.of(true),
          scrollIntoView: false,
        })
    },
    goTo(number, column) {
      const line = view.state.doc.line(Math.min(Math.max(number, 1), view.state.doc.lines))
      const anchor = line.from + Math.min(Math.max(column - 1, 0), line.length)
      view.dispatch({ selection: { anchor }, effects: EditorView.scrollIntoView(anchor, { y: 'center' }) })
      view.focus()
    },
    checkNow: () => forceLinting(view),
    destroy: () => view.destroy(),
  }
}

/** Two texts of a document side by side, with what differs: a colleague's, which can't be changed, and mine. */
export interface ComparisonOptions {
  readonly parent: HTMLElement
  readonly theirs: string
  readonly mine: string
  readonly labels: { readonly theirs: string; readonly mine: string }
  readonly nonce: string
  /** My text after each change. */
  readonly changed: (mine: string) => void
}

export function comparison(options: ComparisonOptions): { destroy(): void } {
  const language = [organisationDocument(), lineNumbers(), EditorView.lineWrapping]
  const { labels, nonce } = options
  return new MergeView({
    parent: options.parent,
    a: {
      doc: options.theirs,
      extensions: [common(labels.theirs, nonce), language, EditorState.readOnly.of(true)],
    },
    b: {
      doc: options.mine,
      extensions: [
        common(labels.mine, nonce),
        language,
        history(),
        keymap.of([...historyKeymap, ...defaultKeymap]),
        EditorView.updateListener.of(update => {
          if (update.docChanged) options.changed(update.state.doc.toString())
        }),
      ],
    },
    revertControls: 'a-to-b',
    collapseUnchanged: { margin: 3, minSize: 6 },
  })
}

function common(label: string, nonce: string): Extension {
  return [
    theme,
    EditorView.cspNonce.of(nonce),
    EditorView.contentAttributes.of({ 'aria-label': label, tabindex: '0' }),
    EditorState.phrases.of(textsOf(texts)),
  ]
}
