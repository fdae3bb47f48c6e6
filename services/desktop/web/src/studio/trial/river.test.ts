import { describe, expect, test } from 'vitest'
import { Random } from '../testing/random'
import { type Flows, river, riverTable } from './river'

const FLOWS: Flows = {
  from_to: [
    { from_queue: 'front-desk', to_queue: 'rates', items: 42 },
    { from_queue: 'roads', to_queue: 'front-desk', items: 9 },
  ],
  load: [
    { queue: 'rates', before: 310, after: 352 },
    { queue: 'roads', before: 249, after: 240 },
    { queue: 'front-desk', before: 222, after: 189 },
  ],
}
const SIZE = { width: 600, height: 300, margin: 90 }

describe('the river', () => {
  test('its banks are the load before and after, the largest on top', () => {
    const { banks } = river(FLOWS, SIZE)
    const before = banks.filter(bank => bank.side === 'before').sort((one, other) => one.y - other.y)
    expect(before.map(({ queue, items }) => [queue, items])).toEqual([
      ['rates', 310],
      ['roads', 249],
      ['front-desk', 222],
    ])
    const after = banks.filter(bank => bank.side === 'after')
    expect(Object.fromEntries(after.map(({ queue, items }) => [queue, items]))).toEqual({
      rates: 352,
      roads: 240,
      'front-desk': 189,
    })
  })

  test('what stays is what no stream takes elsewhere', () => {
    const stays = river(FLOWS, SIZE).streams.filter(stream => stream.stays)
    expect(stays.map(({ from, items }) => [from, items])).toEqual([
      ['rates', 310],
      ['roads', 240],
      ['front-desk', 180],
    ])
  })

  test('streams that go elsewhere sum to what the trial counts', () => {
    const elsewhere = river(FLOWS, SIZE).streams.filter(stream => !stream.stays)
    expect(elsewhere.reduce((sum, { items }) => sum + items, 0)).toBe(51)
  })

  test('without flows it is empty, and a shadow without load has the moved work only', () => {
    expect(river({ from_to: [], load: [] }, SIZE)).toEqual({ banks: [], streams: [] })
    expect(river({ from_to: FLOWS.from_to }, SIZE).streams.map(({ stays }) => stays)).toEqual([false, false])
  })

  test('work swapped between two queues is no circle', () => {
    const swapped = [
      { from_queue: 'a', to_queue: 'b', items: 1 },
      { from_queue: 'b', to_queue: 'a', items: 2 },
    ]
    expect(river({ from_to: swapped }, SIZE).banks).toHaveLength(4)
  })

  test('any flows stay within the picture, and no two banks of a side overlap', () => {
    const random = new Random(7)
    for (let run = 0; run < 50; run++) {
      const queues = Array.from({ length: 1 + random.below(20) }, (_, index) => `q${index}`)
      const from_to = queues.map(from_queue => ({
        from_queue,
        to_queue: random.oneOf(queues),
        items: random.below(9000),
      }))
      const { banks, streams } = river({ from_to }, SIZE)
      for (const bank of banks) {
        expect(bank.x).toBeGreaterThanOrEqual(SIZE.margin)
        expect(bank.x + bank.width).toBeLessThanOrEqual(SIZE.width - SIZE.margin + 0.001)
        expect(bank.y).toBeGreaterThanOrEqual(-0.001)
        expect(bank.y + bank.height).toBeLessThanOrEqual(SIZE.height + 2.001)
      }
      for (const side of ['before', 'after'] as const) {
        const sorted = banks.filter(bank => bank.side === side).sort((one, other) => one.y - other.y)
        for (const [place, bank] of sorted.slice(1).entries())
          expect(bank.y).toBeGreaterThan(sorted[place]!.y)
      }
      expect(streams.every(({ path, width }) => /^M[\d.,-]+C/.test(path) && width >= 2)).toBe(true)
    }
  })
})

test('the table has the streams that go elsewhere, the most first, with their part of the queue', () => {
  expect(riverTable(FLOWS)).toEqual([
    { from: 'front-desk', to: 'rates', items: 42, part: 42 / 222 },
    { from: 'roads', to: 'front-desk', items: 9, part: 9 / 249 },
  ])
  expect(riverTable({ from_to: FLOWS.from_to })[0]!.part).toBeNull()
})
