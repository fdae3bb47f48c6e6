import { locale } from '@/texts/language'

/** `1,234` as the language writes it. */
export function number(value: number, digits = 0): string {
  return new Intl.NumberFormat(locale(), { maximumFractionDigits: digits }).format(value)
}

/** `94 %` of a share from 0 to 1. */
export function percent(share: number): string {
  return new Intl.NumberFormat(locale(), { style: 'percent', maximumFractionDigits: 0 }).format(share)
}

/** `12 kB`, `3.4 MB` */
export function bytes(count: number): string {
  const [value, unit] =
    count < 1e3 ? [count, 'byte'] : count < 1e6 ? [count / 1e3, 'kilobyte'] : [count / 1e6, 'megabyte']
  return new Intl.NumberFormat(locale(), {
    style: 'unit',
    unit,
    maximumFractionDigits: value < 10 ? 1 : 0,
  }).format(value)
}

const segments = new Intl.Segmenter(undefined, { granularity: 'grapheme' })
/** How many characters a reader sees. Source: Unicode UAX 29, extended grapheme clusters. */
export function graphemes(text: string): number {
  let count = 0
  for (const _ of segments.segment(text)) count++
  return count
}
