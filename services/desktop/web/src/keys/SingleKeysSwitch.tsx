import { Switch } from '@/design/fields'
import { useTexts } from '@/texts/catalogue'
import { useSingleKeys } from './shortcuts'
import { texts } from './texts'

export function SingleKeysSwitch() {
  const t = useTexts(texts)
  const [on, set] = useSingleKeys()
  return (
    <div>
      <Switch isSelected={on} onChange={set}>
        {t.singleKeys}
      </Switch>
      <p className="dim small">{t.singleKeysHelp}</p>
    </div>
  )
}
