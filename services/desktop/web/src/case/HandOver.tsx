import { useQuery } from '@tanstack/react-query'
import { useRef, useState } from 'react'
import {
  Autocomplete,
  Collection,
  Header as GroupHeader,
  Input,
  ListBox,
  ListBoxItem,
  ListBoxSection,
  SearchField,
  useFilter,
} from 'react-aria-components'
import { dataOf, newKey, routing } from '@/api/client'
import { ApiProblem } from '@/api/problem'
import type { WorkDetail } from '@/api/routing'
import { Button } from '@/design/controls'
import controls from '@/design/controls.module.css'
import { Dialog, DialogActions } from '@/design/dialog'
import { TextField } from '@/design/fields'
import { Icon } from '@/design/icons'
import { Avatar, Banner, Failed, Loading, Tag } from '@/design/show'
import { toast } from '@/design/toasts'
import { may, useSession } from '@/session/session'
import { useTexts } from '@/texts/catalogue'
import styles from './case.module.css'
import { useQueues } from './data'
import { texts } from './texts'

interface Target {
  readonly id: string
  readonly kind: 'agent' | 'queue'
  readonly name: string
  /** How it stands there: who can take it now, and why not. */
  readonly state: string
  readonly isReady: boolean
}

/** Hands the work to a person or a queue, with a note; supervisors also assign it. What is refused says what can be done. */
export default function HandOver({
  mode,
  work,
  onClose,
}: {
  mode: 'transfer' | 'assign'
  work: WorkDetail
  onClose: () => void
}) {
  const t = useTexts(texts)
  const { contains } = useFilter({ sensitivity: 'base' })
  const { people, queues, error, isPending, retry } = useTargets(mode, work)
  const [target, setTarget] = useState<Target | null>(null)
  const [note, setNote] = useState('')
  const [refused, setRefused] = useState<ApiProblem | null>(null)
  const [busy, setBusy] = useState(false)
  // Kept while nobody knows whether the request took effect, so that it takes effect once.
  const key = useRef<string>(undefined)
  const choose = (id: string) => {
    setRefused(null)
    key.current = undefined
    setTarget([...people, ...queues].find(one => `${one.kind}:${one.id}` === id) ?? null)
  }
  const send = async (wait: boolean) => {
    if (!target || busy) return
    setBusy(true)
    key.current ??= newKey()
    try {
      await handOver(mode, work, target, note.trim(), wait, key.current)
      toast({ text: done(mode, target, wait, t) })
      onClose()
    } catch (problem) {
      if (!(problem instanceof ApiProblem)) throw problem
      if (!problem.isLost) key.current = undefined
      setRefused(problem)
      setBusy(false)
    }
  }
  return (
    <Dialog title={mode === 'assign' ? t.assignTitle : t.transferTitle} isOpen onClose={onClose}>
      {error ? (
        <Failed error={error} onRetry={retry} />
      ) : isPending ? (
        <Loading lines={4} />
      ) : target ? (
        <>
          <div className={styles.target}>
            {target.kind === 'agent' ? <Avatar name={target.name} /> : <Icon name="inbox" size={20} />}
            <span>
              <strong>{target.name}</strong> <span className="dim">{target.state}</span>
            </span>
            <Button small kind="quiet" onPress={() => setTarget(null)}>
              {t.chooseOther}
            </Button>
          </div>
          <TextField
            label={mode === 'assign' ? t.reason : t.note}
            help={mode === 'assign' ? t.reasonHelp : t.noteHelp}
            value={note}
            onChange={words => {
              setNote(words)
              key.current = undefined
            }}
            maxLength={2000}
            rows={3}
            autoFocus
            onKeyDown={event => {
              if (event.key === 'Enter' && (event.ctrlKey || event.metaKey)) {
                event.preventDefault()
                void send(false)
              }
            }}
          />
          {refused && (
            <Banner
              tone="soon"
              alert
              actions={
                refused.kind === 'agent-unavailable' || refused.kind === 'agent-offline' ? (
                  <Button small onPress={() => void send(true)}>
                    {t.waitInstead(target.name)}
                  </Button>
                ) : undefined
              }
            >
              {refused.message}
            </Banner>
          )}
          <DialogActions>
            <Button onPress={onClose}>{t.cancel}</Button>
            <Button kind="primary" keys="Ctrl+Enter" isDisabled={busy} onPress={() => void send(false)}>
              {t.handOver(target.name)}
            </Button>
          </DialogActions>
        </>
      ) : (
        <div className={styles.targets}>
          <Autocomplete filter={contains}>
            <SearchField aria-label={t.find} autoFocus>
              <Input className={controls.input ?? ''} placeholder={t.find} />
            </SearchField>
            <ListBox
              aria-label={t.transferTitle}
              className={styles.targetList ?? ''}
              selectionMode="none"
              onAction={key => choose(String(key))}
              renderEmptyState={() => <p className="dim">{t.noMatch}</p>}
            >
              <Group id="people" title={t.colleagues} targets={people} />
              {queues.length > 0 && <Group id="queues" title={t.queues} targets={queues} />}
            </ListBox>
          </Autocomplete>
        </div>
      )}
    </Dialog>
  )
}

function Group({ id, title, targets }: { id: string; title: string; targets: readonly Target[] }) {
  return (
    <ListBoxSection id={id}>
      <GroupHeader className={controls.heading ?? ''}>{title}</GroupHeader>
      <Collection items={targets.map(target => ({ ...target, key: `${target.kind}:${target.id}` }))}>
        {target => (
          <ListBoxItem id={target.key} textValue={target.name} className={controls.option ?? ''}>
            {target.kind === 'agent' ? <Avatar name={target.name} small /> : <Icon name="inbox" size={16} />}
            <span className={controls.grow}>{target.name}</span>
            {target.isReady ? (
              <Tag tone="good">{target.state}</Tag>
            ) : (
              <span className="dim small">{target.state}</span>
            )}
          </ListBoxItem>
        )}
      </Collection>
    </ListBoxSection>
  )
}

/** Who and what can get the work: people who can be offered it now first. */
function useTargets(mode: 'transfer' | 'assign', work: WorkDetail) {
  const t = useTexts(texts)
  const session = useSession()
  const queues = useQueues()
  const found = useQuery({
    queryKey: ['colleagues'],
    queryFn: () => dataOf(routing.GET('/colleagues')),
    enabled: may(session, 'routing', 'list_colleagues'),
    staleTime: 0,
  })
  const people = (found.data?.items ?? [])
    .filter(one => one.agent_id !== work.agent_id)
    .map(
      (one): Target => ({
        id: one.agent_id,
        kind: 'agent',
        name: one.name,
        state: one.can_be_offered ? t.freeNow : (one.why_not_text ?? one.presence),
        isReady: one.can_be_offered,
      }),
    )
    .sort((one, other) => Number(other.isReady) - Number(one.isReady))
  const others =
    mode === 'assign'
      ? []
      : queues
          .filter(queue => queue.queue !== work.queue)
          .map(
            (queue): Target => ({
              id: queue.queue,
              kind: 'queue',
              name: queue.name,
              state: queue.open
                ? `${t.waiting(queue.waiting)}, ${t.freePeople(queue.agents_free)}`
                : t.notOpen,
              isReady: false,
            }),
          )
  return {
    people,
    queues: others,
    error: found.error,
    isPending: found.isPending,
    retry: () => void found.refetch(),
  }
}

async function handOver(
  mode: 'transfer' | 'assign',
  work: WorkDetail,
  target: Target,
  note: string,
  wait: boolean,
  key: string,
): Promise<void> {
  const params = {
    path: { work_item_id: work.work_item_id },
    header: { 'Idempotency-Key': key },
  }
  if (mode === 'assign') {
    const body = { agent_id: target.id, wait, ...(note && { reason: note }) }
    await dataOf(routing.POST('/work/{work_item_id}/assign', { params, body }))
    return
  }
  const to = target.kind === 'agent' ? { agent_id: target.id } : { queue: target.id }
  const body = { ...to, wait, ...(note && { note }) }
  await dataOf(routing.POST('/work/{work_item_id}/transfer', { params, body }))
}

function done(mode: 'transfer' | 'assign', target: Target, wait: boolean, t: (typeof texts)['en']): string {
  if (wait) return t.handedToWait(target.name)
  return mode === 'assign' ? t.assigned(target.name) : t.handedOver(target.name)
}
