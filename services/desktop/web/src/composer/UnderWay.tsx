import { Button } from '@/design/controls'
import { Icon } from '@/design/icons'
import { duration } from '@/format/time'
import { useNow } from '@/live/clock'
import { signIn } from '@/session/session'
import { useTexts } from '@/texts/catalogue'
import styles from './composer.module.css'
import { texts } from './texts'
import type { Writing } from './use-place'

/** How the words on their way stand, and what can be done about it. Nothing when none are. */
export function UnderWay({ writing: { place, outbox, sending } }: { writing: Writing }) {
  const t = useTexts(texts)
  switch (sending.state) {
    case 'leaving':
      return (
        <div className={styles.underWay}>
          <Icon name="clock" size={16} />
          <Leaving at={sending.attempt.leavesAt} />
          <Button small onPress={() => outbox.hurry(place)}>
            {t.sendNow}
          </Button>
        </div>
      )
    case 'sending':
      return (
        <div className={styles.underWay}>
          <Icon name="send" size={16} />
          <span>{t.sending}</span>
        </div>
      )
    case 'lost':
      return (
        <div className={styles.underWay} data-tone="soon">
          <Icon name="warning" size={16} />
          <span>{sending.why === 'network' ? t.lost : t.signedOut}</span>
          {sending.why === 'signed-out' && (
            <Button small onPress={signIn}>
              {t.sendNow}
            </Button>
          )}
          <Button small onPress={() => outbox.stop(place)}>
            {t.stop}
          </Button>
        </div>
      )
    default:
      return null
  }
}

function Leaving({ at }: { at: number }) {
  const t = useTexts(texts)
  const now = useNow()
  return <span className="number">{t.leavesIn(duration(Math.max(0, at - now)))}</span>
}
