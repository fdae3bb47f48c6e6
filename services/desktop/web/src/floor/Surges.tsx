import { Banner } from '@/design/show'
import { useTexts } from '@/texts/catalogue'
import type { LiveState } from './live-state'
import { texts } from './texts'

/** That far more arrives than usual, in a queue or with a label. */
export function Surges({ live }: { live: LiveState }) {
  const t = useTexts(texts)
  const sentences = [
    ...live.queues.flatMap(one =>
      one.surge ? [t.surgeQueue(one.name, one.surge.arrived, one.surge.expected)] : [],
    ),
    ...live.labels.map(one => t.surgeLabel(one.label, one.surge.arrived, one.surge.expected)),
  ]
  if (sentences.length === 0) return null
  return (
    <Banner tone="soon" icon="bolt">
      {sentences.join(' ')}
    </Banner>
  )
}
