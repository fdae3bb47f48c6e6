import { Icon } from '@/design/icons'
import { duration, exactTime } from '@/format/time'
import { useTexts } from '@/texts/catalogue'
import styles from './floor.module.css'
import { useStaleness } from './live-state'
import { texts } from './texts'

/** Of when what is shown is; when the server is silent, since when. */
export function Age({ at }: { at: string }) {
  const t = useTexts(texts)
  const silent = useStaleness()
  return (
    <span className={styles.age} data-stale={silent !== null || undefined} role="status">
      <Icon name={silent === null ? 'clock' : 'warning'} size={14} />
      {silent === null ? t.fresh(exactTime(at)) : t.stale(duration(silent))}
    </span>
  )
}
