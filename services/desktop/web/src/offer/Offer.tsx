import { useQuery } from '@tanstack/react-query'
import { useRouterState } from '@tanstack/react-router'
import { type FocusEvent, useEffect, useEffectEvent, useLayoutEffect, useRef, useState } from 'react'
import { dataOf, routing } from '@/api/client'
import { announce } from '@/design/announce'
import { Button, classes } from '@/design/controls'
import { TextField } from '@/design/fields'
import { channelIcon, Icon } from '@/design/icons'
import { Due, Tag } from '@/design/show'
import { number } from '@/format/number'
import { countdown, exactTime, moment } from '@/format/time'
import { useQueueName } from '@/inbox/names'
import type { CaseView } from '@/inbox/rows'
import { useCommands } from '@/keys/shortcuts'
import { serverNow, useNow } from '@/live/clock'
import { useOwnAgent } from '@/presence/own-agent'
import { useTexts } from '@/texts/catalogue'
import { alertOf } from './alert'
import { momentsOf, type OfferView, othersOf, shareLeft, type WorkDetail } from './explain'
import styles from './offer.module.css'
import { prepareSound } from './sound'
import { texts } from './texts'
import { type Offers, useOffers } from './use-offers'

/** The offer that waits for the person's answer, on every page. It is said once, and covers nothing that is written in. */
export default function Offer() {
  const t = useTexts(texts)
  const offers = useOffers()
  const first = offers.waiting[0]
  useEffect(prepareSound, [])
  const noticed = useRef(new Set<string>())
  const notice = useEffectEvent((offer: OfferView) => {
    if (noticed.current.has(offer.offer_id)) return
    noticed.current.add(offer.offer_id)
    const subject = offer.work.subject ?? t.noSubject
    const customer = offers.caseOf(offer)?.customer.name ?? t.unknown
    const seconds = Math.round((Date.parse(offer.expires_at) - serverNow()) / 1000)
    announce(t.offered(subject, customer, seconds), 'assertive')
    alertOf(offer.offer_id, `${t.region}: ${subject}`, customer, () =>
      document.getElementById('offer')?.focus(),
    )
  })
  const subject = first && (first.work.subject ?? t.noSubject)
  useEffect(() => {
    if (first) notice(first)
  }, [first])
  useEffect(() => {
    if (!subject) return
    const before = document.title
    document.title = t.title(subject)
    return () => {
      document.title = before
    }
  }, [subject, t])
  return first ? (
    <Card key={first.offer_id} offer={first} others={offers.waiting.length - 1} offers={offers} />
  ) : null
}

function Card({ offer, others, offers }: { offer: OfferView; others: number; offers: Offers }) {
  const t = useTexts(texts)
  const queueName = useQueueName()
  const place = useRouterState({ select: state => placeOf(state.location.pathname) })
  const [isDeclining, setDeclining] = useState(false)
  const [isExplained, setExplained] = useState(false)
  const card = useRef<HTMLElement>(null)
  const cameFrom = useRef<HTMLElement | null>(null)
  const { work } = offer
  const found = offers.caseOf(offer)

  // Who was in the card when it vanishes goes on where they were before.
  useLayoutEffect(() => {
    const shown = card.current
    return () => {
      if (shown?.contains(document.activeElement))
        (cameFrom.current ?? document.getElementById('page'))?.focus()
    }
  }, [])
  const onFocus = (event: FocusEvent) => {
    const from = event.relatedTarget
    if (from instanceof HTMLElement && !card.current?.contains(from)) cameFrom.current = from
  }
  const askWhy = () => {
    if (document.activeElement instanceof HTMLElement && !card.current?.contains(document.activeElement))
      cameFrom.current = document.activeElement
    setDeclining(true)
  }
  useCommands([
    {
      id: 'offer.accept',
      label: t.accept,
      group: t.group,
      keys: 'Alt+Y',
      run: () => void offers.accept(offer),
    },
    ...(offer.may_decline
      ? [{ id: 'offer.decline', label: t.decline, group: t.group, keys: 'Alt+N', run: askWhy }]
      : []),
    ...(offer.may_extend
      ? [
          {
            id: 'offer.extend',
            label: t.extend,
            group: t.group,
            keys: 'Alt+E',
            run: () => void offers.extend(offer),
          },
        ]
      : []),
  ])
  return (
    <section
      id="offer"
      ref={card}
      className={styles.card}
      data-place={place}
      aria-label={t.region}
      tabIndex={-1}
      onFocus={onFocus}
    >
      <Left offer={offer} others={others} onExtend={() => void offers.extend(offer)} />
      <div className={styles.what}>
        <p className={styles.who}>
          <Icon name={channelIcon(work.channel)} size={16} />
          {found?.customer.name ?? t.unknown}
        </p>
        <h2 className={styles.subject}>{work.subject ?? t.noSubject}</h2>
        {found?.first_words && <p className={classes('dim', styles.words)}>{found.first_words}</p>}
        <p className={classes('small', styles.facts)}>
          <Tag>{queueName(work.queue)}</Tag>
          <span className="dim">{work.case_reference}</span>
          {work.due_at && (
            <span>
              {t.due} <Due at={work.due_at} />
            </span>
          )}
        </p>
        {offer.note && (
          <p className={styles.note}>
            <Icon name="note" size={14} />
            <span>
              <span className="hidden">{t.note}: </span>
              {offer.note}
            </span>
          </p>
        )}
      </div>
      <div className={styles.explained} data-open={isExplained || undefined}>
        <Explained offer={offer} found={found} queueName={queueName} />
      </div>
      {isDeclining ? (
        <Decline
          onDecline={reason => void offers.decline(offer, reason)}
          onCancel={() => {
            setDeclining(false)
            cameFrom.current?.focus()
          }}
        />
      ) : (
        <div className={styles.acts}>
          <Button kind="primary" keys="Alt+Y" onPress={() => void offers.accept(offer)}>
            {t.accept}
          </Button>
          {offer.may_decline && (
            <Button keys="Alt+N" onPress={askWhy}>
              {t.decline}
            </Button>
          )}
          <span className={styles.fold}>
            <Button kind="quiet" aria-expanded={isExplained} onPress={() => setExplained(!isExplained)}>
              {t.why}
            </Button>
          </span>
        </div>
      )}
    </section>
  )
}

/** Where the card covers no words: over the list of the inbox, over the side of a case. */
function placeOf(path: string): 'list' | 'side' {
  return path.startsWith('/inbox') ? 'list' : 'side'
}

/** How long is left, by the server's clock. */
function Left({ offer, others, onExtend }: { offer: OfferView; others: number; onExtend: () => void }) {
  const t = useTexts(texts)
  const now = useNow()
  const left = Date.parse(offer.expires_at) - now
  return (
    <div className={styles.left} data-last={left < 10_000 || undefined}>
      <span className={styles.bar} aria-hidden="true">
        <span style={{ transform: `scaleX(${shareLeft(offer, now)})` }} />
      </span>
      <span className={styles.leftWords}>
        <strong>{t.region}</strong>
        {others > 0 && (
          <span className="dim" title={t.more(others)}>
            <span aria-hidden="true">+{number(others)}</span>
            <span className="hidden">{t.more(others)}</span>
          </span>
        )}
        <span role="timer" aria-label={t.left} aria-live="off" className={styles.time}>
          {countdown(left)}
        </span>
        {offer.may_extend && (
          <Button small kind="quiet" keys="Alt+E" onPress={onExtend}>
            {t.extend}
          </Button>
        )}
      </span>
    </div>
  )
}

/** Why the agent has it, and what happens without an answer. */
function Explained({
  offer,
  queueName,
}: {
  offer: OfferView
  found: CaseView | undefined
  queueName: (queue: string) => string
}) {
  const t = useTexts(texts)
  const agent = useOwnAgent()
  const now = useNow()
  const { data: work } = useQuery({
    queryKey: ['routing', 'work', offer.work.work_item_id, offer.offer_id],
    queryFn: () =>
      dataOf(
        routing.GET('/work/{work_item_id}', { params: { path: { work_item_id: offer.work.work_item_id } } }),
      ),
  })
  return (
    <>
      <h3>{t.why}</h3>
      <p className={styles.reasons}>{work && agent ? reasons(work) : '\u00a0'}</p>
      <h3>{t.ifNot}</h3>
      <ol className={styles.moments}>
        {momentsOf(offer, work).map(one => (
          <li key={`${one.at} ${one.kind}`} data-kind={one.kind}>
            <time dateTime={one.at}>
              {one.kind === 'offer-ends' ? exactTime(one.at) : moment(one.at, now)}
            </time>
            <span>{one.kind === 'offer-ends' || one.kind === 'due' ? t.moment[one.kind] : one.what}</span>
          </li>
        ))}
      </ol>
      {work && <Details work={work} />}
    </>
  )

  function reasons(detail: WorkDetail): string {
    const queue = queueName(detail.queue)
    const why = detail.decision ? t.rule(queue, detail.decision.rule) : t.noRule(queue)
    const { free, not } = othersOf(detail, agent!.agent_id)
    const who = free.length ? t.youAnd(free.slice(0, 3).join(', ')) : t.onlyYou
    return [why, offer.note ? t.handed : who, !offer.note && not ? t.notNow(not) : '']
      .filter(Boolean)
      .join(' ')
  }
}

function Details({ work }: { work: WorkDetail }) {
  const t = useTexts(texts)
  return (
    <details className={styles.details}>
      <summary>{t.details}</summary>
      {work.decision && (
        <>
          <h4>{t.rules}</h4>
          <ul>
            {work.decision.trace.map(one => (
              <li key={one.rule} data-decided={one.result === 'true' || undefined}>
                <span>{one.rule}</span>
                <span className="dim">{t.result[one.result] ?? one.result}</span>
              </li>
            ))}
          </ul>
        </>
      )}
      <h4>{t.colleagues}</h4>
      <ul>
        {work.candidates.map(one => (
          <li key={one.agent_id}>
            <span>{one.name}</span>
            <span className="dim">{one.why_not ?? t.can}</span>
          </li>
        ))}
      </ul>
    </details>
  )
}

function Decline({ onDecline, onCancel }: { onDecline: (reason: string) => void; onCancel: () => void }) {
  const t = useTexts(texts)
  const [reason, setReason] = useState('')
  return (
    <form
      className={styles.decline}
      onSubmit={event => {
        event.preventDefault()
        onDecline(reason.trim())
      }}
      onKeyDown={event => {
        if (event.key === 'Escape') onCancel()
      }}
    >
      <TextField
        label={t.reason}
        help={t.reasonHint}
        value={reason}
        onChange={setReason}
        maxLength={500}
        autoFocus
      />
      <div className={styles.acts}>
        <Button kind="danger" type="submit" keys="Enter">
          {t.decline}
        </Button>
        <Button kind="quiet" onPress={onCancel}>
          {t.cancel}
        </Button>
      </div>
    </form>
  )
}
