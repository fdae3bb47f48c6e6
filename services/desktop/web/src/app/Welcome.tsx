import { Button } from '@/design/controls'
import { signIn } from '@/session/session'
import { useTexts } from '@/texts/catalogue'
import icon from './icon.svg'
import styles from './shell.module.css'
import { texts } from './texts'

/** What is shown to who is not signed in: the first time, or because the session ended. */
export function Welcome({
  ended,
  failed,
  onRetry,
}: {
  ended: boolean
  failed: boolean
  onRetry: () => void
}) {
  const t = useTexts(texts)
  return (
    <main className={styles.welcome}>
      <img src={icon} alt="" />
      <h1>{failed ? t.noServer : ended ? t.signedOut : 'Antiphon'}</h1>
      {!failed && <p className="dim">{ended ? t.signedOutLead : t.signInLead}</p>}
      <Button kind="primary" autoFocus onPress={failed ? onRetry : signIn}>
        {failed ? t.again : t.signIn}
      </Button>
    </main>
  )
}
