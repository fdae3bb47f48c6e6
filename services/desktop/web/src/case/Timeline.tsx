import { useEffect, useEffectEvent, useLayoutEffect, useMemo, useRef, useState } from 'react'
import type { Interaction, WholeCaseView } from '@/api/case-mgmt'
import { announce } from '@/design/announce'
import { Button } from '@/design/controls'
import { useSession } from '@/session/session'
import { useTexts } from '@/texts/catalogue'
import { Answer, Note } from './Answer'
import { Changes } from './Changes'
import styles from './case.module.css'
import { Message } from './Message'
import type { CaseTexts } from './texts'
import { texts } from './texts'
import { type Item, shownCount, timeline } from './timeline'
import { who } from './words'

/**
 * Everything on a case in one line of time, the oldest first. It opens at the newest words.
 *
 * Who reads the end sees new entries there; who reads further up stays where they are and gets a message.
 */
export function Timeline({ whole }: { whole: WholeCaseView }) {
  const t = useTexts(texts)
  const items = useMemo(() => timeline(whole), [whole])
  const [steps, setSteps] = useState(0)
  const shown = items.slice(items.length - shownCount(items.length, steps))
  const hidden = items.length - shown.length
  const answered = useMemo(
    () => new Map(whole.interactions.map(one => [one.interaction.interaction_id, one.interaction])),
    [whole.interactions],
  )
  const { scroller, newest, isBehind, toEnd, keepPlace } = useEnd(shown.at(-1)?.id ?? '', shown[0]?.id ?? '')
  useSaid(items, t)
  return (
    <div className={styles.timelineFrame}>
      <div
        ref={scroller}
        className={styles.timeline}
        role="log"
        aria-live="off"
        aria-label={t.conversation}
        // biome-ignore lint/a11y/noNoninteractiveTabindex: what scrolls must be reached by keyboard
        tabIndex={0}
      >
        <h2 className="hidden">{t.conversation}</h2>
        {hidden > 0 && (
          <div className={styles.older}>
            <Button
              small
              onPress={() => {
                keepPlace()
                setSteps(steps + 1)
              }}
            >
              {t.older(hidden)}
            </Button>
          </div>
        )}
        {shown.map((item, index) => (
          <div
            key={item.id}
            className={styles.item}
            ref={index === shown.length - 1 ? newest : undefined}
            data-item={item.kind}
          >
            <Shown item={item} answered={answered} subject={whole.case.subject} />
          </div>
        ))}
      </div>
      {isBehind && (
        <div className={styles.behind}>
          <Button small kind="primary" icon="down" onPress={toEnd}>
            {t.newBelow}
          </Button>
        </div>
      )}
    </div>
  )
}

function Shown({
  item,
  answered,
  subject,
}: {
  item: Item
  answered: ReadonlyMap<string, Interaction>
  subject: string | null | undefined
}) {
  const id = `entry-${item.id}`
  switch (item.kind) {
    case 'interaction':
      return <Message said={item.said} id={id} subject={subject} />
    case 'reply': {
      const spoken = answered.get(item.reply.answers)
      const isNamed =
        spoken?.channel === 'social' && spoken.speaker.address?.value === item.reply.recipient?.value
      return (
        <Answer
          reply={item.reply}
          link={item.link}
          id={id}
          isPublic={spoken?.visibility === 'public'}
          to={(isNamed && spoken.speaker.name) || undefined}
        />
      )
    }
    case 'note':
      return <Note entry={item.entry} id={id} />
    case 'changes':
      return <Changes entries={item.entries} />
  }
}

/** Keeps the end in view while somebody reads it, and the place of who reads elsewhere. */
function useEnd(last: string, first: string) {
  const scroller = useRef<HTMLDivElement>(null)
  const newest = useRef<HTMLDivElement>(null)
  const atEnd = useRef(true)
  const fromEnd = useRef<number | null>(null)
  const [isBehind, setBehind] = useState(false)

  const toEnd = () => {
    const box = scroller.current
    if (!box) return
    box.scrollTop = box.scrollHeight
    // Of something long the beginning is read first.
    const item = newest.current
    if (item && item.offsetHeight > box.clientHeight) box.scrollTop = item.offsetTop - box.offsetTop
    atEnd.current = true
    setBehind(false)
  }
  const follow = useEffectEvent(() => (atEnd.current ? toEnd() : setBehind(true)))
  // biome-ignore lint/correctness/useExhaustiveDependencies: a new newest item is what is followed
  useLayoutEffect(() => follow(), [last])

  const restore = useEffectEvent(() => {
    const box = scroller.current
    if (box && fromEnd.current !== null) box.scrollTop = box.scrollHeight - fromEnd.current
    fromEnd.current = null
  })
  // biome-ignore lint/correctness/useExhaustiveDependencies: older items above move what is read
  useLayoutEffect(() => restore(), [first])

  const resized = useEffectEvent(() => {
    if (atEnd.current) toEnd()
  })
  useEffect(() => {
    const box = scroller.current
    if (!box) return
    const scrolled = () => {
      atEnd.current = box.scrollHeight - box.scrollTop - box.clientHeight < 48
      if (atEnd.current) setBehind(false)
    }
    // The composer below grows while somebody types.
    const observer = new ResizeObserver(() => resized())
    observer.observe(box)
    box.addEventListener('scroll', scrolled, { passive: true })
    return () => {
      observer.disconnect()
      box.removeEventListener('scroll', scrolled)
    }
  }, [])
  const keepPlace = () => {
    const box = scroller.current
    if (box) fromEnd.current = box.scrollHeight - box.scrollTop
  }
  return { scroller, newest, isBehind, toEnd, keepPlace }
}

/** Says in a sentence what others add while the case is open. */
function useSaid(items: readonly Item[], t: CaseTexts) {
  const session = useSession()
  const known = useRef<ReadonlySet<string>>(undefined)
  const failed = useRef<ReadonlySet<string>>(undefined)
  useEffect(() => {
    const before = known.current
    const failedBefore = failed.current
    known.current = new Set(items.map(item => item.id))
    const failures = items.filter(item => item.kind === 'reply' && item.reply.state === 'failed')
    failed.current = new Set(failures.map(item => item.id))
    if (!before) return
    if (failures.some(item => !failedBefore?.has(item.id))) announce(t.failedNow, 'assertive')
    for (const item of items) {
      if (before.has(item.id)) continue
      const words = announced(item, session.subject, t)
      if (words) announce(words)
    }
  }, [items, session.subject, t])
}

function announced(item: Item, me: string, t: CaseTexts): string | null {
  if (item.kind === 'interaction') {
    const { speaker, content } = item.said.interaction
    return t.wrote(speaker.name || t.unknownCustomer, content.text.slice(0, 200))
  }
  if (item.kind === 'reply' && item.reply.automation === 'none' && item.reply.author.id !== me)
    return t.answered(item.reply.author.name || t.someone)
  if (item.kind === 'note' && item.entry.actor.id !== me) return t.noted1(who(item.entry, t))
  return null
}
