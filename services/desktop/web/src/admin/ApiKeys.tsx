import { useInfiniteQuery } from '@tanstack/react-query'
import { useEffect, useRef, useState } from 'react'
import { answerOf, dataOf } from '@/api/client'
import type { ApiKeyView } from '@/api/desktop'
import { ApiProblem } from '@/api/problem'
import { Button } from '@/design/controls'
import { Confirm } from '@/design/dialog'
import { Card, Empty, Failed, Loading, Moment, Table, Tag, type Tone } from '@/design/show'
import { toast } from '@/design/toasts'
import { day } from '@/format/time'
import { useTexts } from '@/texts/catalogue'
import styles from './admin.module.css'
import { NewApiKeyDialog } from './NewApiKeyDialog'
import { desktop } from './services'
import { texts } from './texts'

const TONES: Readonly<Record<ApiKeyView['state'], Tone | undefined>> = {
  active: 'good',
  expired: undefined,
  revoked: undefined,
}

/** The keys with which programs get tokens: who has which, how long they hold, and their end. */
export function ApiKeys() {
  const t = useTexts(texts)
  const [isCreating, setCreating] = useState(false)
  const [revoked, setRevoked] = useState(0)
  const top = useRef<HTMLParagraphElement>(null)
  const [ending, setEnding] = useState<ApiKeyView | null>(null)
  const { data, error, refetch, hasNextPage, fetchNextPage } = useInfiniteQuery({
    queryKey: ['api-keys'],
    queryFn: ({ pageParam }) =>
      dataOf(desktop.GET('/api-keys', { params: { query: { cursor: pageParam } } })),
    initialPageParam: null as string | null,
    getNextPageParam: last => last.next,
  })
  // The button that was pressed is gone with its key: the focus goes to what stays.
  useEffect(() => {
    if (revoked && document.activeElement === document.body) top.current?.focus()
  }, [revoked])
  const revoke = async (key: ApiKeyView) => {
    setEnding(null)
    try {
      await answerOf(
        desktop.DELETE('/api-keys/{api_key_id}', { params: { path: { api_key_id: key.api_key_id } } }),
      )
      toast({ text: t.revoked(key.name) })
    } catch (problem) {
      const words = problem instanceof ApiProblem && !problem.isLost ? problem.message : t.noAnswer
      toast({ text: words, tone: 'late' })
    }
    await refetch()
    setRevoked(now => now + 1)
  }
  if (error && !data) return <Failed error={error} onRetry={() => void refetch()} />
  if (!data) return <Loading />
  const keys = data.pages.flatMap(page => page.items)
  return (
    <div className={styles.list}>
      <div className={styles.head}>
        <p className="dim" ref={top} tabIndex={-1}>
          {t.apiKeysLead}
        </p>
        <Button kind="primary" icon="plus" onPress={() => setCreating(true)}>
          {t.newKey}
        </Button>
      </div>
      {keys.length === 0 ? (
        <Empty icon="key" title={t.noKeys} />
      ) : (
        <Card>
          <Table
            caption={t.apiKeys}
            columns={[
              t.program,
              t.state,
              t.roles,
              t.created,
              t.expires,
              t.lastUsed,
              <span key="acts" className="hidden">
                {t.acts}
              </span>,
            ]}
          >
            {keys.map(key => (
              <tr key={key.api_key_id} data-over={key.state !== 'active' || undefined}>
                <th scope="row">{key.name}</th>
                <td>
                  <Tag tone={TONES[key.state]}>{t.keyStateOf[key.state]}</Tag>
                  {key.revoked_by && <span className={styles.second}>{t.byPerson(key.revoked_by)}</span>}
                </td>
                <td>{key.roles.map(role => t.roleOf[role]).join(', ')}</td>
                <td>
                  <Moment at={key.created_at} />
                  <span className={styles.second}>{t.byPerson(key.created_by)}</span>
                </td>
                <td>{day(key.expires_at)}</td>
                <td>
                  {key.last_used_at ? (
                    <Moment at={key.last_used_at} />
                  ) : (
                    <span className="dim">{t.never}</span>
                  )}
                </td>
                <td className={styles.end}>
                  {key.state === 'active' && (
                    <Button
                      small
                      kind="danger"
                      onPress={() => setEnding(key)}
                      aria-label={t.revokeOne(key.name)}
                    >
                      {t.revoke}
                    </Button>
                  )}
                </td>
              </tr>
            ))}
          </Table>
        </Card>
      )}
      {hasNextPage && (
        <div>
          <Button onPress={() => void fetchNextPage()}>{t.more}</Button>
        </div>
      )}
      {isCreating && <NewApiKeyDialog onClose={() => setCreating(false)} onCreated={() => void refetch()} />}
      <Confirm
        title={t.revokeOne(ending?.name ?? '')}
        isOpen={ending !== null}
        onClose={() => setEnding(null)}
        onConfirm={() => ending && void revoke(ending)}
        confirm={t.revoke}
        cancel={t.cancel}
        danger
      >
        {t.revokeLead}
      </Confirm>
    </div>
  )
}
