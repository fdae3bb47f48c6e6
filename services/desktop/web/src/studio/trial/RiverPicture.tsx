import { useMemo } from 'react'
import { classes } from '@/design/controls'
import { number } from '@/format/number'
import { useTexts } from '@/texts/catalogue'
import styles from '../studio.module.css'
import type { StreamChoice } from '../TrialItems'
import { texts } from '../texts'
import { type Flows, river } from './river'

const SIZE = { width: 960, height: 300, margin: 150 }

export interface RiverProps {
  flows: Flows
  /** Promises newly missed, by the queue that work goes to. */
  missed: ReadonlyMap<string, number>
  chosen: StreamChoice | null
  onChoose: ((stream: StreamChoice) => void) | null
}

/** Work from its old queue on the left to its new one on the right. The table below says the same to screen readers. */
export function RiverPicture({ flows, missed, chosen, onChoose }: RiverProps) {
  const t = useTexts(texts)
  const { banks, streams } = useMemo(() => river(flows, SIZE), [flows])
  return (
    <svg
      className={styles.river}
      viewBox={`-4 -8 ${SIZE.width + 8} ${SIZE.height + 16}`}
      aria-hidden="true"
      focusable="false"
    >
      {streams.map(stream => (
        // biome-ignore lint/a11y/noStaticElementInteractions: the table has the same as buttons
        <path
          key={`${stream.from} ${stream.to}`}
          d={stream.path}
          strokeWidth={stream.width}
          className={classes(
            styles.stream,
            stream.stays && styles.stays,
            !stream.stays && (missed.get(stream.to) ?? 0) > 0 && styles.missed,
            !stream.stays && onChoose !== null && styles.pressable,
            chosen?.from === stream.from && chosen.to === stream.to && styles.chosenStream,
          )}
          onClick={() => !stream.stays && onChoose?.({ from: stream.from, to: stream.to })}
        >
          <title>{t.streamTitle(stream.from, stream.to, stream.items)}</title>
        </path>
      ))}
      {banks.map(bank => (
        <g key={`${bank.side} ${bank.queue}`}>
          <rect x={bank.x} y={bank.y} width={bank.width} height={bank.height} className={styles.bank} />
          <text
            x={bank.side === 'before' ? bank.x - 8 : bank.x + bank.width + 8}
            y={bank.y + bank.height / 2}
            textAnchor={bank.side === 'before' ? 'end' : 'start'}
            dominantBaseline="middle"
            className={styles.bankName}
          >
            {bank.queue} {number(bank.items)}
          </text>
        </g>
      ))}
    </svg>
  )
}
