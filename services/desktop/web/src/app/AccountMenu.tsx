import { useNavigate } from '@tanstack/react-router'
import { IconButton } from '@/design/controls'
import { Menu } from '@/design/menu'
import { texts as keyTexts } from '@/keys/texts'
import { signOut, useSession } from '@/session/session'
import { useTexts } from '@/texts/catalogue'
import { texts } from './texts'

/** What a person does with their own account, at the end of the rail. */
export default function AccountMenu({ onHelp }: { onHelp: () => void }) {
  const t = useTexts(texts)
  const k = useTexts(keyTexts)
  const session = useSession()
  const go = useNavigate()
  return (
    <Menu
      label={t.account(session.name)}
      choices={[
        { id: 'preferences', label: t.preferences, run: () => void go({ to: '/preferences' }) },
        { id: 'help', label: k.shortcuts, keys: '?', run: onHelp },
        { id: 'sign-out', label: t.signOut, run: () => void signOut() },
      ]}
    >
      <IconButton icon="customer" label={t.account(session.name)} />
    </Menu>
  )
}
