import { isMap, isScalar, isSeq, type Node, Scalar, type YAMLMap, type YAMLSeq } from 'yaml'
import * as print from './print'
import {
  column,
  type Entry,
  entriesOf,
  isBlockScalar,
  isFlow,
  isList,
  isRecord,
  lineEnd,
  lineStart,
  nodeAt,
  type Path,
  placeOf,
  type Reading,
  read,
  same,
  type Value,
  valueAt,
} from './reading'

/** The order in which the keys of the map at a path are written; undefined: new keys come last. */
export type KeyOrder = (path: Path) => readonly string[] | undefined

/** An edit that can't be made in this text. Nothing is changed; the text itself can be edited. */
export class NotEditable extends Error {}

/**
 * The text with `value` at `path`, and all other lines as they were.
 *
 * What differs is written anew, in the style that it had; parents that are missing are made. A new key comes before those
 * that `order` has after it. Raises NotEditable.
 */
export function edit(text: string, path: Path, value: Value, order?: KeyOrder): string {
  return checked(edited(text, path, value, order), withValue(said(text), path, value))
}

/** The text without the entry at `path`, and without the comment that is right above its lines. Raises NotEditable. */
export function remove(text: string, path: Path): string {
  const [parentPath, part] = split(path)
  return checked(
    removed(text, path),
    changed(said(text), parentPath, parent => without(parent, part)),
  )
}

/** The text with `value` in the list at `path`, at a place from 0. Raises NotEditable. */
export function insert(text: string, path: Path, place: number, value: Value): string {
  const items = listAt(text, path)
  return checked(
    inserted(text, path, place, value),
    withValue(said(text), path, items.toSpliced(place, 0, value)),
  )
}

/** The text with the entry at `path` moved to a place among its siblings, with its comment. Raises NotEditable. */
export function move(text: string, path: Path, to: number): string {
  const [parentPath, part] = split(path)
  const parent = collectionAt(text, parentPath)
  const from = placeOf(parent, part)
  const { chunks, gaps } = layout(text, parent)
  if (from < 0 || to < 0 || to >= chunks.length) throw new NotEditable('There is no such place.')
  const contents = chunks.map(chunk => text.slice(chunk.from, chunk.to))
  const [moved] = contents.splice(from, 1)
  contents.splice(to, 0, moved!)
  const made =
    text.slice(0, chunks[0]!.from) +
    contents.map((content, place) => content + (gaps[place] ?? '')).join('') +
    text.slice(chunks.at(-1)!.to)
  return checked(
    made,
    changed(said(text), parentPath, value => reordered(value, from, to)),
  )
}

/** The text with another key for the entry at `path`. What refers to it is not changed. Raises NotEditable. */
export function rename(text: string, path: Path, key: string): string {
  const [parentPath, part] = split(path)
  const parent = collectionAt(text, parentPath)
  const entry = entriesOf(text, parent)[placeOf(parent, part)]
  if (!entry?.key?.range || !isScalar(entry.key)) throw new NotEditable('There is no such key.')
  if (placeOf(parent, key) >= 0) throw new NotEditable(`There is ${key} already.`)
  const written = print.scalar(key, quotesOf(entry.key), { flow: true })
  const [from, to] = entry.key.range
  return checked(
    splice(text, from, to, written),
    changed(said(text), parentPath, value => renamed(value, String(part), key)),
  )
}

/** What differs between two texts, as one change: for an editor that keeps its cursor and its history. */
export function difference(before: string, after: string): { from: number; to: number; insert: string } {
  const shorter = Math.min(before.length, after.length)
  let from = 0
  while (from < shorter && before[from] === after[from]) from++
  let end = 0
  while (end < shorter - from && before.at(-1 - end) === after.at(-1 - end)) end++
  return { from, to: before.length - end, insert: after.slice(from, after.length - end) }
}

function edited(text: string, path: Path, value: Value, order?: KeyOrder): string {
  const reading = readable(text)
  const old = valueAt(reading.value, path)
  if (same(old, value)) return text
  const node = nodeAt(reading.document.contents, path)
  if (node === undefined && path.length > 0 && old === undefined) return added(text, path, value, order)
  if (isRecord(old) && isRecord(value) && !isEmpty(old) && !isEmpty(value))
    return editedMap(text, path, old, value, order)
  if (isList(old) && isList(value) && !isEmpty(old) && !isEmpty(value))
    return editedList(text, path, value, order)
  return replaced(text, path, node ?? null, value)
}

function editedMap(
  text: string,
  path: Path,
  old: { readonly [key: string]: Value },
  value: { readonly [key: string]: Value },
  order?: KeyOrder,
): string {
  let made = text
  // First what stays and what is new: a map that loses all its keys before would be written anew.
  for (const [key, inside] of Object.entries(value)) made = edited(made, [...path, key], inside, order)
  for (const key of Object.keys(old)) if (!Object.hasOwn(value, key)) made = removed(made, [...path, key])
  return made
}

function editedList(text: string, path: Path, value: readonly Value[], order?: KeyOrder): string {
  const old = listAt(text, path)
  const shorter = Math.min(old.length, value.length)
  let begin = 0
  while (begin < shorter && same(old[begin], value[begin])) begin++
  let end = 0
  while (end < shorter - begin && same(old.at(-1 - end), value.at(-1 - end))) end++
  let made = text
  for (let place = begin; place < value.length - end; place++)
    made =
      place < old.length - end
        ? edited(made, [...path, place], value[place]!, order)
        : inserted(made, path, place, value[place]!)
  for (let place = old.length - end - 1; place >= value.length - end; place--)
    made = removed(made, [...path, place])
  return made
}

function added(text: string, path: Path, value: Value, order?: KeyOrder): string {
  const [parentPath, part] = split(path)
  const { document, value: root } = readable(text)
  const parent = nodeAt(document.contents, parentPath)
  const parentValue = valueAt(root, parentPath)
  if (!parent || isEmpty(parentValue)) {
    const whole: Value = typeof part === 'number' ? [value] : { [part]: value }
    if (parent === undefined && parentPath.length > 0) return added(text, parentPath, whole, order)
    return replaced(text, parentPath, parent ?? null, whole)
  }
  if (isSeq(parent) && part === parent.items.length) return inserted(text, parentPath, part, value)
  if (!isMap(parent)) throw new NotEditable('This is no map.')
  const later = order?.(parentPath)
  const after = new Set(later?.slice(later.indexOf(String(part)) + 1))
  const found = Object.keys(parentValue as object).findIndex(key => after.has(key))
  return put(text, parentPath, found < 0 ? parent.items.length : found, String(part), value)
}

function inserted(text: string, path: Path, place: number, value: Value): string {
  const list = listAt(text, path)
  if (place < 0 || place > list.length) throw new NotEditable('There is no such place.')
  const node = nodeAt(readable(text).document.contents, path)
  if (list.length > 0) return put(text, path, place, null, value)
  return node === undefined ? added(text, path, [value]) : replaced(text, path, node, [value])
}

/** Writes a new entry into a collection that has others. */
function put(text: string, path: Path, place: number, key: string | null, value: Value): string {
  const parent = collectionAt(text, path)
  const { chunks, gaps } = layout(text, parent)
  const beside = entriesOf(text, parent)[Math.min(place, chunks.length - 1)]!
  if (isFlow(parent)) {
    const item = key === null ? print.flow(value) : print.flowEntry(key, value)
    if (place < chunks.length) return splice(text, chunks[place]!.from, chunks[place]!.from, `${item}, `)
    const last = chunks.at(-1)!
    return splice(text, last.to, last.to, `,${flowBreak(text, parent, chunks, item)}${item}`)
  }
  const indent = column(text, entriesOf(text, parent)[0]!.from)
  const style = styleOf(beside, value)
  const entry =
    key === null ? print.blockItem(value, indent, style) : print.blockEntry(key, value, indent, style)
  const gap = gaps[Math.min(place, gaps.length - 1)] ?? ''
  const lines = /\n[ \t]*\r?\n/.test(gap) ? '\n\n' : '\n'
  if (place < chunks.length) {
    const at = chunks[place]!.from
    return splice(text, at, at, entry + lines + ' '.repeat(indent))
  }
  const end = chunks.at(-1)!.to
  return splice(text, end, end, lines + ' '.repeat(indent) + entry)
}

/** What stands between the last comma and a new last item: a line break where the list has them and the line is full. */
function flowBreak(text: string, parent: Node, chunks: readonly Chunk[], item: string): string {
  const [from, to] = parent.range!
  const last = chunks.at(-1)!
  const start = lineStart(text, last.from)
  const each = isFirstOnLine(text, chunks[0]!.from) && isFirstOnLine(text, last.from)
  const isFull = lineEnd(text, last.to) - start + 2 + item.length > print.WIDTH
  const wraps = text.slice(from, to).includes('\n')
  if (!wraps || !(each || isFull)) return ' '
  const first = chunks.find(chunk => isFirstOnLine(text, chunk.from))
  return `\n${' '.repeat(first ? column(text, first.from) : /^ */.exec(text.slice(start))![0].length)}`
}

function removed(text: string, path: Path): string {
  const [parentPath, part] = split(path)
  const parent = collectionAt(text, parentPath)
  const place = placeOf(parent, part)
  const { chunks, gaps } = layout(text, parent)
  const chunk = chunks[place]
  if (!chunk) throw new NotEditable('There is no such entry.')
  if (chunks.length === 1) return replaced(text, parentPath, parent, isMap(parent) ? {} : [])
  if (isFlow(parent)) {
    const gap = place > 0 ? gaps[place - 1]! : gaps[0]!
    if (!gap.includes('#'))
      return place > 0
        ? splice(text, chunk.from - gap.length, chunk.to, '')
        : splice(text, chunk.from, chunk.to + gap.length, '')
    const comma = place > 0 ? chunk.from - gap.length + gap.indexOf(',') : chunk.to + gap.indexOf(',')
    return place > 0
      ? splice(splice(text, chunk.from, chunk.to, ''), comma, comma + 1, '')
      : splice(text, chunk.from, comma + 1, '')
  }
  // The gap behind goes with it, or the one before for the last entry; a gap with other comments stays.
  const next = gaps[place]
  if (next !== undefined && !next.includes('#')) return splice(text, chunk.from, chunk.to + next.length, '')
  const before = place > 0 ? gaps[place - 1]! : undefined
  if (before !== undefined && !before.includes('#'))
    return splice(text, chunk.from - before.length, chunk.to, '')
  if (!isFirstOnLine(text, chunk.from)) return splice(text, chunk.from, chunk.to, '')
  const below = text.indexOf('\n', chunk.to) + 1
  return splice(text, lineStart(text, chunk.from), below || text.length, '')
}

/** Writes another value in place of a node, in its style where it has one for that. */
function replaced(text: string, path: Path, node: Node | null, value: Value): string {
  if (path.length === 0) {
    if (node && !isEmpty(readable(text).value))
      throw new NotEditable('The whole document is replaced as text.')
    const [from, to] = node?.range ?? [text.length, text.length]
    const begun = node || text === '' || text.endsWith('\n') ? '' : '\n'
    return splice(text, from, to, `${begun}${isEmpty(value) ? print.flow(value) : print.block(value, 0)}\n`)
  }
  const [parentPath, part] = split(path)
  const parent = collectionAt(text, parentPath)
  const entry = entriesOf(text, parent)[placeOf(parent, part)]
  if (!entry) throw new NotEditable('There is no such entry.')
  const inFlow = isWithinFlow(text, path)
  const own = ownStyle(text, node, value, inFlow, column(text, entry.from))
  if (own !== null) return splice(text, node!.range![0], entry.to, own)
  const written = inFlow
    ? ` ${print.flow(value)}`
    : print.slot(value, column(text, entry.from), styleOf(entry, value))
  return intoSlot(text, entry, written)
}

/** Writes what stands after a colon or a dash; a comment on that line stays there, and lines come after it. */
function intoSlot(text: string, entry: Entry, written: string): string {
  const [head, ...below] = written.split('\n')
  const tail = below.map(line => `\n${line}`).join('')
  const start = entry.node?.range?.[0] ?? entry.slot
  const end = lineEnd(text, entry.slot)
  if (start > end) return splice(splice(text, end, entry.to, tail), entry.slot, entry.slot, head!)
  const after = lineEnd(text, entry.to)
  const made = splice(text, after, after, tail)
  if (head === '') return splice(made, entry.slot, entry.to, '')
  return entry.node
    ? splice(made, start, entry.to, head!.trimStart())
    : splice(made, entry.slot, entry.slot, head!)
}

/** The value as the node is written: its quotes, its block, its flow; null: that is not possible. */
function ownStyle(
  text: string,
  node: Node | null,
  value: Value,
  inFlow: boolean,
  indent: number,
): string | null {
  if (!isScalar(node) || isList(value) || isRecord(value)) return null
  if (isBlockScalar(node)) {
    if (typeof value !== 'string') return null
    const [, header, comment = ''] = /^([|>])\S*([ \t]+#[^\r\n]*)?/.exec(text.slice(node.range![0]))!
    const below = /^[^\n]*\n(?: *\r?\n)*( *)/.exec(text.slice(node.range![0]))
    const inner = Math.max(below?.[1]?.length ?? 0, indent + 1)
    const written = header === '>' ? print.folded(value, inner) : print.literal(value, inner)
    return written.replace('\n', `${comment}\n`)
  }
  if (typeof value === 'string' && value.includes('\n') && !inFlow) return null
  const day = node.type === Scalar.PLAIN && print.DAY.test(String(node.value))
  return print.scalar(value as string, quotesOf(node), { flow: inFlow, day })
}

function quotesOf(node: Scalar): print.Quotes {
  if (node.type === Scalar.QUOTE_DOUBLE) return 'double'
  return node.type === Scalar.QUOTE_SINGLE ? 'single' : 'plain'
}

/** The style of a new value beside another one. */
function styleOf(beside: Entry, value: Value): 'flow' | 'block' | undefined {
  const { node } = beside
  if ((!isMap(node) && !isSeq(node)) || node.items.length === 0) return undefined
  return isMap(node) === isRecord(value) ? (node.flow ? 'flow' : 'block') : undefined
}

/** An entry with all that goes where it goes: the comment above it, the comment behind it, deeper comments below it. */
interface Chunk {
  readonly from: number
  readonly to: number
}

function layout(text: string, parent: YAMLMap | YAMLSeq): { chunks: Chunk[]; gaps: string[] } {
  const entries = entriesOf(text, parent)
  const chunks = parent.flow ? entries : entries.map(entry => blockChunk(text, entry))
  const gaps = chunks.slice(1).map((chunk, place) => text.slice(chunks[place]!.to, chunk.from))
  return { chunks, gaps }
}

function blockChunk(text: string, entry: Entry): Chunk {
  const indent = column(text, entry.from)
  let to = lineEnd(text, entry.to)
  for (;;) {
    const next = text.indexOf('\n', to) + 1
    const spaces = /^ *#/.exec(next > 0 ? text.slice(next, lineEnd(text, next)) : '')
    if (!spaces || spaces[0].length - 1 <= indent) break
    to = lineEnd(text, next)
  }
  return { from: hasOwnComment(text, entry) ? commentStart(text, entry.from, indent) : entry.from, to }
}

/** A comment above an item on one line, such as a person, is about the items below it, and stays where it is. */
function hasOwnComment(text: string, entry: Entry): boolean {
  const isItem = entry.key === null
  return isFirstOnLine(text, entry.from) && !(isItem && !text.slice(entry.from, entry.to).includes('\n'))
}

function commentStart(text: string, at: number, indent: number): number {
  let from = at
  for (;;) {
    const above = lineStart(text, lineStart(text, from) - 1)
    const isFirst = lineStart(text, from) === 0
    if (isFirst || !text.slice(above).startsWith(`${' '.repeat(indent)}#`)) return from
    from = above + indent
  }
}

function isFirstOnLine(text: string, at: number): boolean {
  return text.slice(lineStart(text, at), at).trim() === ''
}

function isWithinFlow(text: string, path: Path): boolean {
  const root = readable(text).document.contents
  return path.some((_, length) => isFlow(nodeAt(root, path.slice(0, length)) ?? null))
}

function readable(text: string): Reading {
  const reading = read(text)
  if (reading.faults.length > 0) throw new NotEditable(reading.faults[0]!.message)
  return reading
}

function said(text: string): Value {
  return readable(text).value
}

function collectionAt(text: string, path: Path): YAMLMap | YAMLSeq {
  const node = nodeAt(readable(text).document.contents, path)
  if (!isMap(node) && !isSeq(node)) throw new NotEditable('There is no map and no list.')
  return node
}

function listAt(text: string, path: Path): readonly Value[] {
  const value = valueAt(said(text), path) ?? []
  if (!isList(value)) throw new NotEditable('This is no list.')
  return value
}

function split(path: Path): [Path, string | number] {
  const part = path.at(-1)
  if (part === undefined) throw new NotEditable('The whole document is no entry.')
  return [path.slice(0, -1), part]
}

/** Replaces a part of a text, with its line breaks. */
function splice(text: string, from: number, to: number, written: string): string {
  const lines = text.includes('\r\n') ? written.replaceAll('\n', '\r\n') : written
  return text.slice(0, from) + lines + text.slice(to)
}

/** The text, which must say exactly this. The layout of a text can be such that an edit would change something else. */
function checked(text: string, value: Value): string {
  const reading = read(text)
  if (reading.faults.length > 0 || !same(reading.value, value))
    throw new NotEditable('This place is written in a way that a form can’t change.')
  return text
}

function withValue(root: Value, path: Path, value: Value): Value {
  const [part, ...rest] = path
  if (part === undefined) return value
  if (isList(root)) return root.toSpliced(Number(part), 1, withValue(root[Number(part)] ?? null, rest, value))
  if (!isRecord(root) && typeof part === 'number') return [withValue(null, rest, value)]
  const record = isRecord(root) ? root : {}
  return { ...record, [part]: withValue(record[part] ?? null, rest, value) }
}

function changed(root: Value, path: Path, change: (parent: Value) => Value): Value {
  return withValue(root, path, change(valueAt(root, path) ?? null))
}

function without(parent: Value, part: string | number): Value {
  if (isList(parent)) return parent.toSpliced(Number(part), 1)
  return Object.fromEntries(Object.entries(parent as object).filter(([key]) => key !== String(part)))
}

function reordered(parent: Value, from: number, to: number): Value {
  if (!isList(parent)) return parent
  return parent.toSpliced(from, 1).toSpliced(to, 0, parent[from]!)
}

function renamed(parent: Value, key: string, to: string): Value {
  return Object.fromEntries(
    Object.entries(parent as object).map(([name, value]) => [name === key ? to : name, value as Value]),
  )
}

function isEmpty(value: Value | undefined): boolean {
  return value === null || (typeof value === 'object' && Object.keys(value).length === 0)
}
