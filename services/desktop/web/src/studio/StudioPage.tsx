import { useQuery, useQueryClient } from '@tanstack/react-query'
import { Link, useNavigate, useParams, useSearch } from '@tanstack/react-router'
import { type ReactNode, useEffect, useMemo, useRef, useState } from 'react'
import { dataOf, newKey, routing } from '@/api/client'
import { announce } from '@/design/announce'
import { Button } from '@/design/controls'
import { Dialog, DialogActions } from '@/design/dialog'
import { TextField } from '@/design/fields'
import { Select } from '@/design/select'
import { Banner, Failed, Loading, Tag } from '@/design/show'
import { toast } from '@/design/toasts'
import { useCommands } from '@/keys/shortcuts'
import { may, useSession } from '@/session/session'
import { useTexts } from '@/texts/catalogue'
import { CalendarPage } from './CalendarPage'
import { Conflict } from './Conflict'
import { checkText } from './check'
import { DocumentPage } from './DocumentPage'
import { NotEditable } from './document/edit'
import { namesOf } from './document/names'
import { read } from './document/reading'
import { formOf, type JsonSchema } from './document/schema'
import { createDraft, DraftStore, type DraftView, useDraft } from './draft'
import type { Finding } from './editor/faults'
import { PublishPage } from './PublishPage'
import { RulesPage } from './RulesPage'
import styles from './studio.module.css'
import { type Studio, StudioContext, useStudio } from './studio-context'
import { TrialPage } from './TrialPage'
import { texts } from './texts'

const PAGES = {
  document: DocumentPage,
  rules: RulesPage,
  trial: TrialPage,
  publish: PublishPage,
  calendars: CalendarPage,
} as const
type PageName = keyof typeof PAGES
const NAMES = Object.keys(PAGES) as PageName[]
const ACTIVE = 'active'

/** The organisation document: written as a draft, tried, and published. */
export default function StudioPage() {
  const { page } = useParams({ from: '/studio/$page' })
  const { draft: id } = useSearch({ from: '/studio/$page' })
  const draft = useQuery({
    queryKey: ['studio', 'draft', id],
    // What is written since stands in the store: it is not read again under it.
    queryFn: () => dataOf(routing.GET('/drafts/{draft_id}', { params: { path: { draft_id: id! } } })),
    enabled: Boolean(id),
    gcTime: 0,
  })
  const active = useQuery({
    queryKey: ['studio', 'configuration'],
    queryFn: () => dataOf(routing.GET('/configuration')),
  })
  const schema = useQuery({
    queryKey: ['studio', 'schema'],
    queryFn: async () => formOf((await dataOf(routing.GET('/configuration/schema'))) as JsonSchema),
  })
  const fields = useQuery({
    queryKey: ['studio', 'fields'],
    queryFn: () => dataOf(routing.GET('/configuration/fields')),
  })
  const parts = [active, schema, fields, ...(id ? [draft] : [])]
  const failed = parts.find(part => part.error)
  const isOpen = !id || draft.data?.state === 'draft'
  if (failed) return <Failed error={failed.error} onRetry={() => void failed.refetch()} />
  if (!active.data || !schema.data || !fields.data || (id && !draft.data)) return <Loading lines={14} />
  return (
    <Open
      // A draft that became a version is read no longer: the active version is.
      key={id && isOpen ? id : ACTIVE}
      name={NAMES.find(name => name === page) ?? 'document'}
      view={id && isOpen ? (draft.data ?? null) : null}
      active={active.data}
      form={schema.data}
      fields={fields.data}
    />
  )
}

interface OpenProps {
  name: PageName
  view: DraftView | null
  active: { readonly configuration_version: number; readonly source: string }
  form: Studio['form']
  fields: Pick<Studio['vocabulary'], 'fields' | 'functions'>
}

function Open({ name, view, active, form, fields }: OpenProps) {
  const t = useTexts(texts)
  const session = useSession()
  // The store outlives new readings of the draft: it has what was written here.
  const [store] = useState(() => (view ? new DraftStore(view) : null))
  const draft = useDraft(store)
  const [findings, setFindings] = useState<readonly Finding[]>([])
  const mayWrite = may(session, 'routing', 'save_draft')
  const text = draft?.text ?? active.source
  const value = useMemo(() => read(text).value, [text])
  const vocabulary = useMemo(
    () => ({ fields: fields.fields, functions: fields.functions, names: namesOf(value) }),
    [fields, value],
  )
  const mayCheck = may(session, 'routing', 'check_configuration') && Boolean(store)
  useChecked(text, mayCheck, findings, setFindings, t.faults)
  const studio: Studio = {
    text,
    value,
    form,
    vocabulary,
    activeVersion: active.configuration_version,
    draft,
    store,
    mayWrite,
    findings,
    change: edit => {
      if (!store) return
      try {
        store.write(edit(store.draft.text))
      } catch (error) {
        if (!(error instanceof NotEditable)) throw error
        toast({ text: t.notEditable(error.message), tone: 'soon' })
      }
    },
    check: mayCheck ? checkText : async () => [],
  }
  const Page = PAGES[name]
  return (
    <StudioContext value={studio}>
      <div className={styles.studio}>
        <Head name={name} />
        {draft?.stand === 'conflict' && <Conflict />}
        {draft?.stand === 'failed' && (
          <Banner
            tone="late"
            alert
            actions={
              <Button small onPress={() => void store?.flush()}>
                {t.saveAgain}
              </Button>
            }
          >
            {t.notSaved(draft.failure ?? '')}
          </Banner>
        )}
        <div className={styles.body}>
          <Page />
        </div>
      </div>
    </StudioContext>
  )
}

/** Checks the text when writing pauses, wherever it was changed, and says what is new once. */
function useChecked(
  text: string,
  isOn: boolean,
  before: readonly Finding[],
  found: (findings: readonly Finding[]) => void,
  say: (findings: readonly Finding[]) => string,
) {
  const last = useRef(before)
  useEffect(() => {
    if (!isOn) return
    let isNewest = true
    const timer = setTimeout(() => {
      checkText(text)
        .then(findings => {
          if (!isNewest || JSON.stringify(findings) === JSON.stringify(last.current)) return
          const announced = findings.length > 0 || last.current.length > 0
          last.current = findings
          found(findings)
          if (announced) announce(say(findings))
        })
        // A check that got no answer is made again at the next change.
        .catch(() => {})
    }, 400)
    return () => {
      isNewest = false
      clearTimeout(timer)
    }
  }, [text, isOn, found, say])
}

function Head({ name }: { name: PageName }) {
  const t = useTexts(texts)
  const go = useNavigate()
  const session = useSession()
  const { draft, activeVersion, findings } = useStudio()
  const [isNew, setNew] = useState(false)
  const drafts = useQuery({
    queryKey: ['studio', 'drafts'],
    queryFn: () => dataOf(routing.GET('/drafts', { params: { query: { limit: 50 } } })),
  })
  const open = (drafts.data?.items ?? []).filter(one => one.state === 'draft')
  const search = draft ? { draft: draft.id } : {}
  useCommands([
    ...NAMES.map((page, index) => ({
      id: `studio.${page}`,
      label: t.pages[page],
      group: t.studio,
      keys: String(index + 1),
      run: () => void go({ to: '/studio/$page', params: { page }, search }),
    })),
    ...(may(session, 'routing', 'create_draft')
      ? [{ id: 'studio.new', label: t.newDraft, group: t.studio, keys: 'c', run: () => setNew(true) }]
      : []),
  ])
  return (
    <header className={styles.head}>
      <h1>{t.studio}</h1>
      <nav className={styles.pages} aria-label={t.studio}>
        {NAMES.map(page => (
          <Link
            key={page}
            to="/studio/$page"
            params={{ page }}
            search={search}
            className={styles.pageLink ?? ''}
            aria-current={page === name ? 'page' : undefined}
          >
            {t.pages[page]}
          </Link>
        ))}
      </nav>
      <div className={styles.drafts}>
        {draft && <StandTag stand={draft.stand} faults={findings.length} />}
        <Select
          label={t.workingOn}
          labelHidden
          value={draft?.id ?? ACTIVE}
          choices={[
            { id: ACTIVE, label: t.active(activeVersion) },
            ...open.map(one => ({ id: one.draft_id, label: one.name, detail: one.changed_by })),
            ...(draft && !open.some(one => one.draft_id === draft.id)
              ? [{ id: draft.id, label: draft.name }]
              : []),
          ]}
          onChange={id =>
            void go({
              to: '/studio/$page',
              params: { page: name },
              search: id === ACTIVE ? {} : { draft: id },
            })
          }
        />
        {may(session, 'routing', 'create_draft') && (
          <Button icon="plus" kind={draft ? 'quiet' : 'primary'} onPress={() => setNew(true)}>
            {t.newDraft}
          </Button>
        )}
      </div>
      {isNew && (
        <NewDraft
          onClose={() => setNew(false)}
          onCreated={view => {
            setNew(false)
            void drafts.refetch()
            void go({ to: '/studio/$page', params: { page: name }, search: { draft: view.draft_id } })
          }}
        />
      )}
    </header>
  )
}

function StandTag({ stand, faults }: { stand: keyof typeof TONES; faults: number }): ReactNode {
  const t = useTexts(texts)
  return (
    <>
      {faults > 0 && <Tag tone="late">{t.faultCount(faults)}</Tag>}
      <Tag tone={TONES[stand]}>{t.stands[stand]}</Tag>
    </>
  )
}
const TONES = {
  saved: 'good',
  changed: undefined,
  saving: undefined,
  conflict: 'soon',
  failed: 'late',
} as const

function NewDraft({ onClose, onCreated }: { onClose: () => void; onCreated: (view: DraftView) => void }) {
  const t = useTexts(texts)
  const [key] = useState(newKey)
  const [name, setName] = useState('')
  const [why, setWhy] = useState('')
  const [failure, setFailure] = useState<string | null>(null)
  const client = useQueryClient()
  const create = async () => {
    try {
      const view = await createDraft(name.trim(), why.trim(), key)
      client.setQueryData(['studio', 'draft', view.draft_id], view)
      onCreated(view)
    } catch (error) {
      setFailure(error instanceof Error ? error.message : String(error))
    }
  }
  return (
    <Dialog title={t.newDraft} isOpen onClose={onClose}>
      <form
        className={styles.stack}
        onSubmit={event => {
          event.preventDefault()
          void create()
        }}
      >
        <TextField label={t.draftName} value={name} onChange={setName} autoFocus isRequired />
        <TextField label={t.draftWhy} value={why} onChange={setWhy} isRequired />
        {failure && (
          <Banner tone="late" alert>
            {failure}
          </Banner>
        )}
        <DialogActions>
          <Button onPress={onClose}>{t.cancel}</Button>
          <Button kind="primary" type="submit" isDisabled={!name.trim() || !why.trim()}>
            {t.create}
          </Button>
        </DialogActions>
      </form>
    </Dialog>
  )
}
