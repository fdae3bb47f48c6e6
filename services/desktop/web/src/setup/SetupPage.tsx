import { useQueryClient } from '@tanstack/react-query'
import { useNavigate } from '@tanstack/react-router'
import { useEffect, useRef, useState } from 'react'
import { flushSync } from 'react-dom'
import { ApiProblem } from '@/api/problem'
import { Button } from '@/design/controls'
import { Icon } from '@/design/icons'
import { Banner, Empty, Loading, Page } from '@/design/show'
import { toast } from '@/design/toasts'
import { useSession } from '@/session/session'
import { useTexts } from '@/texts/catalogue'
import { type Answers, documentOf, missing, STEPS } from './answers'
import { AGENTS, useIsEmpty } from './empty'
import { Fields } from './Fields'
import { myCountry, myTimeZone } from './places'
import { connect, isEverywhere, publish } from './publish'
import styles from './setup.module.css'
import { texts } from './texts'

type Stand =
  | { readonly at: 'asking' }
  | { readonly at: 'working'; readonly words: string }
  | { readonly at: 'refused'; readonly words: readonly string[] }
  | { readonly at: 'done'; readonly hint: string | null; readonly mailbox: string | null }

const TRIES = 60

/** Asks a system without agents for what it needs, publishes that, and ends in the inbox. */
export default function SetupPage() {
  const t = useTexts(texts)
  const session = useSession()
  const queries = useQueryClient()
  const go = useNavigate()
  const isEmpty = useIsEmpty()
  const [number, setNumber] = useState(0)
  const [isTried, setTried] = useState(false)
  const [stand, setStand] = useState<Stand>({ at: 'asking' })
  const [answers, setAnswers] = useState<Answers>(() => ({
    name: '',
    timeZone: myTimeZone(),
    country: myCountry(),
    address: '',
    mailBy: 'smtp',
    host: '',
    user: '',
    password: '',
    queue: '',
    within: '4h',
    hours: 'office',
    personId: session.subject,
    personName: session.name,
  }))
  const heading = useRef<HTMLHeadingElement>(null)
  const form = useRef<HTMLFormElement>(null)
  // biome-ignore lint/correctness/useExhaustiveDependencies: the focus follows the step, and what came of the last one
  useEffect(() => heading.current?.focus(), [number, stand.at])

  const step = STEPS[number] ?? 'organisation'
  const missed = missing(step, answers)
  const isLast = number === STEPS.length - 1

  const forward = () => {
    if (missed.length) {
      flushSync(() => setTried(true))
      form.current?.querySelector<HTMLElement>('[aria-invalid="true"], [data-invalid] button')?.focus()
      return
    }
    setTried(false)
    if (isLast) void work()
    else setNumber(number + 1)
  }
  const work = async () => {
    try {
      setStand({ at: 'working', words: t.publishing })
      const version = await publish(documentOf(answers, session), t.why)
      if (version === null) return setStand({ at: 'done', hint: t.needsSecond, mailbox: null })
      setStand({ at: 'working', words: t.spreading(version) })
      const hint = (await reached(version)) ? null : t.slow
      let mailbox: string | null = null
      if (answers.mailBy === 'imap') {
        setStand({ at: 'working', words: t.connecting })
        mailbox = await connect(answers).then(
          result => (result.state === 'connected' ? null : (result.detail ?? result.error)),
          (error: unknown) => wordsOf(error)[0] ?? t.noAnswer,
        )
      }
      setAnswers(now => ({ ...now, password: '' }))
      await queries.invalidateQueries({ queryKey: AGENTS })
      setStand({ at: 'done', hint, mailbox })
    } catch (error) {
      setStand({ at: 'refused', words: wordsOf(error) })
    }
  }
  const wordsOf = (error: unknown): readonly string[] => {
    if (!(error instanceof ApiProblem) || error.isLost) return [t.noAnswer]
    const details = (error.details.errors ?? []) as readonly { detail?: string | null }[]
    const each = details.flatMap(one => (one.detail ? [one.detail] : []))
    return each.length ? each : [error.message]
  }
  const toInbox = () => {
    toast({ text: t.writeTo(answers.address), tone: 'good' }, 60_000)
    void go({ to: '/inbox' })
  }

  if (isEmpty === undefined) return <Loading />
  if (stand.at === 'done')
    return (
      <div className={styles.page}>
        <Empty icon="check" title={t.works}>
          <h1 className="hidden" ref={heading} tabIndex={-1}>
            {t.works}
          </h1>
          {stand.hint && <Banner tone="soon">{stand.hint}</Banner>}
          {stand.mailbox && (
            <Banner
              tone="late"
              actions={
                <Button
                  small
                  onPress={() => void go({ to: '/admin/$part', params: { part: 'connections' } })}
                >
                  {t.toConnections}
                </Button>
              }
            >
              {t.mailboxFails} {stand.mailbox}
            </Banner>
          )}
          <p>{t.writeTo(answers.address)}</p>
          <Button kind="primary" icon="inbox" onPress={toInbox}>
            {t.toInbox}
          </Button>
        </Empty>
      </div>
    )
  if (!isEmpty && stand.at === 'asking')
    return (
      <Page title={t.title}>
        <Empty icon="check" title={t.already}>
          <p>{t.alreadyLead}</p>
          <Button onPress={() => void go({ to: '/studio' })}>{t.toStudio}</Button>
        </Empty>
      </Page>
    )
  return (
    <div className={styles.page}>
      <Page title={t.title} lead={t.lead}>
        <ol className={styles.steps} aria-label={t.steps}>
          {STEPS.map((one, index) => (
            <li
              key={one}
              aria-current={index === number ? 'step' : undefined}
              data-done={index < number || undefined}
            >
              <span className={styles.number} aria-hidden="true">
                {index < number ? <Icon name="check" size={14} /> : index + 1}
              </span>
              {t.stepOf[one]}
            </li>
          ))}
        </ol>
        <form
          className={styles.form}
          ref={form}
          noValidate
          onSubmit={event => {
            event.preventDefault()
            if (stand.at !== 'working') forward()
          }}
        >
          <div>
            <p className="dim small">{t.step(number + 1, STEPS.length)}</p>
            <h2 ref={heading} tabIndex={-1}>
              {t.stepOf[step]}
            </h2>
          </div>
          <Fields
            step={step}
            answers={answers}
            isMe={answers.personId === session.subject}
            missed={isTried ? missed : []}
            onChange={changed => setAnswers({ ...answers, ...changed })}
          />
          {stand.at === 'refused' && (
            <Banner tone="late" alert>
              <strong>{t.faults}</strong>
              <ul>
                {stand.words.map(one => (
                  <li key={one}>{one}</li>
                ))}
              </ul>
            </Banner>
          )}
          {stand.at === 'working' && <Banner>{stand.words}</Banner>}
          <div className={styles.acts}>
            {number > 0 && (
              <Button isDisabled={stand.at === 'working'} onPress={() => setNumber(number - 1)}>
                {t.back}
              </Button>
            )}
            <Button kind="primary" type="submit" isDisabled={stand.at === 'working'}>
              {isLast ? t.publish : t.next}
            </Button>
          </div>
        </form>
      </Page>
    </div>
  )
}

async function reached(version: number): Promise<boolean> {
  for (let tries = 0; tries < TRIES; tries++) {
    if (await isEverywhere(version)) return true
    await new Promise(resolve => setTimeout(resolve, 500))
  }
  return false
}
