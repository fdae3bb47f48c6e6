import { sankey, sankeyLinkHorizontal } from 'd3-sankey'

/** The parts of a trial's result that the river shows (routing: `TrialResult`; a shadow's result has no load). */
export interface Flows {
  readonly from_to: readonly {
    readonly from_queue: string
    readonly to_queue: string
    readonly items: number
  }[]
  readonly load?: readonly { readonly queue: string; readonly before: number; readonly after: number }[]
}

/** A queue on one bank: the work that it got on the left, what it gets by the draft on the right. */
export interface Bank {
  readonly queue: string
  readonly side: 'before' | 'after'
  readonly items: number
  readonly x: number
  readonly y: number
  readonly width: number
  readonly height: number
}

/** Work that goes from a queue to a queue. */
export interface Stream {
  readonly from: string
  readonly to: string
  readonly items: number
  /** Whether it stays in its queue. */
  readonly stays: boolean
  /** The path of its middle line, for SVG. */
  readonly path: string
  /** How wide it is drawn. */
  readonly width: number
}

export interface River {
  readonly banks: readonly Bank[]
  readonly streams: readonly Stream[]
}

export interface RiverSize {
  readonly width: number
  readonly height: number
  /** Room for the names of queues at both sides. */
  readonly margin: number
}

const BANK_WIDTH = 10
const BETWEEN = 14
// A stream of one item beside one of thousands is still seen and can be pressed.
const THINNEST = 2

/** The river of a trial: old queue on the left, new queue on the right, the largest on top. Without flows it is empty. */
export function river(flows: Flows, size: RiverSize): River {
  const streams = streamsOf(flows)
  if (streams.length === 0) return { banks: [], streams: [] }
  const nodes = [...banksOf(streams, 'before'), ...banksOf(streams, 'after')]
  const place = new Map(nodes.map((node, index) => [`${node.side} ${node.queue}`, index]))
  const tallest = Math.max(nodes.filter(one => one.side === 'before').length, nodes.length / 2)
  const graph = sankey<Node, Link>()
    .nodeWidth(BANK_WIDTH)
    .nodePadding(Math.min(BETWEEN, size.height / (2 * tallest)))
    .nodeSort((one, other) => other.items - one.items || compare(one.queue, other.queue))
    .extent([
      [size.margin, 0],
      [size.width - size.margin, size.height],
    ])({
    nodes,
    links: streams.map(stream => ({
      ...stream,
      source: place.get(`before ${stream.from}`)!,
      target: place.get(`after ${stream.to}`)!,
      value: stream.items,
    })),
  })
  const path = sankeyLinkHorizontal<Node, Link>()
  return {
    banks: graph.nodes.map(({ queue, side, items, x0 = 0, x1 = 0, y0 = 0, y1 = 0 }) => ({
      queue,
      side,
      items,
      x: x0,
      y: y0,
      width: x1 - x0,
      height: Math.max(y1 - y0, THINNEST),
    })),
    streams: graph.links.map(link => ({
      from: link.from,
      to: link.to,
      items: link.items,
      stays: link.stays,
      path: path(link) ?? '',
      width: Math.max(link.width ?? 0, THINNEST),
    })),
  }
}

/** A row of the table that says what the river shows. */
export interface RiverRow {
  readonly from: string
  readonly to: string
  readonly items: number
  /** The part of all work of the old queue, from 0 to 1; null where the load is not known. */
  readonly part: number | null
}

/** Work that goes to another queue, the most first. What stays is in the load of the queues. */
export function riverTable(flows: Flows): RiverRow[] {
  const before = new Map(flows.load?.map(load => [load.queue, load.before]))
  return flows.from_to
    .filter(({ items }) => items > 0)
    .map(({ from_queue: from, to_queue: to, items }) => {
      const all = before.get(from)
      return { from, to, items, part: all ? items / all : null }
    })
    .sort(
      (one, other) => other.items - one.items || compare(one.from, other.from) || compare(one.to, other.to),
    )
}

interface Node {
  queue: string
  side: 'before' | 'after'
  items: number
}
interface Link {
  from: string
  to: string
  items: number
  stays: boolean
}

function streamsOf({ from_to, load = [] }: Flows): Link[] {
  const moved = from_to.filter(({ items }) => items > 0)
  const staying = load.map(({ queue, before }) => {
    const gone = moved.filter(({ from_queue }) => from_queue === queue)
    return { queue, items: before - gone.reduce((sum, { items }) => sum + items, 0) }
  })
  return [
    ...moved.map(({ from_queue: from, to_queue: to, items }) => ({ from, to, items, stays: false })),
    ...staying
      .filter(({ items }) => items > 0)
      .map(({ queue, items }) => ({ from: queue, to: queue, items, stays: true })),
  ]
}

function banksOf(streams: readonly Link[], side: 'before' | 'after'): Node[] {
  const items = new Map<string, number>()
  for (const stream of streams) {
    const queue = side === 'before' ? stream.from : stream.to
    items.set(queue, (items.get(queue) ?? 0) + stream.items)
  }
  return [...items].map(([queue, count]) => ({ queue, side, items: count }))
}

function compare(one: string, other: string): number {
  return one < other ? -1 : one > other ? 1 : 0
}
