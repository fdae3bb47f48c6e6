import { yamlLanguage } from '@codemirror/lang-yaml'
import { LanguageSupport } from '@codemirror/language'
import { parseMixed, type SyntaxNode } from '@lezer/common'
import { celLanguage } from '../cel/language'

const VALUES = new Set(['Literal', 'QuotedLiteral', 'BlockLiteralContent'])

/** YAML, with a condition in CEL as the value of each `when`. */
export const documentLanguage = yamlLanguage.configure({
  wrap: parseMixed((node, input) => {
    if (!VALUES.has(node.name) || !isCondition(node.node, (from, to) => input.read(from, to))) return null
    const { parser } = celLanguage
    if (node.name !== 'QuotedLiteral') return { parser, overlay: [{ from: node.from, to: node.to }] }
    // Between quotes it is CEL as it is, except where a character is written as an escape.
    const escaped = input.read(node.from, node.from + 1) === '"' ? '\\' : "''"
    const [from, to] = [node.from + 1, node.to - 1]
    return to <= from || input.read(from, to).includes(escaped) ? null : { parser, overlay: [{ from, to }] }
  }),
})

export function organisationDocument(): LanguageSupport {
  return new LanguageSupport(documentLanguage)
}

function isCondition(node: SyntaxNode, read: (from: number, to: number) => string): boolean {
  const pair = node.parent?.name === 'BlockLiteral' ? node.parent.parent : node.parent
  const key = pair?.name === 'Pair' ? pair.firstChild : null
  return key?.name === 'Key' && read(key.from, key.to) === 'when'
}
