import { useNavigate, useParams } from '@tanstack/react-router'
import type { ReactNode } from 'react'
import { Page } from '@/design/show'
import { Tabs } from '@/design/tabs'
import { may, useSession } from '@/session/session'
import { useTexts } from '@/texts/catalogue'
import { ApiKeys } from './ApiKeys'
import styles from './admin.module.css'
import { Connections } from './Connections'
import { FailedEvents } from './FailedEvents'
import { Health } from './Health'
import { texts } from './texts'

const PARTS = ['connections', 'dead-letters', 'parked-events', 'health', 'api-keys'] as const
type Part = (typeof PARTS)[number]

/** What operations and administrators look after. Each part has an address. */
export default function AdminPage() {
  const t = useTexts(texts)
  const session = useSession()
  const go = useNavigate()
  const { part } = useParams({ strict: false })
  const keys = may(session, 'desktop', 'list_api_keys')
  return (
    <Page title={t.title} lead={t.lead}>
      <Tabs
        label={t.title}
        value={PARTS.find(one => one === part) ?? 'connections'}
        onChange={(chosen: Part) => void go({ to: '/admin/$part', params: { part: chosen } })}
        parts={[
          { id: 'connections', label: t.connections, content: () => <Shown part={<Connections />} /> },
          {
            id: 'dead-letters',
            label: t.deadLetters,
            content: () => <Shown part={<FailedEvents kind="dead-letters" />} />,
          },
          {
            id: 'parked-events',
            label: t.parkedEvents,
            content: () => <Shown part={<FailedEvents kind="parked-events" />} />,
          },
          { id: 'health', label: t.health, content: () => <Shown part={<Health />} /> },
          ...(keys
            ? [{ id: 'api-keys' as const, label: t.apiKeys, content: () => <Shown part={<ApiKeys />} /> }]
            : []),
        ]}
      />
    </Page>
  )
}

function Shown({ part }: { part: ReactNode }) {
  return <div className={styles.part}>{part}</div>
}
