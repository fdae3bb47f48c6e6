import { Link, Outlet, useNavigate } from '@tanstack/react-router'
import { lazy, Suspense, useEffect, useState } from 'react'
import { caseMgmt, dataOf } from '@/api/client'
import { Announcements } from '@/design/announce'
import { Icon, type IconName } from '@/design/icons'
import { Banner } from '@/design/show'
import { Toasts } from '@/design/toasts'
import { listen, useCommands } from '@/keys/shortcuts'
import { texts as keyTexts } from '@/keys/texts'
import { useStand } from '@/live/changes'
import { may, type Role, signOut, useSession } from '@/session/session'
import { useTexts } from '@/texts/catalogue'
import icon from './icon.svg'
import styles from './shell.module.css'
import { texts } from './texts'

interface Place {
  readonly to: string
  readonly text: 'inbox' | 'customers' | 'floor' | 'wall' | 'studio' | 'admin'
  readonly icon: IconName
  readonly keys: string
  readonly roles: readonly Role[]
}

const STAFF: readonly Role[] = ['agent', 'supervisor', 'manager', 'operations', 'administrator']
const OVERSEERS: readonly Role[] = ['supervisor', 'manager', 'operations', 'administrator']
const PLACES: readonly Place[] = [
  { to: '/inbox', text: 'inbox', icon: 'inbox', keys: 'g i', roles: STAFF },
  { to: '/customers', text: 'customers', icon: 'customer', keys: 'g c', roles: STAFF },
  { to: '/floor', text: 'floor', icon: 'floor', keys: 'g f', roles: OVERSEERS },
  { to: '/wall', text: 'wall', icon: 'wall', keys: 'g w', roles: OVERSEERS },
  { to: '/studio', text: 'studio', icon: 'studio', keys: 'g s', roles: OVERSEERS },
  { to: '/admin', text: 'admin', icon: 'admin', keys: 'g o', roles: ['operations', 'administrator'] },
]

const PresenceMenu = lazy(() => import('@/presence/PresenceMenu'))
const PresenceBanner = lazy(() => import('@/presence/PresenceBanner'))
const Offer = lazy(() => import('@/offer/Offer'))
const AccountMenu = lazy(() => import('./AccountMenu'))
const EmptySystem = lazy(() => import('@/setup/EmptySystem'))
const Palette = lazy(() => import('@/keys/Palette'))
const Help = lazy(() => import('@/keys/Help'))

/** The frame around every page: where to go, how the connection stands, commands and messages. */
export function Shell() {
  const t = useTexts(texts)
  const k = useTexts(keyTexts)
  const session = useSession()
  const go = useNavigate()
  const stand = useStand()
  const [open, setOpen] = useState<'palette' | 'help' | null>(null)
  const places = PLACES.filter(place => place.roles.some(role => session.roles.includes(role)))
  const takesWork = may(session, 'routing', 'get_own_agent')
  useEffect(listen, [])
  // What was being sent before a reload goes on, whatever page is open.
  useEffect(() => {
    void import('@/composer/start').then(({ composing }) => composing(session.subject))
  }, [session.subject])
  useCommands([
    {
      id: 'app.palette',
      label: k.open,
      group: k.general,
      keys: 'Ctrl+K',
      run: () => setOpen('palette'),
      listed: false,
    },
    { id: 'app.help', label: k.help, group: k.general, keys: '?', run: () => setOpen('help') },
    ...places.map(place => ({
      id: `go.${place.text}`,
      label: t[place.text],
      group: t.go,
      keys: place.keys,
      run: () => void go({ to: place.to }),
    })),
    { id: 'go.preferences', label: t.preferences, group: t.go, run: () => void go({ to: '/preferences' }) },
    { id: 'app.sign-out', label: t.signOut, group: k.general, run: () => void signOut() },
  ])
  const openCase = async (reference: string) => {
    const { items } = await dataOf(caseMgmt.GET('/cases', { params: { query: { reference } } }))
    const found = items[0]
    if (found) void go({ to: '/cases/$caseId', params: { caseId: found.case_id } })
  }
  return (
    <div className={styles.shell}>
      <a className={styles.skip} href="#page">
        {t.skip}
      </a>
      <header className={styles.rail}>
        <span className={styles.logo}>
          <img src={icon} alt="Antiphon" width={28} height={28} />
        </span>
        <nav className={styles.nav} aria-label={t.main}>
          {places.map(place => (
            <Link
              key={place.to}
              to={place.to}
              className={styles.link ?? ''}
              activeProps={{ 'aria-current': 'page' }}
            >
              <Icon name={place.icon} size={20} />
              {t[place.text]}
            </Link>
          ))}
        </nav>
        <Suspense fallback={null}>
          {takesWork && <PresenceMenu />}
          <AccountMenu onHelp={() => setOpen('help')} />
        </Suspense>
      </header>
      <div className={styles.main}>
        <div className={styles.bars}>
          {stand === 'lost' && <Banner tone="soon">{t.connectionLost}</Banner>}
          <Suspense fallback={null}>{takesWork && <PresenceBanner />}</Suspense>
          {session.roles.includes('administrator') && (
            <Suspense fallback={null}>
              <EmptySystem />
            </Suspense>
          )}
        </div>
        <main id="page" className={styles.page} tabIndex={-1}>
          <Outlet />
        </main>
      </div>
      <Suspense fallback={null}>{takesWork && <Offer />}</Suspense>
      <Toasts />
      <Announcements />
      <Suspense fallback={null}>
        {open === 'palette' && (
          <Palette onClose={() => setOpen(null)} onCase={reference => void openCase(reference)} />
        )}
        {open === 'help' && <Help onClose={() => setOpen(null)} />}
      </Suspense>
    </div>
  )
}
