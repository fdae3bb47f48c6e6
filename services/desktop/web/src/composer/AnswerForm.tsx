import { useQueryClient } from '@tanstack/react-query'
import { type ReactNode, useEffect, useId, useState } from 'react'
import type { InteractionView, WholeCaseView } from '@/api/case-mgmt'
import { newKey } from '@/api/client'
import type { WorkDetail } from '@/api/routing'
import { announce } from '@/design/announce'
import { Button } from '@/design/controls'
import { Checkbox, Segments } from '@/design/fields'
import { channelIcon, Icon } from '@/design/icons'
import { Select } from '@/design/select'
import { Tag } from '@/design/show'
import { number } from '@/format/number'
import { moment } from '@/format/time'
import { serverNow } from '@/live/clock'
import { preferences } from '@/preferences/preferences'
import { useSession } from '@/session/session'
import { useTexts } from '@/texts/catalogue'
import styles from './composer.module.css'
import type { Draft, StatusAfter } from './drafts'
import { Effect } from './Effect'
import { answerable, isHandedOver, isTooLong, MOST_CHARACTERS, sizeOf } from './limits'
import { Meanwhile } from './Meanwhile'
import { Parts, useParts } from './Parts'
import { type Happening, happenedSince, happeningOf, newestEntry } from './since'
import { texts } from './texts'
import { UnderWay } from './UnderWay'
import { useWriting } from './use-place'
import { Kept, Words } from './Words'

export interface AnswerFormProps {
  whole: WholeCaseView
  etag: string
  work: WorkDetail | null
  /** The choice between answer and note. */
  kinds: ReactNode
  /** The words were put into the note. */
  onKeepAsNote: () => void
}

/** An answer to one message of the case. */
export function AnswerForm(props: AnswerFormProps) {
  const t = useTexts(texts)
  const choices = answerable(props.whole.interactions)
  if (!choices.length)
    return (
      <div className={styles.form} data-kind="answer">
        <div className={styles.head}>{props.kinds}</div>
        <p>
          <b>{t.cannotAnswer}</b> {t.cannotAnswerWhy}
        </p>
      </div>
    )
  return <Answering {...props} choices={choices} />
}

type Fault = { readonly about: 'words' | 'address'; readonly text: string }

function Answering({
  whole,
  etag,
  work,
  kinds,
  onKeepAsNote,
  choices,
}: AnswerFormProps & { choices: readonly InteractionView[] }) {
  const t = useTexts(texts)
  const id = useId()
  const session = useSession()
  const caseId = whole.case.case_id
  const writing = useWriting(caseId, 'answer')
  const { draft, sending, drafts, outbox, place, isUnderWay } = writing
  const answered = choices.find(one => one.interaction.interaction_id === draft.answers) ?? choices[0]!
  const { interaction, recipient } = answered
  const isPublic = interaction.visibility === 'public'
  const name = interaction.speaker.name ?? recipient?.value ?? t.channels[channelOf(interaction.channel)]
  const status: StatusAfter = draft.status ?? 'pending'

  const [confirmed, setConfirmed] = useState<string | null>(null)
  const [isTried, setTried] = useState(false)
  const [isAsked, setAsked] = useState(false)
  const refusal = sending.state === 'refused' ? sending.refusal : null
  const strange =
    recipient && !answered.recipient_belongs_to_customer ? recipient.value : (refusal?.recipient ?? null)
  const preview = useParts(interaction.channel === 'social' ? interaction.interaction_id : null, draft.text)
  const happened = happenedOf(
    draft,
    whole,
    session.subject,
    sending.state === 'conflicted' ? sending.last : null,
  )
  const isOvertaken = happened.length > 0

  // A refusal for what the page has not read yet: it is read now, with the ETag under which mine can go after it.
  const client = useQueryClient()
  useEffect(() => {
    if (sending.state === 'conflicted') void client.invalidateQueries({ queryKey: ['case', caseId] })
  }, [sending.state, client, caseId])
  useEffect(() => {
    if (isOvertaken) announce(t.readFirst, 'assertive')
  }, [isOvertaken, t])

  const write = (changes: Partial<Draft>) => {
    setTried(false)
    setAsked(false)
    writing.write({
      answers: interaction.interaction_id,
      ...(draft.seen === undefined && { seen: newestEntry(whole) }),
      ...changes,
      ...(changes.text === '' && { seen: undefined, answers: undefined }),
    })
  }
  const limits = interaction.reply_limits ?? null
  const fault = faultOf()
  function faultOf(): Fault | null {
    if (!draft.text.trim()) return { about: 'words', text: t.empty }
    if (isTooLong(draft.text)) return { about: 'words', text: t.tooLong(number(MOST_CHARACTERS)) }
    if (preview?.is_refused && preview.limits)
      return {
        about: 'words',
        text: t.tooManyParts(number(preview.parts.length), number(preview.limits.parts)),
      }
    if (strange && confirmed !== strange) return { about: 'address', text: t.mustConfirm }
    return null
  }

  const send = (after: boolean) => {
    setTried(true)
    if (isUnderWay) return
    if (fault) return announce(fault.text, 'assertive')
    if (isOvertaken && !after) return announce(t.readFirst, 'assertive')
    if (isPublic && !isAsked && !hasPosted(session.subject)) return setAsked(true)
    if (isPublic) sessionStorage.setItem(postedKey(session.subject), 'yes')
    setTried(false)
    setAsked(false)
    const now = serverNow()
    outbox.resolved(place)
    drafts.write(place, { seen: newestEntry(whole) })
    outbox.press(place, {
      key: draft.key ?? newKey(),
      body: {
        text: draft.text.trim(),
        answers: interaction.interaction_id,
        status,
        ...(strange && { confirm_recipient: strange }),
      },
      etag,
      to: name,
      pressedAt: now,
      leavesAt: now + 1000 * preferences().undoSeconds,
    })
  }
  const keepAsNote = () => {
    const note = { caseId, kind: 'note' } as const
    const words = drafts.read(note).text.trimEnd()
    drafts.write(note, { text: words ? `${words}\n\n${draft.text}` : draft.text })
    outbox.resolved(place)
    drafts.clear(place)
    onKeepAsNote()
  }
  const sendButton = isPublic
    ? ({ kind: 'public', icon: 'megaphone' } as const)
    : ({ kind: 'primary', icon: 'send' } as const)

  return (
    <div
      className={styles.form}
      data-kind={isPublic ? 'public' : 'answer'}
      data-empty={!draft.text || undefined}
    >
      <div className={styles.head}>
        {kinds}
        <Icon name={isPublic ? 'megaphone' : channelIcon(interaction.channel)} size={16} />
        <span className={styles.recipient} id={`${id}-to`}>
          <span className="dim">{t.to}</span> <b>{name}</b>
          {/* The id of an account says nothing to people; its name is that of the speaker. */}
          {recipient &&
            !['did', 'account'].includes(recipient.kind) &&
            recipient.value !== name &&
            ` ${recipient.value}`}{' '}
          <span className="dim">
            {isHandedOver(interaction.channel) ? t.handedOver : !isPublic && t.nobodyElse}
          </span>
        </span>
        {choices.length > 1 && (
          <span className={styles.answers}>
            <Select
              label={t.answers}
              labelHidden
              isDisabled={isUnderWay}
              value={interaction.interaction_id}
              onChange={answers => write({ answers })}
              choices={choices.map(one => ({
                id: one.interaction.interaction_id,
                label: t.answering(
                  t.channels[channelOf(one.interaction.channel)],
                  moment(one.interaction.occurred_at, serverNow()),
                ),
                detail: one.interaction.content.text.slice(0, 60),
                icon: channelIcon(one.interaction.channel),
              }))}
            />
          </span>
        )}
      </div>
      {isPublic && (
        <p className={styles.publicly} id={`${id}-public`}>
          <Tag tone="public" icon="megaphone">
            {t.publicly}
          </Tag>{' '}
          {t.public}
          {interaction.speaker.followers != null &&
            ` ${t.reach(number(interaction.speaker.followers), name)}`}
        </p>
      )}
      {strange && (
        <Checkbox
          isSelected={confirmed === strange}
          isInvalid={isTried && fault?.about === 'address'}
          isDisabled={isUnderWay}
          onChange={isOn => setConfirmed(isOn ? strange : null)}
        >
          {t.confirmAddress(strange)}
        </Checkbox>
      )}
      <div className={styles.beside} data-both={isOvertaken || undefined}>
        {isOvertaken && (
          <Meanwhile
            happened={happened}
            actions={
              <>
                <Button
                  {...sendButton}
                  small
                  keys="Alt+Enter"
                  data-press="after"
                  isDisabled={isUnderWay}
                  onPress={() => send(true)}
                >
                  {isPublic ? t.postAfter : t.sendAfter}
                </Button>
                <Button small kind="note" icon="note" onPress={keepAsNote}>
                  {t.keepAsNote}
                </Button>
                <Button
                  small
                  kind="quiet"
                  onPress={() => {
                    outbox.resolved(place)
                    drafts.write(place, { seen: newestEntry(whole) })
                  }}
                >
                  {t.seen}
                </Button>
              </>
            }
          />
        )}
        <Words
          writing={writing}
          label={isPublic ? t.publicAnswerTo(name) : t.answerTo(name)}
          placeholder={isPublic ? t.writePublic : t.writeTo(name)}
          language={interaction.content.language}
          describedBy={isPublic ? `${id}-to ${id}-public` : `${id}-to`}
          fault={
            (isTried && fault?.text) ||
            (refusal ? (refusal.kind === 'idempotency-key-reused' ? t.reused : refusal.detail) : null)
          }
          onWrite={text => write({ text })}
        />
      </div>
      {preview && <Parts preview={preview} />}
      {isAsked && (
        <section className={styles.asked} aria-label={t.publicTitle}>
          <span>
            <b>{t.publicTitle}</b> {t.publicText(name)}
          </span>
          <Button small onPress={() => setAsked(false)}>
            {t.notYet}
          </Button>
        </section>
      )}
      <div className={styles.foot}>
        <UnderWay writing={writing} />
        {!isUnderWay && (
          <Segments<StatusAfter>
            label={t.afterSending}
            choices={[
              { id: 'pending', label: t.pending },
              { id: 'open', label: t.open },
              { id: 'resolved', label: t.resolved },
            ]}
            value={status}
            onChange={chosen => write({ status: chosen })}
          />
        )}
        <span className={styles.effect}>
          {!isUnderWay && draft.text && (
            <Effect whole={whole} work={work} status={status} subject={session.subject} />
          )}
          <Kept writing={writing} />
        </span>
        {limits && draft.text && (
          <span className={styles.size} data-over={preview?.is_refused || undefined}>
            {sizeText()}
          </span>
        )}
        <Button
          {...sendButton}
          keys="Ctrl+Enter"
          data-press="send"
          isDisabled={isUnderWay}
          onPress={() => send(false)}
        >
          {isPublic ? t.post : t.send}
        </Button>
      </div>
    </div>
  )

  function sizeText() {
    if (!limits) return null
    const size = sizeOf(draft.text, limits)
    return preview && preview.parts.length > 1
      ? t.parts(number(preview.parts.length), number(limits.parts))
      : t.characters(number(size.characters), number(limits.characters))
  }
}

/** What happened to the case since the author of a draft looked at it. Without words nobody waits for them. */
function happenedOf(
  draft: Draft,
  whole: WholeCaseView,
  me: string,
  last: Parameters<typeof happeningOf>[0] | null,
): Happening[] {
  if (!draft.text || draft.attempt) return []
  const since = draft.seen === undefined ? [] : happenedSince(whole, draft.seen, me)
  return last && !since.some(one => one.entry === last.entry_id) && last.entry_id > (draft.seen ?? 0)
    ? [...since, happeningOf(last)]
    : since
}

function postedKey(subject: string) {
  return `antiphon.posted:${subject}`
}

/** Whether the person has confirmed a public answer since this tab was opened. */
function hasPosted(subject: string): boolean {
  return sessionStorage.getItem(postedKey(subject)) !== null
}

type ChannelName = keyof (typeof texts)['en']['channels']
function channelOf(channel: string): ChannelName {
  return channel in texts.en.channels ? (channel as ChannelName) : 'partner'
}
