import { type Diagnostic, linter, lintGutter, lintKeymap } from '@codemirror/lint'
import type { Extension, Text } from '@codemirror/state'
import { keymap } from '@codemirror/view'

/** What is wrong or odd at a place of a text, as routing says it: line and column from 1, in characters. */
export interface Finding {
  readonly line: number
  readonly column: number
  readonly message: string
  /** A warning stops nobody. */
  readonly severity: 'error' | 'warning'
}

/** Finds what is wrong with a text; called when people pause typing. */
export type Check = (text: string) => Promise<readonly Finding[]> | readonly Finding[]

/** The findings as the editor shows them: from their place to the end of the word there, in order. */
export function diagnostics(text: Text, findings: readonly Finding[]): Diagnostic[] {
  return findings
    .map(({ line: number, column, message, severity }) => {
      const line = text.line(Math.min(Math.max(number, 1), text.lines))
      const from = line.from + Math.min(unitsOf(line.text, column - 1), line.length)
      const word = /^[\w.-]+/.exec(text.sliceString(from, line.to))?.[0].length ?? 1
      return { from, to: Math.min(from + word, line.to), message, severity }
    })
    .sort((one, other) => one.from - other.from)
}

/** Routing counts characters; an offset here counts UTF-16 units. */
function unitsOf(line: string, characters: number): number {
  return [...line].slice(0, Math.max(characters, 0)).join('').length
}

/**
 * Shows what a check finds at its place. F8 goes to the next finding, Ctrl+Shift+M lists them.
 *
 * `found` gets the findings when they are other ones than before, so that they can be announced once.
 */
export function faults(check: Check, found: (findings: readonly Finding[]) => void): Extension {
  let before = '[]'
  const source = linter(
    async view => {
      const text = view.state.doc
      const findings = await check(text.toString())
      const now = JSON.stringify(findings)
      // Findings of a text that is no longer shown are dropped by the linter, and not announced either.
      if (now !== before && view.state.doc.eq(text)) {
        before = now
        found(findings)
      }
      return diagnostics(text, findings)
    },
    { delay: 400 },
  )
  return [source, lintGutter(), keymap.of(lintKeymap)]
}
