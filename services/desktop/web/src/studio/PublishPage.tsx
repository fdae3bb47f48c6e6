import { useQuery, useQueryClient } from '@tanstack/react-query'
import { useState } from 'react'
import { dataOf, newKey, routing } from '@/api/client'
import { ApiProblem } from '@/api/problem'
import type { components } from '@/api/routing'
import { Button } from '@/design/controls'
import { Dialog, DialogActions } from '@/design/dialog'
import { Checkbox, Segments, TextField } from '@/design/fields'
import { Banner, Failed, Loading, Moment, Table, Tag } from '@/design/show'
import { toast } from '@/design/toasts'
import { number } from '@/format/number'
import { useCommands } from '@/keys/shortcuts'
import { may, useSession } from '@/session/session'
import { useTexts } from '@/texts/catalogue'
import { Differences, Sentences } from './DocumentPage'
import styles from './studio.module.css'
import { useStudio } from './studio-context'
import { useNewestTrial } from './TrialPage'
import { texts } from './texts'

/** A draft becomes the active version; who waits for a second person; the versions, and the way back. */
export function PublishPage() {
  const { draft } = useStudio()
  return (
    <div className={styles.wide}>
      {draft && <Publish draftId={draft.id} revision={draft.revision} />}
      <Publications />
      <History />
    </div>
  )
}

function useRenewal() {
  const client = useQueryClient()
  return () => client.invalidateQueries({ queryKey: ['studio'] })
}

type When = 'now' | 'at' | 'part'

function Publish({ draftId, revision }: { draftId: string; revision: number }) {
  const t = useTexts(texts)
  const session = useSession()
  const { draft, store, findings } = useStudio()
  const trial = useNewestTrial(draftId).data
  const renew = useRenewal()
  const [key, setKey] = useState(newKey)
  const [why, setWhy] = useState('')
  const [when, setWhen] = useState<When>('now')
  const [at, setAt] = useState('')
  const [part, setPart] = useState('10')
  const [cites, setCites] = useState(true)
  const [failure, setFailure] = useState<string | null>(null)
  const isTried = trial?.state === 'done' && trial.draft_revision === revision
  const publish = async () => {
    setFailure(null)
    try {
      await store?.flush()
      const answer = await dataOf(
        routing.POST('/drafts/{draft_id}/publish', {
          params: {
            path: { draft_id: draftId },
            header: { 'If-Match': `"${store?.draft.revision ?? revision}"`, 'Idempotency-Key': key },
          },
          body: {
            why: why.trim(),
            rollout: when === 'part' ? Number(part) : 100,
            ...(isTried && cites && { trial_id: trial.trial_id }),
            ...(when === 'at' && at && { begins_at: new Date(at).toISOString() }),
          },
        }),
      )
      toast({ text: publishedText(answer, t), tone: 'good' })
      await renew()
    } catch (error) {
      // What was refused took no effect: the next press is another request.
      if (!(error instanceof ApiProblem) || !error.isLost) setKey(newKey())
      setFailure(error instanceof Error ? error.message : String(error))
    }
  }
  if (!may(session, 'routing', 'publish_draft')) return null
  return (
    <section className={styles.stack} aria-label={t.publish}>
      <h2>{t.publishDraft(draft?.name ?? '')}</h2>
      <Differences draftId={draftId} revision={revision} />
      {findings.length > 0 && <Banner tone="late">{t.faults(findings)}</Banner>}
      <form
        className={styles.form}
        onSubmit={event => {
          event.preventDefault()
          void publish()
        }}
      >
        <TextField label={t.why} help={t.whyHelp} value={why} onChange={setWhy} />
        <div className={styles.adding}>
          <Segments
            label={t.whenPublished}
            value={when}
            onChange={setWhen}
            choices={[
              { id: 'now', label: t.now },
              { id: 'at', label: t.atTime },
              { id: 'part', label: t.forPart },
            ]}
          />
          {when === 'at' && <TextField label={t.begins} type="datetime-local" value={at} onChange={setAt} />}
          {when === 'part' && (
            <TextField label={t.percentOfCases} type="number" value={part} onChange={setPart} />
          )}
        </div>
        {isTried ? (
          <Checkbox isSelected={cites} onChange={setCites}>
            {t.citesTrial(trial.result?.decisions ?? 0, trial.result?.elsewhere ?? 0)}
          </Checkbox>
        ) : (
          <p className="dim">{t.notTried}</p>
        )}
        {failure && (
          <Banner tone="late" alert>
            {failure}
          </Banner>
        )}
        <div>
          <Button
            kind="primary"
            type="submit"
            icon="send"
            isDisabled={!why.trim() || findings.length > 0 || (when === 'at' && !at)}
          >
            {t.publish}
          </Button>
        </div>
      </form>
    </section>
  )
}

type Published = components['schemas']['Published']

function publishedText(
  { configuration_version: version, publication }: Published,
  t: { waitsForSecond: string; publishedAs: (version: number) => string; planned: string },
): string {
  if (publication?.state === 'waiting') return t.waitsForSecond
  return version === null ? t.planned : t.publishedAs(version)
}

type Publication = components['schemas']['PublicationView']
const OPEN: readonly Publication['state'][] = ['waiting', 'planned', 'limited']

/** Publications that are under way: what waits can be approved by a second person, a part can be widened, all can be ended. */
function Publications() {
  const t = useTexts(texts)
  const found = useQuery({
    queryKey: ['studio', 'publications'],
    queryFn: () => dataOf(routing.GET('/publications', { params: { query: { limit: 20 } } })),
    refetchInterval: 15_000,
  })
  const open = found.data?.items.filter(one => OPEN.includes(one.state)) ?? []
  if (open.length === 0) return null
  return (
    <section className={styles.stack} aria-label={t.underWay}>
      <h2>{t.underWay}</h2>
      {open.map(one => (
        <OnePublication key={one.publication_id} publication={one} />
      ))}
    </section>
  )
}

function OnePublication({ publication }: { publication: Publication }) {
  const t = useTexts(texts)
  const session = useSession()
  const renew = useRenewal()
  const [why, setWhy] = useState('')
  const [failure, setFailure] = useState<string | null>(null)
  const params = () => ({
    path: { publication_id: publication.publication_id },
    header: { 'Idempotency-Key': newKey() },
  })
  const act = async (what: () => Promise<unknown>) => {
    setFailure(null)
    try {
      await what()
      await renew()
    } catch (error) {
      setFailure(error instanceof Error ? error.message : String(error))
    }
  }
  const isOwn = publication.asked_by === session.subject
  return (
    <article className={styles.item}>
      <p>
        <Tag tone="info">{t.publicationStates[publication.state]}</Tag> {publication.why}{' '}
        <span className="dim small">
          {publication.asked_by} · <Moment at={publication.asked_at} />
          {publication.begins_at && (
            <>
              {' '}
              · {t.begins} <Moment at={publication.begins_at} />
            </>
          )}
          {publication.rollout < 100 && ` · ${number(publication.rollout)} %`}
        </span>
      </p>
      {publication.state === 'waiting' && isOwn && <p className="dim">{t.ownWaits}</p>}
      {may(session, 'routing', 'end_publication') && (
        <div className={styles.adding}>
          <TextField label={t.why} value={why} onChange={setWhy} />
          {publication.state === 'waiting' && !isOwn && (
            <Button
              kind="primary"
              icon="check"
              onPress={() =>
                void act(() =>
                  dataOf(
                    routing.POST('/publications/{publication_id}/approve', {
                      params: params(),
                      body: { why: why.trim() || null },
                    }),
                  ),
                )
              }
            >
              {t.approve}
            </Button>
          )}
          {publication.state === 'limited' && (
            <Button
              icon="up"
              isDisabled={!why.trim()}
              onPress={() =>
                void act(() =>
                  dataOf(
                    routing.POST('/publications/{publication_id}/widen', {
                      params: params(),
                      body: { rollout: 100, why: why.trim() },
                    }),
                  ),
                )
              }
            >
              {t.forAll}
            </Button>
          )}
          <Button
            kind="danger"
            isDisabled={!why.trim()}
            onPress={() =>
              void act(() =>
                dataOf(
                  routing.POST('/publications/{publication_id}/end', {
                    params: params(),
                    body: { why: why.trim() },
                  }),
                ),
              )
            }
          >
            {t.end}
          </Button>
        </div>
      )}
      {failure && (
        <Banner tone="late" alert>
          {failure}
        </Banner>
      )}
    </article>
  )
}

function History() {
  const t = useTexts(texts)
  const session = useSession()
  const [isBack, setBack] = useState(false)
  const [shown, setShown] = useState<number | null>(null)
  const found = useQuery({
    queryKey: ['studio', 'versions'],
    queryFn: () => dataOf(routing.GET('/configuration/versions', { params: { query: { limit: 50 } } })),
  })
  const versions = found.data?.items ?? []
  const mayGoBack = may(session, 'routing', 'restore_previous_version') && versions.length > 1
  useCommands(
    mayGoBack
      ? [{ id: 'studio.back', label: t.back, group: t.studio, keys: 'b', run: () => setBack(true) }]
      : [],
  )
  if (found.error) return <Failed error={found.error} onRetry={() => void found.refetch()} />
  return (
    <section className={styles.stack}>
      <div className={styles.bar}>
        <h2>{t.history}</h2>
        <span className={styles.spring} />
        {mayGoBack && (
          <Button icon="undo" keys="b" onPress={() => setBack(true)}>
            {t.back}
          </Button>
        )}
      </div>
      {found.isPending ? (
        <Loading lines={4} />
      ) : (
        <Table caption={t.history} columns={[t.version, t.state, t.since, t.by, t.why, t.difference]}>
          {versions.map((one, index) => (
            <tr key={one.configuration_version}>
              <th scope="row">{one.configuration_version}</th>
              <td>
                <Tag tone={one.state === 'published' ? 'good' : one.state === 'limited' ? 'info' : undefined}>
                  {t.versionStates[one.state]}
                </Tag>
              </td>
              <td>
                <Moment at={one.loaded_at} />
              </td>
              <td>{one.loaded_by}</td>
              <td>
                {one.why ?? <span className="dim">{t.noReason}</span>}
                {one.restores !== null && <span className="dim"> {t.restores(one.restores)}</span>}
                {one.trial_id && <span className="dim"> {t.tried}</span>}
              </td>
              <td>
                {index < versions.length - 1 && (
                  <Button small kind="quiet" onPress={() => setShown(index)}>
                    {t.difference}
                  </Button>
                )}
              </td>
            </tr>
          ))}
        </Table>
      )}
      {shown !== null && (
        <Dialog
          title={t.differenceOf(versions[shown]!.configuration_version)}
          isOpen
          onClose={() => setShown(null)}
          wide
        >
          <VersionDifference
            from={versions[shown + 1]!.configuration_version}
            to={versions[shown]!.configuration_version}
          />
        </Dialog>
      )}
      {isBack && versions[0] && (
        <Back active={versions[0].configuration_version} onClose={() => setBack(false)} />
      )}
    </section>
  )
}

function VersionDifference({ from, to }: { from: number; to: number }) {
  const t = useTexts(texts)
  const found = useQuery({
    queryKey: ['studio', 'versions', from, to],
    queryFn: () =>
      dataOf(
        routing.GET('/configuration/versions/{configuration_version}/difference', {
          params: { path: { configuration_version: from }, query: { to } },
        }),
      ),
  })
  if (found.error) return <Failed error={found.error} onRetry={() => void found.refetch()} />
  if (!found.data) return <Loading lines={3} />
  return <Sentences sentences={found.data.differences} none={t.noDifference} />
}

/** Takes the active version back: two keys (b, Enter) and the reason between them. */
function Back({ active, onClose }: { active: number; onClose: () => void }) {
  const t = useTexts(texts)
  const renew = useRenewal()
  const [key, setKey] = useState(newKey)
  const [why, setWhy] = useState('')
  const [failure, setFailure] = useState<string | null>(null)
  const goBack = async () => {
    setFailure(null)
    try {
      const answer = await dataOf(
        routing.POST('/configuration/back', {
          params: { header: { 'If-Match': `"${active}"`, 'Idempotency-Key': key } },
          body: { why: why.trim() },
        }),
      )
      toast({ text: publishedText(answer, t), tone: 'good' })
      await renew()
      onClose()
    } catch (error) {
      if (!(error instanceof ApiProblem) || !error.isLost) setKey(newKey())
      setFailure(error instanceof Error ? error.message : String(error))
    }
  }
  return (
    <Dialog title={t.backTitle(active)} isOpen onClose={onClose}>
      <form
        className={styles.stack}
        onSubmit={event => {
          event.preventDefault()
          if (why.trim()) void goBack()
        }}
      >
        <p>{t.backHelp}</p>
        <TextField label={t.why} value={why} onChange={setWhy} autoFocus />
        {failure && (
          <Banner tone="late" alert>
            {failure}
          </Banner>
        )}
        <DialogActions>
          <Button onPress={onClose}>{t.cancel}</Button>
          <Button kind="danger" type="submit" keys="Enter" isDisabled={!why.trim()}>
            {t.back}
          </Button>
        </DialogActions>
      </form>
    </Dialog>
  )
}
