import { useQuery } from '@tanstack/react-query'
import { useMemo, useRef, useState } from 'react'
import { caseMgmt, dataOf, newKey, routing } from '@/api/client'
import type { components } from '@/api/routing'
import { announce } from '@/design/announce'
import { Button, classes, IconButton } from '@/design/controls'
import { TextField } from '@/design/fields'
import { Banner, Empty, Tag } from '@/design/show'
import { number } from '@/format/number'
import { useCommands } from '@/keys/shortcuts'
import { may, useSession } from '@/session/session'
import { useTexts } from '@/texts/catalogue'
import { edit, insert, move, remove } from './document/edit'
import { isList, isRecord, type Value, valueAt } from './document/reading'
import { fieldAt, keyOrder } from './document/schema'
import { Properties } from './FieldForm'
import { blank } from './field-values'
import { useShadow } from './shadow'
import styles from './studio.module.css'
import { useStudio } from './studio-context'
import { TextEditor } from './TextEditor'
import { texts } from './texts'

interface Rule {
  readonly name: string
  readonly when: string
}

/** The rules in their order, with what each does now, and the editor of one. */
export function RulesPage() {
  const t = useTexts(texts)
  const { value, draft, mayWrite, change, findings, form, vocabulary } = useStudio()
  const [chosen, setChosen] = useState(0)
  const list = useRef<HTMLOListElement>(null)
  const rules = useMemo(() => rulesOf(value), [value])
  const counts = useQuery({
    queryKey: ['studio', 'rule-counts'],
    queryFn: () => dataOf(routing.GET('/configuration/rules')),
    refetchInterval: 30_000,
  })
  const warnings = useWarnings()
  const shadow = useShadow(draft?.id ?? null)
  const isReadOnly = !draft || !mayWrite
  // A new rule decides nothing until its condition is written.
  const made = (name: string): Value => {
    const rule = fieldAt(form, ['rules', 0])
    const begun = rule ? blank(rule, vocabulary) : {}
    return { ...(isRecord(begun) && begun), name, when: 'false' }
  }
  const choose = (index: number) => {
    const at = Math.min(rules.length - 1, Math.max(0, index))
    setChosen(at)
    list.current?.querySelectorAll<HTMLElement>('[data-rule]')[at]?.focus()
  }
  const shift = (by: number) => {
    const to = chosen + by
    const rule = rules[chosen]
    if (isReadOnly || !rule || to < 0 || to >= rules.length) return
    change(text => move(text, ['rules', chosen], to))
    setChosen(to)
    announce(t.moved(rule.name, to + 1))
    requestAnimationFrame(() => list.current?.querySelectorAll<HTMLElement>('[data-rule]')[to]?.focus())
  }
  useCommands([
    {
      id: 'rules.next',
      label: t.nextRule,
      group: t.pages.rules,
      keys: 'j',
      run: () => choose(chosen + 1),
      listed: false,
    },
    {
      id: 'rules.previous',
      label: t.previousRule,
      group: t.pages.rules,
      keys: 'k',
      run: () => choose(chosen - 1),
      listed: false,
    },
    ...(isReadOnly
      ? []
      : [
          {
            id: 'rules.up',
            label: t.ruleUp,
            group: t.pages.rules,
            keys: 'Alt+ArrowUp',
            run: () => shift(-1),
          },
          {
            id: 'rules.down',
            label: t.ruleDown,
            group: t.pages.rules,
            keys: 'Alt+ArrowDown',
            run: () => shift(1),
          },
        ]),
  ])
  const rule = rules[chosen]
  return (
    <div className={styles.rules}>
      <section className={styles.ruleList} aria-label={t.pages.rules}>
        <div className={styles.bar}>
          <h2>{t.pages.rules}</h2>
          <span className="dim small">
            {counts.data && t.countedFrom(counts.data.decisions, counts.data.configuration_version)}
          </span>
          {!isReadOnly && (
            <Button
              small
              icon="plus"
              onPress={() => {
                const at = rules.length === 0 ? 0 : chosen
                change(text => insert(text, ['rules'], at, made(t.newRule(rules.length + 1))))
                setChosen(at)
              }}
            >
              {t.addRule}
            </Button>
          )}
        </div>
        {rules.length === 0 ? (
          <Empty icon="split" title={t.noRules} />
        ) : (
          <ol ref={list} className={styles.ruleRows}>
            {rules.map((one, index) => (
              <li key={one.name} className={classes(styles.rule, index === chosen && styles.chosen)}>
                <button
                  type="button"
                  data-rule={index}
                  aria-current={index === chosen ? 'true' : undefined}
                  onClick={() => setChosen(index)}
                >
                  <span className={styles.place}>{index + 1}</span>
                  <span className={styles.ruleName}>
                    <strong>{one.name}</strong>
                    <code>{one.when}</code>
                  </span>
                  <Margin
                    rule={one}
                    count={counts.data?.rules.find(other => other.rule === one.name)}
                    warnings={warnings.filter(warning => warning.rule === one.name)}
                    shadow={shadow?.rules.find(other => other.rule === one.name)}
                    isKnown={Boolean(counts.data)}
                  />
                </button>
                {!isReadOnly && index === chosen && (
                  <span className={styles.entryActs}>
                    <IconButton
                      small
                      icon="up"
                      label={t.moveUp(one.name)}
                      keys="Alt+ArrowUp"
                      onPress={() => shift(-1)}
                    />
                    <IconButton
                      small
                      icon="down"
                      label={t.moveDown(one.name)}
                      keys="Alt+ArrowDown"
                      onPress={() => shift(1)}
                    />
                    <IconButton
                      small
                      icon="cross"
                      label={t.remove(one.name)}
                      onPress={() => change(text => remove(text, ['rules', index]))}
                    />
                  </span>
                )}
              </li>
            ))}
          </ol>
        )}
      </section>
      {rule && (
        <section className={styles.ruleEditor} aria-label={rule.name}>
          {findings.length > 0 && <Banner tone="late">{t.faults(findings)}</Banner>}
          <RuleEditor key={chosen} rule={rule} place={chosen} isReadOnly={isReadOnly} />
        </section>
      )}
    </div>
  )
}

function rulesOf(value: Value): Rule[] {
  const found = valueAt(value, ['rules'])
  return (isList(found) ? found : []).filter(isRecord).map(rule => ({
    name: String(rule.name ?? ''),
    when: String(rule.when ?? ''),
  }))
}

type RuleWarning = components['schemas']['RuleWarningView']

/** What is odd about the rules of the saved draft; empty where it has faults. */
function useWarnings(): readonly RuleWarning[] {
  const { draft } = useStudio()
  const found = useQuery({
    queryKey: ['studio', 'warnings', draft?.id, draft?.revision],
    queryFn: () =>
      dataOf(routing.GET('/drafts/{draft_id}/warnings', { params: { path: { draft_id: draft!.id } } })),
    enabled: Boolean(draft) && draft?.stand === 'saved',
    placeholderData: before => before,
    retry: false,
  })
  return found.data?.warnings ?? []
}

interface MarginProps {
  rule: Rule
  count: components['schemas']['RuleCount'] | undefined
  warnings: readonly RuleWarning[]
  shadow: components['schemas']['RuleHits'] | undefined
  isKnown: boolean
}

/** Beside a rule: how often it matched, decided and failed, what the shadow sees, and what the solver knows. */
function Margin({ rule, count, warnings, shadow, isKnown }: MarginProps) {
  const t = useTexts(texts)
  return (
    <span className={styles.margin}>
      {count ? (
        <span className={styles.numbers}>
          <span>{t.matched(count.matched)}</span>
          <span>{t.decided(count.decided)}</span>
          {count.errored > 0 && <Tag tone="late">{t.errored(count.errored)}</Tag>}
        </span>
      ) : (
        isKnown && <span className="dim small">{t.notActive}</span>
      )}
      {count && count.when !== rule.when && <span className="dim small">{t.changedSince}</span>}
      {shadow && shadow.before !== shadow.after && (
        <Tag tone="info">{t.shadowHits(shadow.before, shadow.after)}</Tag>
      )}
      {warnings.map(warning => (
        <Tag key={warning.kind + warning.message} tone="soon">
          {warning.hidden_by.length > 0 ? t.hiddenBy(warning.hidden_by.join(', ')) : warning.message}
        </Tag>
      ))}
    </span>
  )
}

function RuleEditor({ rule, place, isReadOnly }: { rule: Rule; place: number; isReadOnly: boolean }) {
  const t = useTexts(texts)
  const session = useSession()
  const { form, change, store } = useStudio()
  const path = ['rules', place]
  const [name, setName] = useState<string | null>(null)
  const then = fieldAt(form, [...path, 'then'])
  const write = (key: string, made: string) =>
    change(text => edit(text, [...path, key], made, keyOrder(form)))
  return (
    <>
      <TextField
        label={t.ruleName}
        value={name ?? rule.name}
        isReadOnly={isReadOnly}
        onChange={setName}
        onBlur={() => {
          if (name !== null && name !== rule.name) write('name', name)
          setName(null)
        }}
      />
      <div className={styles.field}>
        <h3>{t.when}</h3>
        <p className="dim small">{t.whenHelp}</p>
        <TextEditor
          label={t.whenLabel(rule.name)}
          kind="condition"
          text={rule.when}
          readOnly={isReadOnly}
          check={() => []}
          onChange={made => write('when', made)}
          onBlur={() => void store?.flush()}
        />
      </div>
      {may(session, 'routing', 'try_condition') && <TryCondition when={rule.when} />}
      <div className={styles.field}>
        <h3>{t.consequence}</h3>
        {then?.kind === 'group' && (
          <Properties field={then} path={[...path, 'then']} isReadOnly={isReadOnly} />
        )}
      </div>
    </>
  )
}

type Tried = components['schemas']['TriedCondition']

/** What a condition says of one case, and the values that it saw. */
function TryCondition({ when }: { when: string }) {
  const t = useTexts(texts)
  const { draft, text } = useStudio()
  const [reference, setReference] = useState('')
  const [failure, setFailure] = useState<string | null>(null)
  const [tried, setTried] = useState<{ readonly when: string; readonly answer: Tried } | null>(null)
  const ask = async () => {
    setFailure(null)
    setTried(null)
    try {
      const { items } = await dataOf(
        caseMgmt.GET('/cases', { params: { query: { reference: reference.trim().toUpperCase() } } }),
      )
      const [found] = items
      if (!found) return setFailure(t.noCase(reference))
      const answer = await dataOf(
        routing.POST('/configuration/try-condition', {
          params: { header: { 'Idempotency-Key': newKey() } },
          body: { when, case_id: found.case_id, ...(draft && { source: text }) },
        }),
      )
      setTried({ when, answer })
      announce(sentenceOf(answer, t))
    } catch (error) {
      setFailure(error instanceof Error ? error.message : String(error))
    }
  }
  return (
    <form
      className={styles.trying}
      aria-label={t.tryOn}
      onSubmit={event => {
        event.preventDefault()
        void ask()
      }}
    >
      <div className={styles.adding}>
        <TextField label={t.tryOn} placeholder="C-1042" value={reference} onChange={setReference} />
        <Button type="submit" icon="play" isDisabled={!reference.trim()}>
          {t.tryIt}
        </Button>
      </div>
      {failure && <Banner tone="late">{failure}</Banner>}
      {tried && tried.when === when && (
        <>
          <p>
            <Tag tone={tried.answer.result === null ? 'late' : tried.answer.result ? 'good' : undefined}>
              {sentenceOf(tried.answer, t)}
            </Tag>
          </p>
          <dl className={styles.values}>
            {Object.entries(tried.answer.values).map(([path, seen]) => (
              <div key={path}>
                <dt>{path}</dt>
                <dd>
                  {Array.isArray(seen)
                    ? seen.join(', ') || '[]'
                    : typeof seen === 'number'
                      ? number(seen, 2)
                      : String(seen) || '""'}
                </dd>
              </div>
            ))}
          </dl>
          {!tried.answer.has_words && <p className="dim small">{t.noWords}</p>}
        </>
      )}
    </form>
  )
}

function sentenceOf(
  { result, error }: Tried,
  t: { matches: string; matchesNot: string; fails: (why: string) => string },
): string {
  return result === null ? t.fails(error?.detail ?? '') : result ? t.matches : t.matchesNot
}
