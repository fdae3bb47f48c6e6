import { useQuery, useQueryClient } from '@tanstack/react-query'
import { useMemo, useRef, useState } from 'react'
import { dataOf, newKey, routing } from '@/api/client'
import { ApiProblem } from '@/api/problem'
import type { components } from '@/api/routing'
import { announce } from '@/design/announce'
import { Button } from '@/design/controls'
import { Segments, TextField } from '@/design/fields'
import { Banner, Empty, Failed, Loading, Moment, Table, Tag } from '@/design/show'
import { number, percent } from '@/format/number'
import { serverNow } from '@/live/clock'
import { may, useSession } from '@/session/session'
import { useTexts } from '@/texts/catalogue'
import { useShadowReport } from './shadow'
import styles from './studio.module.css'
import { useStudio } from './studio-context'
import { type StreamChoice, TrialItems } from './TrialItems'
import { texts } from './texts'
import { RiverPicture } from './trial/RiverPicture'
import { type Flows, riverTable } from './trial/river'

export type Trial = components['schemas']['TrialView']

/** What the draft would have done with the newest traffic, and what its shadow sees of the traffic of now. */
export function TrialPage() {
  const t = useTexts(texts)
  const { draft } = useStudio()
  if (!draft) return <Empty icon="split" title={t.trialNeedsDraft} />
  return (
    <div className={styles.wide}>
      <TrialPart draftId={draft.id} revision={draft.revision} />
      <ShadowPart draftId={draft.id} />
    </div>
  )
}

/** The newest trial of a draft, read again while it runs. */
export function useNewestTrial(draftId: string) {
  return useQuery({
    queryKey: ['studio', 'trial', draftId],
    queryFn: async (): Promise<Trial | null> => {
      const path = { draft_id: draftId }
      const page = await dataOf(
        routing.GET('/drafts/{draft_id}/trials', { params: { path, query: { limit: 1 } } }),
      )
      return page.items[0] ?? null
    },
    refetchInterval: query => (isRunning(query.state.data) ? 700 : false),
  })
}

function isRunning(trial: Trial | null | undefined): boolean {
  return trial?.state === 'asked' || trial?.state === 'running'
}

const SPANS = ['yesterday', '100', '1000'] as const
type Span = (typeof SPANS)[number]
const MOST = 10_000

/** Which decisions are tried: those of yesterday in the browser's time zone, or the newest. */
function spanned(span: Span, now: number): components['schemas']['NewTrial'] {
  if (span !== 'yesterday') return { last: Number(span) }
  const today = new Date(now)
  today.setHours(0, 0, 0, 0)
  const yesterday = new Date(today)
  yesterday.setDate(today.getDate() - 1)
  return { last: MOST, since: yesterday.toISOString(), until: today.toISOString() }
}

function TrialPart({ draftId, revision }: { draftId: string; revision: number }) {
  const t = useTexts(texts)
  const session = useSession()
  const { findings, store } = useStudio()
  const client = useQueryClient()
  const found = useNewestTrial(draftId)
  const [span, setSpan] = useState<Span>('1000')
  const [failure, setFailure] = useState<string | null>(null)
  const trial = found.data
  const running = isRunning(trial)
  const said = useRef('')
  if (trial && said.current !== trial.trial_id + trial.state) {
    if (said.current && trial.state === 'done') announce(t.trialDone(trial.result?.changed ?? 0))
    said.current = trial.trial_id + trial.state
  }
  const begin = async () => {
    setFailure(null)
    try {
      await store?.flush()
      const path = { draft_id: draftId }
      const begun = await dataOf(
        routing.POST('/drafts/{draft_id}/trial', {
          params: { path, header: { 'Idempotency-Key': newKey() } },
          body: spanned(span, serverNow()),
        }),
      )
      client.setQueryData(['studio', 'trial', draftId], begun)
      announce(t.trialBegun)
    } catch (error) {
      setFailure(error instanceof Error ? error.message : String(error))
    }
  }
  const stop = async () => {
    if (!trial) return
    const path = { trial_id: trial.trial_id }
    try {
      const stopped = await dataOf(routing.DELETE('/trials/{trial_id}', { params: { path } }))
      client.setQueryData(['studio', 'trial', draftId], stopped)
      announce(t.trialStates.stopped)
    } catch (error) {
      // It ended meanwhile: what it found is shown.
      if (!(error instanceof ApiProblem)) throw error
      await found.refetch()
    }
  }
  if (found.error) return <Failed error={found.error} onRetry={() => void found.refetch()} />
  return (
    <section className={styles.stack} aria-label={t.trial}>
      <div className={styles.bar}>
        <h2>{t.trial}</h2>
        {trial && (
          <Tag tone={trial.state === 'failed' ? 'late' : undefined}>{t.trialStates[trial.state]}</Tag>
        )}
        {trial && (
          <span className="dim small">
            <Moment at={trial.asked_at} /> · {trial.asked_by}
          </span>
        )}
        <span className={styles.spring} />
        {may(session, 'routing', 'begin_trial') && !running && (
          <>
            <Segments
              label={t.trialLast}
              value={span}
              onChange={setSpan}
              choices={SPANS.map(id => ({
                id,
                label: id === 'yesterday' ? t.yesterday : t.lastItems(Number(id)),
              }))}
            />
            <Button kind="primary" icon="play" onPress={() => void begin()} isDisabled={findings.length > 0}>
              {t.beginTrial}
            </Button>
          </>
        )}
        {running && may(session, 'routing', 'begin_trial') && (
          <Button icon="stop" onPress={() => void stop()}>
            {t.stop}
          </Button>
        )}
      </div>
      {failure && (
        <Banner tone="late" alert>
          {failure}
        </Banner>
      )}
      {found.isPending && <Loading lines={5} />}
      {trial === null && <p className="dim">{t.noTrial}</p>}
      {trial && trial.draft_revision !== revision && !running && <Banner tone="soon">{t.trialOld}</Banner>}
      {trial && running && (
        <div className={styles.progress}>
          <progress aria-label={t.progress} max={trial.total ?? 1} value={trial.total ? trial.done : 0} />
          <span className="dim small">
            {trial.total ? t.progressOf(trial.done, trial.total) : t.trialStates.asked}
          </span>
        </div>
      )}
      {trial?.failure && <Banner tone="late">{trial.failure}</Banner>}
      {trial?.result && <TrialResult key={trial.trial_id} trial={trial} result={trial.result} />}
    </section>
  )
}

function TrialResult({ trial, result }: { trial: Trial; result: components['schemas']['TrialResult'] }) {
  const t = useTexts(texts)
  const [stream, setStream] = useState<StreamChoice | null>(null)
  const { first_response: first } = result
  const missed = useMemo(
    () => new Map(first.newly_missed_by_queue.map(({ queue, items }) => [queue, items])),
    [first],
  )
  const facts: [string, string, 'late' | 'soon' | 'good' | undefined][] = [
    [t.decisions, number(result.decisions), undefined],
    [t.changedItems, number(result.changed), undefined],
    [t.elsewhere, number(result.elsewhere), undefined],
    [t.newlyMissed, number(first.newly_missed), first.newly_missed > 0 ? 'late' : undefined],
    [t.noLongerMissed, number(first.no_longer_missed), first.no_longer_missed > 0 ? 'good' : undefined],
  ]
  return (
    <>
      <dl className={styles.facts}>
        {facts.map(([name, value, tone]) => (
          <div key={name} data-tone={tone}>
            <dt>{name}</dt>
            <dd>{value}</dd>
          </div>
        ))}
      </dl>
      {[...result.notes, ...result.erred.map(one => t.erred(one.rule, one.items))].map(note => (
        <Banner key={note}>{note}</Banner>
      ))}
      <FlowsShown flows={result} missed={missed} onChoose={setStream} chosen={stream} />
      {stream && <TrialItems trialId={trial.trial_id} stream={stream} onClose={() => setStream(null)} />}
      <h3>{t.load}</h3>
      <Table
        caption={t.load}
        columns={[t.queue, t.before, t.after, t.newlyMissed, t.agents, t.onShift, t.capacity]}
      >
        {result.load.map(load => (
          <tr key={load.queue}>
            <th scope="row">{load.queue}</th>
            <td>{number(load.before)}</td>
            <td>{number(load.after)}</td>
            <td>{missed.get(load.queue) ? <Tag tone="late">{number(missed.get(load.queue)!)}</Tag> : '0'}</td>
            <td>{number(load.agents)}</td>
            <td>{number(load.on_shift)}</td>
            <td>{number(load.capacity)}</td>
          </tr>
        ))}
      </Table>
    </>
  )
}

interface FlowsProps {
  flows: Flows
  missed: ReadonlyMap<string, number>
  chosen: StreamChoice | null
  onChoose: ((stream: StreamChoice) => void) | null
}

/** The river, and the table that says the same. */
function FlowsShown({ flows, missed, chosen, onChoose }: FlowsProps) {
  const t = useTexts(texts)
  const rows = riverTable(flows)
  if (rows.length === 0) return <p className="dim">{t.nothingElsewhere}</p>
  return (
    <>
      <RiverPicture flows={flows} missed={missed} chosen={chosen} onChoose={onChoose} />
      <Table
        caption={t.streams}
        columns={[t.fromQueue, t.toQueue, t.items, t.part, t.newlyMissed, t.showItems]}
      >
        {rows.map(row => (
          <tr key={`${row.from} ${row.to}`}>
            <th scope="row">{row.from}</th>
            <td>{row.to}</td>
            <td>{number(row.items)}</td>
            <td>{row.part === null ? '' : percent(row.part)}</td>
            <td>{number(missed.get(row.to) ?? 0)}</td>
            <td>
              {onChoose && (
                <Button small kind="quiet" onPress={() => onChoose({ from: row.from, to: row.to })}>
                  {t.showItems}
                </Button>
              )}
            </td>
          </tr>
        ))}
      </Table>
    </>
  )
}

function ShadowPart({ draftId }: { draftId: string }) {
  const t = useTexts(texts)
  const session = useSession()
  const { findings, store } = useStudio()
  const found = useShadowReport(draftId)
  const [why, setWhy] = useState('')
  const [failure, setFailure] = useState<string | null>(null)
  const shadow = found.data
  const isOn = Boolean(shadow && !shadow.ended_at)
  const act = async (what: () => Promise<unknown>) => {
    setFailure(null)
    try {
      await what()
      await found.refetch()
    } catch (error) {
      setFailure(error instanceof Error ? error.message : String(error))
    }
  }
  const begin = () =>
    act(async () => {
      await store?.flush()
      await dataOf(
        routing.POST('/drafts/{draft_id}/shadow', {
          params: { path: { draft_id: draftId }, header: { 'Idempotency-Key': newKey() } },
          body: { why: why.trim(), hours: 24 },
        }),
      )
    })
  return (
    <section className={styles.stack} aria-label={t.shadow}>
      <div className={styles.bar}>
        <h2>{t.shadow}</h2>
        {shadow && <Tag tone={isOn ? 'info' : undefined}>{isOn ? t.shadowRuns : t.shadowEnded}</Tag>}
        <span className={styles.spring} />
        {isOn && may(session, 'routing', 'end_shadow') && (
          <Button
            icon="stop"
            onPress={() =>
              void act(() =>
                dataOf(
                  routing.DELETE('/shadows/{shadow_id}', {
                    params: { path: { shadow_id: shadow!.shadow_id } },
                  }),
                ),
              )
            }
          >
            {t.endShadow}
          </Button>
        )}
      </div>
      <p className="dim">{t.shadowHelp}</p>
      {!isOn && may(session, 'routing', 'begin_shadow') && (
        <form
          className={styles.adding}
          onSubmit={event => {
            event.preventDefault()
            void begin()
          }}
        >
          <TextField label={t.why} value={why} onChange={setWhy} />
          <Button type="submit" icon="eye" isDisabled={!why.trim() || findings.length > 0}>
            {t.beginShadow}
          </Button>
        </form>
      )}
      {failure && (
        <Banner tone="late" alert>
          {failure}
        </Banner>
      )}
      {shadow && (
        <>
          <p>{t.shadowSeen(shadow.result.decisions, shadow.result.changed, shadow.result.elsewhere)}</p>
          <FlowsShown flows={shadow.result} missed={NONE} chosen={null} onChoose={null} />
        </>
      )}
    </section>
  )
}
const NONE: ReadonlyMap<string, number> = new Map()
