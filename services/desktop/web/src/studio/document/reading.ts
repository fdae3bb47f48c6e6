import {
  type Document,
  isCollection,
  isMap,
  isScalar,
  isSeq,
  LineCounter,
  type Node,
  type Pair,
  parseDocument,
  Scalar,
  type Tags,
  type YAMLMap,
  type YAMLSeq,
} from 'yaml'

/** What a document says. */
export type Value = null | boolean | number | string | readonly Value[] | { readonly [key: string]: Value }
/** Where in a document a value is: keys of maps and places in lists. */
export type Path = readonly (string | number)[]

/** One thing that is wrong with a text; line and column from 1. */
export interface Fault {
  readonly line: number
  readonly column: number
  readonly message: string
}

/** A text that was read, with the place of everything that it says. */
export interface Reading {
  readonly text: string
  /** What it says; what stands beside a fault of syntax may be missing. */
  readonly value: Value
  /** Where it is not YAML. Forms need a document without them. */
  readonly faults: readonly Fault[]
  readonly document: Document.Parsed
}

/** The line of a map or of a list, or the part between two commas. Offsets in the text. */
export interface Entry {
  /** Its first character: of the key, or the dash. */
  readonly from: number
  /** After the last character of its value. */
  readonly to: number
  /** After the colon or the dash; in a flow list, where it begins. */
  readonly slot: number
  readonly key: Node | null
  /** null where nothing is written. */
  readonly node: Node | null
}

let newest: readonly Reading[] = []

/** Reads a text. The two newest readings are kept, because each edit reads what the edit before it wrote, and its own. */
export function read(text: string): Reading {
  const found = newest.find(reading => reading.text === text) ?? parsed(text)
  newest = [found, ...newest.filter(reading => reading !== found)].slice(0, 2)
  return found
}

function parsed(text: string): Reading {
  const lines = new LineCounter()
  // The services read YAML 1.1 (`yes` is true there), and take a day as it is written.
  const document = parseDocument(text, {
    version: '1.1',
    customTags: withoutSpecialTags,
    keepSourceTokens: true,
    lineCounter: lines,
    prettyErrors: false,
  })
  const faults = document.errors.map(error => {
    const { line, col } = lines.linePos(error.pos[0])
    return { line: Math.max(line, 1), column: Math.max(col, 1), message: error.message }
  })
  const value = faults.length === 0 || document.contents ? (document.toJS() as Value) : null
  return { text, value, faults, document }
}

const SPECIAL = /:(timestamp|binary|omap|pairs|set|merge)$/

function withoutSpecialTags(tags: Tags): Tags {
  return tags.filter(tag => typeof tag !== 'string' && !SPECIAL.test(tag.tag))
}

/** Offset of the first character of the line at an offset. */
export function lineStart(text: string, at: number): number {
  return text.lastIndexOf('\n', at - 1) + 1
}

/** Offset of the end of the line at an offset, before its line feed. */
export function lineEnd(text: string, at: number): number {
  const found = text.indexOf('\n', at)
  const end = found < 0 ? text.length : found
  return end > at && text[end - 1] === '\r' ? end - 1 : end
}

export function column(text: string, at: number): number {
  return at - lineStart(text, at)
}

export function isFlow(node: Node | null): boolean {
  return isCollection(node) && node.flow === true
}

export function isBlockScalar(node: Node | null): node is Scalar<string> {
  return isScalar(node) && (node.type === Scalar.BLOCK_LITERAL || node.type === Scalar.BLOCK_FOLDED)
}

/** The entries of a map or a list, in order. */
export function entriesOf(text: string, parent: YAMLMap | YAMLSeq): Entry[] {
  return isMap(parent)
    ? parent.items.map(pair => entryOfPair(text, pair as Pair<Node, Node | null>))
    : itemsOf(text, parent as YAMLSeq<Node>)
}

function entryOfPair(text: string, pair: Pair<Node, Node | null>): Entry {
  const key = pair.key
  const from = key.range![0]
  const colon = pair.srcToken?.sep?.find(token => token.type === 'map-value-ind')
  const slot = colon ? colon.offset + 1 : key.range![1]
  const node = isWritten(pair.value) ? pair.value : null
  return { from, slot, key, node, to: node ? endOf(text, node) : slot }
}

function itemsOf(text: string, list: YAMLSeq<Node>): Entry[] {
  const token = list.srcToken
  const dashes =
    token?.type === 'block-seq'
      ? token.items.flatMap(item => item.start.filter(part => part.type === 'seq-item-ind'))
      : []
  return list.items.map((item, place) => {
    const node = isWritten(item) ? item : null
    const from = dashes[place]?.offset ?? item.range![0]
    const slot = dashes[place] ? from + 1 : from
    return { from, slot, key: null, node, to: node ? endOf(text, node) : slot }
  })
}

function isWritten(node: Node | null): node is Node {
  return node?.range != null && (node.range[1] > node.range[0] || isCollection(node))
}

function endOf(text: string, node: Node): number {
  if (isCollection(node) && !node.flow) {
    const last = entriesOf(text, node as YAMLMap | YAMLSeq).at(-1)
    return last ? last.to : node.range![1]
  }
  let end = node.range![1]
  if (isBlockScalar(node)) {
    const keepsEnd = /^[|>]\d?\+/.test(text.slice(node.range![0], node.range![0] + 3))
    while (/[\r\n]/.test(text[end - 1] ?? '')) {
      end--
      if (keepsEnd && text[end] === '\n') break
    }
  }
  return end
}

/** The node at a path; undefined: the document says nothing there. */
export function nodeAt(root: Node | null, path: Path): Node | null | undefined {
  let node: Node | null | undefined = root
  for (const part of path) {
    if (isMap(node)) node = pairOf(node, part)?.value as Node | null | undefined
    else if (isSeq(node) && typeof part === 'number') node = node.items[part] as Node | undefined
    else return undefined
  }
  return node
}

export function keyOf(pair: Pair): string {
  return isScalar(pair.key) ? String(pair.key.value) : String(pair.key)
}

function pairOf(map: YAMLMap, key: string | number): Pair | undefined {
  return map.items.find(pair => keyOf(pair) === String(key))
}

/** The place of a part of a path among the entries of its parent; -1: it is not there. */
export function placeOf(parent: YAMLMap | YAMLSeq, part: string | number): number {
  if (isMap(parent)) return parent.items.findIndex(pair => keyOf(pair) === String(part))
  return typeof part === 'number' && part < parent.items.length ? part : -1
}

/** The value at a path; undefined: the document says nothing there. */
export function valueAt(value: Value | undefined, path: Path): Value | undefined {
  return path.reduce<Value | undefined>((inside, part) => {
    if (Array.isArray(inside))
      return typeof part === 'number' ? (inside[part] as Value | undefined) : undefined
    return isRecord(inside) && Object.hasOwn(inside, part) ? inside[part] : undefined
  }, value)
}

export function isRecord(value: Value | undefined): value is { readonly [key: string]: Value } {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

export function isList(value: Value | undefined): value is readonly Value[] {
  return Array.isArray(value)
}

/** Whether two values are the same; the order of keys does not count. */
export function same(one: Value | undefined, other: Value | undefined): boolean {
  if (isList(one) && isList(other))
    return one.length === other.length && one.every((value, place) => same(value, other[place]))
  if (isRecord(one) && isRecord(other)) {
    const keys = Object.keys(one)
    return (
      keys.length === Object.keys(other).length &&
      keys.every(key => Object.hasOwn(other, key) && same(one[key], other[key]))
    )
  }
  return one === other
}
