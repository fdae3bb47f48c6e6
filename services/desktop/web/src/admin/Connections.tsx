import { useQuery } from '@tanstack/react-query'
import { useState } from 'react'
import { answerOf, dataOf, ingestEmail, ingestSocial, newKey } from '@/api/client'
import type { ConnectionView, LoginResult } from '@/api/ingest-email'
import { ApiProblem } from '@/api/problem'
import { announce } from '@/design/announce'
import { Button } from '@/design/controls'
import { Dialog, DialogActions } from '@/design/dialog'
import { TextField } from '@/design/fields'
import { Icon } from '@/design/icons'
import { Empty, Failed, Loading, Moment, Since, Tag, type Tone } from '@/design/show'
import { toast } from '@/design/toasts'
import { may, useSession } from '@/session/session'
import { useTexts } from '@/texts/catalogue'
import styles from './admin.module.css'
import { texts } from './texts'

type Channel = 'ingest-email' | 'ingest-social'
interface Connection extends ConnectionView {
  readonly channel: Channel
}

/** Every mailbox and account of the organisation: whether it is read, why not, and what can be done. */
export function Connections() {
  const t = useTexts(texts)
  const { data, error, refetch } = useQuery({
    queryKey: ['connections'],
    queryFn: readAll,
    refetchInterval: 10_000,
  })
  if (error && !data) return <Failed error={error} onRetry={() => void refetch()} />
  if (!data) return <Loading />
  if (data.length === 0)
    return (
      <Empty icon="plug" title={t.noConnections}>
        <p>{t.noConnectionsLead}</p>
      </Empty>
    )
  return (
    <ul className={styles.connections} aria-label={t.connections}>
      {data.map(one => (
        <OneConnection key={one.channel + one.name} connection={one} onChanged={() => void refetch()} />
      ))}
    </ul>
  )
}

async function readAll(): Promise<Connection[]> {
  const [mailboxes, accounts] = await Promise.all([
    dataOf(ingestEmail.GET('/connections')),
    dataOf(ingestSocial.GET('/connections')),
  ])
  return [
    ...mailboxes.map(one => ({ ...one, channel: 'ingest-email' as const })),
    ...accounts.map(one => ({ ...one, channel: 'ingest-social' as const })),
  ]
}

const TONES: Readonly<Record<ConnectionView['state'], Tone | undefined>> = {
  connected: 'good',
  'not-connected': 'late',
  disabled: undefined,
}

function OneConnection({ connection, onChanged }: { connection: Connection; onChanged: () => void }) {
  const t = useTexts(texts)
  const session = useSession()
  const [isTesting, setTesting] = useState(false)
  const [result, setResult] = useState<LoginResult | ApiProblem | null>(null)
  const [isAsking, setAsking] = useState(false)
  const { channel, name } = connection
  const logsIn = connection.server !== null && connection.state !== 'disabled'
  const isTested = logsIn && may(session, channel, 'check_connection')
  const isSecret = logsIn && may(session, channel, 'set_connection_secret')

  const test = async () => {
    setTesting(true)
    setResult(null)
    announce(t.testing)
    try {
      const answer = await tried(channel, name)
      setResult(answer)
      announce(wordsOf(answer, t))
      onChanged()
    } catch (error) {
      setResult(error as ApiProblem)
      announce(wordsOf(error as ApiProblem, t))
    } finally {
      setTesting(false)
    }
  }
  return (
    <li className={styles.connection} aria-label={name}>
      <span className={styles.channel}>
        <Icon name={channel === 'ingest-email' ? 'email' : 'social'} size={20} />
      </span>
      <div className={styles.about}>
        <h2>
          <span>{name}</span>
          <Tag tone={TONES[connection.state]}>{t.stateOf[connection.state]}</Tag>
        </h2>
        <p className="dim">
          {connection.kind === 'smtp' ? t.bySmtp : t.by(connection.kind, connection.server ?? '')}
        </p>
        {connection.detail && <p className={styles.reason}>{connection.detail}</p>}
        {(connection.last_success_at || connection.last_error_at) && (
          <dl className={styles.facts}>
            {connection.last_success_at && (
              <div>
                <dt>{t.lastSuccess}</dt>
                <dd>
                  <Moment at={connection.last_success_at} />
                </dd>
              </div>
            )}
            {connection.last_error_at && (
              <div>
                <dt>{t.lastError}</dt>
                <dd>
                  {t.ago} <Since at={connection.last_error_at} />
                  {connection.last_error && <>: {connection.last_error}</>}
                </dd>
              </div>
            )}
          </dl>
        )}
        <p className={styles.result} data-tone={result ? toneOf(result) : undefined}>
          {isTesting ? t.testing : result && wordsOf(result, t)}
        </p>
      </div>
      <div className={styles.acts}>
        {isTested && (
          <Button small icon="play" isDisabled={isTesting} onPress={() => void test()}>
            {t.test}
          </Button>
        )}
        {isSecret && (
          <Button small icon="key" onPress={() => setAsking(true)}>
            {t.setSecret}
          </Button>
        )}
      </div>
      <SecretDialog
        connection={connection}
        isOpen={isAsking}
        onClose={() => setAsking(false)}
        onSet={() => {
          toast({ text: t.secretSet(name), tone: 'good' })
          setAsking(false)
          void test()
        }}
      />
    </li>
  )
}

function toneOf(result: LoginResult | ApiProblem): Tone {
  return !(result instanceof ApiProblem) && result.state === 'connected' ? 'good' : 'late'
}

type Words = Readonly<Record<'noAnswer' | 'testGood', string>>
function wordsOf(result: LoginResult | ApiProblem, t: Words): string {
  if (result instanceof ApiProblem) return result.isLost ? t.noAnswer : result.message
  if (result.state === 'connected') return t.testGood
  return [result.detail, result.error].filter(Boolean).join(' ')
}

function tried(channel: Channel, name: string): Promise<LoginResult> {
  const params = { path: { name }, header: { 'Idempotency-Key': newKey() } }
  return channel === 'ingest-email'
    ? dataOf(ingestEmail.POST('/connections/{name}/test', { params }))
    : dataOf(ingestSocial.POST('/connections/{name}/test', { params }))
}

/** Asks for the password of a connection. What is there already is never shown. */
function SecretDialog({
  connection,
  isOpen,
  onClose,
  onSet,
}: {
  connection: Connection
  isOpen: boolean
  onClose: () => void
  onSet: () => void
}) {
  const t = useTexts(texts)
  const [secret, setSecret] = useState('')
  const [fault, setFault] = useState<string | null>(null)
  const [isBusy, setBusy] = useState(false)
  const close = () => {
    setSecret('')
    setFault(null)
    onClose()
  }
  const save = async () => {
    setBusy(true)
    setFault(null)
    const asked = { params: { path: { name: connection.name } }, body: { secret } }
    try {
      await (connection.channel === 'ingest-email'
        ? answerOf(ingestEmail.PUT('/connections/{name}/secret', asked))
        : answerOf(ingestSocial.PUT('/connections/{name}/secret', asked)))
      setSecret('')
      onSet()
    } catch (error) {
      setFault(error instanceof ApiProblem && !error.isLost ? error.message : t.noAnswer)
    } finally {
      setBusy(false)
    }
  }
  return (
    <Dialog title={t.secretOf(connection.name)} isOpen={isOpen} onClose={close}>
      <form
        className={styles.form}
        onSubmit={event => {
          event.preventDefault()
          if (secret && !isBusy) void save()
        }}
      >
        <TextField
          label={t.password}
          help={t.passwordHelp(connection.server ?? '')}
          fault={fault}
          type="password"
          autoComplete="off"
          value={secret}
          onChange={setSecret}
          autoFocus
        />
        <DialogActions>
          <Button onPress={close}>{t.cancel}</Button>
          <Button kind="primary" type="submit" isDisabled={!secret || isBusy}>
            {t.saveAndTest}
          </Button>
        </DialogActions>
      </form>
    </Dialog>
  )
}
