import { isList, isRecord, type Value } from './reading'

/** How a text is written: as it is, or between quotes. */
export type Quotes = 'plain' | 'single' | 'double'

/** The longest line that an edit makes where it can choose. */
export const WIDTH = 120

const INDICATOR = /^[-?:,[\]{}#&*!|>'"%@`=]/
// What YAML 1.1 or 1.2 reads as no text.
const WORD = /^(~|null|true|false|yes|no|on|off|y|n|<<)$/i
const NUMBER =
  /^[-+]?(0b[01_]+|0o?[0-7_]+|0x[\da-f_]+|\d[\d_]*(:[0-5]?\d)+(\.[\d_]*)?|(\d[\d_]*)?\.?[\d_]*(e[-+]?\d+)?|\.(inf|nan))$/i
export const DAY = /^\d{4}-\d\d?-\d\d?([Tt ].*)?$/
// What a reader of YAML refuses as it is: it is written as an escape.
// biome-ignore lint/suspicious/noControlCharactersInRegex: these are the characters in question
const UNPRINTABLE = /[\x00-\x1f\x7f-\x9f\u2028\u2029\ufeff\ufffe\uffff]/
const ESCAPED = /[\x7f-\x9f\u2028\u2029\ufeff\ufffe\uffff]/g

/** A value that is no list and no map, on one line. `day`: a day is written without quotes, as the one before it was. */
export function scalar(
  value: null | boolean | number | string,
  quotes: Quotes,
  { flow = false, day = false } = {},
): string {
  if (typeof value !== 'string') return String(value)
  if (quotes === 'plain' && ((day && DAY.test(value)) || isPlain(value, flow))) return value
  const single = quotes === 'single' || (quotes === 'plain' && value.includes('"'))
  return single && !UNPRINTABLE.test(value) ? `'${value.replaceAll("'", "''")}'` : double(value)
}

function isPlain(text: string, flow: boolean): boolean {
  return !(
    text === '' ||
    text !== text.trim() ||
    INDICATOR.test(text) ||
    WORD.test(text) ||
    NUMBER.test(text) ||
    DAY.test(text) ||
    UNPRINTABLE.test(text) ||
    /:(\s|$)|\s#/.test(text) ||
    (flow && /[,[\]{}?:]/.test(text))
  )
}

function double(text: string): string {
  return JSON.stringify(text).replace(
    ESCAPED,
    character => `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`,
  )
}

/** A value on one line: `{ within: 4h, calendar: office }`. */
export function flow(value: Value): string {
  if (isList(value)) return `[${value.map(flow).join(', ')}]`
  if (!isRecord(value)) return scalar(value as string, 'plain', { flow: true })
  const entries = Object.entries(value).map(([key, inside]) => flowEntry(key, inside))
  return entries.length > 0 ? `{ ${entries.join(', ')} }` : '{}'
}

export function flowEntry(key: string, value: Value): string {
  return `${scalar(key, 'plain', { flow: true })}: ${flow(value)}`
}

/** A map or a list on lines of their own, each indented by `indent`, the first one not. */
export function block(value: Value, indent: number): string {
  if (isList(value)) return value.map(item => blockItem(item, indent)).join(newLine(indent))
  return Object.entries(value as { readonly [key: string]: Value })
    .map(([key, inside]) => blockEntry(key, inside, indent))
    .join(newLine(indent))
}

/** `key: value`, or the key and the lines of its value. */
export function blockEntry(key: string, value: Value, indent: number, style?: 'flow' | 'block'): string {
  return `${scalar(key, 'plain')}:${slot(value, indent, style)}`
}

/** `- value`, or the dash and the lines of its value. */
export function blockItem(value: Value, indent: number, style?: 'flow' | 'block'): string {
  if (isScalar(value) || isInline(value, indent, style)) return `-${slot(value, indent, style)}`
  return `- ${block(value, indent + 2)}`
}

/** What stands after a colon or a dash of a line that is indented by `indent`. */
export function slot(value: Value, indent: number, style?: 'flow' | 'block'): string {
  if (isLines(value)) return ` ${literal(value, indent + 2)}`
  if (isScalar(value)) return ` ${scalar(value, 'plain')}`
  if (isInline(value, indent, style)) return ` ${flow(value)}`
  return newLine(indent + 2) + block(value, indent + 2)
}

/** Whether a map or a list is written on the line of its key. */
export function isInline(value: Value, indent: number, style?: 'flow' | 'block'): boolean {
  if (isScalar(value)) return !isLines(value)
  if (Object.keys(value as object).length === 0 || style === 'flow') return true
  if (style === 'block' || hasLines(value)) return false
  // Sections of the document, and lists of maps, have lines of their own.
  const isTable = indent === 0 ? isRecord(value) : isList(value) && value.some(isRecord)
  return !isTable && depth(value) <= 2 && indent + 30 + flow(value).length <= WIDTH
}

/** A text of several lines as YAML's literal block, or between quotes where that can't have it. */
export function literal(text: string, indent: number): string {
  if (!isLiteral(text)) return double(text)
  return `|${text.endsWith('\n') ? '' : '-'}${lines(text.replace(/\n$/, ''), indent)}`
}

/** The same as YAML's folded block, each paragraph wrapped. */
export function folded(text: string, indent: number): string {
  if (!isLiteral(text) || /\n\s| {2}|\s\n.|[ \t]$/.test(text)) return literal(text, indent)
  const paragraphs = text.replace(/\n$/, '').split('\n')
  const written = paragraphs.map(paragraph => wrapped(paragraph, WIDTH - indent)).join('\n\n')
  return `>${text.endsWith('\n') ? '' : '-'}${lines(written, indent)}`
}

function wrapped(paragraph: string, width: number): string {
  let length = 0
  return paragraph
    .split(' ')
    .map((word, place) => {
      const breaks = place > 0 && length + 1 + word.length > width
      length = breaks || place === 0 ? word.length : length + 1 + word.length
      return place === 0 ? word : (breaks ? '\n' : ' ') + word
    })
    .join('')
}

function lines(text: string, indent: number): string {
  return text
    .split('\n')
    .map(line => (line === '' ? '\n' : newLine(indent) + line))
    .join('')
}

function isLiteral(text: string): boolean {
  return !/^\s|^$|\n\n$/.test(text) && !UNPRINTABLE.test(text.replaceAll('\n', ''))
}

function isLines(value: Value): value is string {
  return typeof value === 'string' && value.includes('\n') && isLiteral(value)
}

function hasLines(value: Value): boolean {
  if (isScalar(value)) return isLines(value)
  return Object.values(value as object).some(inside => hasLines(inside as Value))
}

function depth(value: Value): number {
  if (isScalar(value)) return 0
  return 1 + Math.max(0, ...Object.values(value as object).map(inside => depth(inside as Value)))
}

function isScalar(value: Value): value is null | boolean | number | string {
  return !isList(value) && !isRecord(value)
}

function newLine(indent: number): string {
  return `\n${' '.repeat(indent)}`
}
