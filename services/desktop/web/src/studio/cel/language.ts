import { LanguageSupport, LRLanguage } from '@codemirror/language'
import { styleTags, tags } from '@lezer/highlight'
import { parser } from './parser.js'

/** Conditions of rules, in the Common Expression Language. */
export const celLanguage = LRLanguage.define({
  name: 'cel',
  parser: parser.configure({
    props: [
      styleTags({
        Variable: tags.variableName,
        'Function/Variable': tags.function(tags.variableName),
        'Member/Property': tags.propertyName,
        'Method/Property': tags.function(tags.propertyName),
        String: tags.string,
        Number: tags.number,
        'Boolean/... Null/...': tags.atom,
        'CompareOp LogicOp ArithOp Not Minus in': tags.operator,
        Comment: tags.lineComment,
        '( )': tags.paren,
        '[ ]': tags.squareBracket,
        '{ }': tags.brace,
      }),
    ],
  }),
  languageData: {
    commentTokens: { line: '//' },
    closeBrackets: { brackets: ['(', '[', '{', '"', "'"] },
  },
})

export function cel(): LanguageSupport {
  return new LanguageSupport(celLanguage)
}

/** Where a text stops being a condition, as an offset, which is where routing's own check says so too; null: it is one. */
export function firstFault(condition: string): number | null {
  let found: number | null = null
  parser.parse(condition).iterate({
    enter: node => {
      if (node.type.isError) found ??= node.from
    },
  })
  return found
}
