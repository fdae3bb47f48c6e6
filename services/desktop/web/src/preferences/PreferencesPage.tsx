import { useState } from 'react'
import { Segments, Switch } from '@/design/fields'
import { Select } from '@/design/select'
import { Page } from '@/design/show'
import { SingleKeysSwitch } from '@/keys/SingleKeysSwitch'
import { useTexts } from '@/texts/catalogue'
import { LANGUAGES, type Language, setLanguage, useLanguage } from '@/texts/language'
import styles from './PreferencesPage.module.css'
import { setPreferences, usePreferences } from './preferences'
import { texts } from './texts'

const UNDO = [0, 5, 8, 15, 30] as const

export default function PreferencesPage() {
  const t = useTexts(texts)
  const chosen = usePreferences()
  const language = useLanguage()
  const [isRefused, setRefused] = useState(false)

  const notify = async (wanted: boolean) => {
    const allowed = !wanted || (await Notification.requestPermission()) === 'granted'
    setRefused(!allowed)
    setPreferences({ notify: wanted && allowed })
  }
  return (
    <Page title={t.title} lead={t.lead}>
      <div className={styles.form}>
        <Segments
          label={t.language}
          value={language}
          onChange={(value: Language) => setLanguage(value)}
          choices={(Object.keys(LANGUAGES) as Language[]).map(id => ({ id, label: LANGUAGES[id] }))}
        />
        <Segments
          label={t.theme}
          value={chosen.theme}
          onChange={theme => setPreferences({ theme })}
          choices={[
            { id: 'system', label: t.system },
            { id: 'light', label: t.light, icon: 'sun' },
            { id: 'dark', label: t.dark, icon: 'moon' },
          ]}
        />
        <fieldset className={styles.group}>
          <legend>{t.offers}</legend>
          <Switch isSelected={chosen.sound} onChange={sound => setPreferences({ sound })}>
            {t.sound}
          </Switch>
          <Switch isSelected={chosen.notify} onChange={wanted => void notify(wanted)}>
            {t.notify}
          </Switch>
          {isRefused && <p role="alert">{t.notifyRefused}</p>}
        </fieldset>
        <Select
          label={t.undo}
          help={t.undoHelp}
          value={String(chosen.undoSeconds)}
          onChange={value => setPreferences({ undoSeconds: Number(value) })}
          choices={UNDO.map(seconds => ({
            id: String(seconds),
            label: seconds ? t.undoSeconds(seconds) : t.undoNone,
          }))}
        />
        <fieldset className={styles.group}>
          <legend>{t.keys}</legend>
          <SingleKeysSwitch />
        </fieldset>
      </div>
    </Page>
  )
}
