import {
  createRootRoute,
  createRoute,
  createRouter,
  lazyRouteComponent,
  redirect,
} from '@tanstack/react-router'
import { Button } from '@/design/controls'
import { Empty, Loading } from '@/design/show'
import { inboxSearch } from '@/inbox/search'
import { useTexts } from '@/texts/catalogue'
import { Shell } from './Shell'
import { texts } from './texts'

const root = createRootRoute({ component: Shell, notFoundComponent: NotFound, errorComponent: PageFailed })

const home = createRoute({
  getParentRoute: () => root,
  path: '/',
  beforeLoad: () => {
    throw redirect({ to: '/inbox' })
  },
})
const inbox = createRoute({
  getParentRoute: () => root,
  path: '/inbox',
  validateSearch: inboxSearch,
  component: lazyRouteComponent(() => import('@/inbox/InboxPage')),
})
const oneCase = createRoute({
  getParentRoute: () => root,
  path: '/cases/$caseId',
  component: lazyRouteComponent(() => import('@/case/CasePage')),
})
const customers = createRoute({
  getParentRoute: () => root,
  path: '/customers',
  component: lazyRouteComponent(() => import('@/customer/CustomersPage')),
})
const customer = createRoute({
  getParentRoute: () => root,
  path: '/customers/$customerId',
  component: lazyRouteComponent(() => import('@/customer/CustomerPage')),
})
const floor = createRoute({
  getParentRoute: () => root,
  path: '/floor',
  component: lazyRouteComponent(() => import('@/floor/FloorPage')),
})
const wall = createRoute({
  getParentRoute: () => root,
  path: '/wall',
  component: lazyRouteComponent(() => import('@/floor/WallPage')),
})
const studio = createRoute({
  getParentRoute: () => root,
  path: '/studio',
  component: lazyRouteComponent(() => import('@/studio/StudioPage')),
})
const admin = createRoute({
  getParentRoute: () => root,
  path: '/admin',
  beforeLoad: () => {
    throw redirect({ to: '/admin/$part', params: { part: 'connections' } })
  },
})
const adminPart = createRoute({
  getParentRoute: () => root,
  path: '/admin/$part',
  component: lazyRouteComponent(() => import('@/admin/AdminPage')),
})
const setup = createRoute({
  getParentRoute: () => root,
  path: '/setup',
  component: lazyRouteComponent(() => import('@/setup/SetupPage')),
})
const preferences = createRoute({
  getParentRoute: () => root,
  path: '/preferences',
  component: lazyRouteComponent(() => import('@/preferences/PreferencesPage')),
})

export const router = createRouter({
  routeTree: root.addChildren([
    home,
    inbox,
    oneCase,
    customers,
    customer,
    floor,
    wall,
    studio,
    admin,
    adminPart,
    setup,
    preferences,
  ]),
  defaultPreload: 'intent',
  defaultPendingComponent: Loading,
  scrollRestoration: false,
})

declare module '@tanstack/react-router' {
  interface Register {
    router: typeof router
  }
}

function NotFound() {
  const t = useTexts(texts)
  return (
    <Empty icon="search" title={t.notFound}>
      <a href="/inbox">{t.toInbox}</a>
    </Empty>
  )
}

/** A page that threw, or whose code is no longer there because a newer version is served. */
function PageFailed({ error }: { error: unknown }) {
  const t = useTexts(texts)
  return (
    <Empty icon="warning" title={t.failed}>
      <p>{error instanceof Error ? error.message : String(error)}</p>
      <Button onPress={() => location.reload()}>{t.reload}</Button>
    </Empty>
  )
}
