import type { ReactNode } from 'react'
import { ApiProblem } from '@/api/problem'
import { duration, moment, wholeMoment } from '@/format/time'
import { useNow } from '@/live/clock'
import { catalogue, useTexts } from '@/texts/catalogue'
import { Button } from './controls'
import { Icon, type IconName } from './icons'
import styles from './show.module.css'

export type Tone = 'late' | 'soon' | 'good' | 'public' | 'note' | 'info'

const texts = catalogue(
  {
    late: (length: string) => `${length} late`,
    left: (length: string) => `in ${length}`,
    noDue: 'not due',
    loading: 'Loading',
    again: 'Try again',
    lost: 'No answer came from the server.',
    failed: 'This could not be read.',
  },
  {
    late: (length: string) => `${length} zu spät`,
    left: (length: string) => `in ${length}`,
    noDue: 'ohne Frist',
    loading: 'Wird geladen',
    again: 'Noch einmal versuchen',
    lost: 'Der Server hat nicht geantwortet.',
    failed: 'Das konnte nicht gelesen werden.',
  },
)

/** A short fact. The tone adds to the words; it never replaces them. */
export function Tag({
  tone,
  icon,
  children,
}: {
  tone?: Tone | undefined
  icon?: IconName
  children: ReactNode
}) {
  return (
    <span className={styles.tag} data-tone={tone}>
      {icon && <Icon name={icon} size={12} />}
      {children}
    </span>
  )
}

/** The initials of a person whose name stands beside it. */
export function Avatar({ name, small, customer }: { name: string; small?: boolean; customer?: boolean }) {
  const words = name.split(/\s+/).filter(Boolean)
  const initials = [words[0], words.length > 1 ? words.at(-1) : '']
    .map(word => [...(word ?? '')][0] ?? '')
    .join('')
  return (
    <span
      className={styles.avatar}
      data-small={small || undefined}
      data-customer={customer || undefined}
      aria-hidden="true"
    >
      {initials.toUpperCase()}
    </span>
  )
}

/** A moment in words, whole in its title. */
export function Moment({ at }: { at: string }) {
  const now = useNow()
  return (
    <time dateTime={at} title={wholeMoment(at)}>
      {moment(at, now)}
    </time>
  )
}

/** How long ago a moment is, ticking. */
export function Since({ at }: { at: string }) {
  const now = useNow()
  return (
    <time dateTime={at} title={wholeMoment(at)}>
      {duration(Math.max(0, now - Date.parse(at)))}
    </time>
  )
}

/** What `Due` shows: late, soon (within 15 minutes), or later. */
export function dueTone(at: string | null, now: number): Tone | undefined {
  if (!at) return undefined
  const left = Date.parse(at) - now
  return left < 0 ? 'late' : left < 15 * 60_000 ? 'soon' : undefined
}

/** How long until a due time, or how late it is, ticking. */
export function Due({ at }: { at: string | null }) {
  const now = useNow()
  const t = useTexts(texts)
  if (!at) return <span className="dim">{t.noDue}</span>
  const left = Date.parse(at) - now
  return (
    <time className={styles.due} dateTime={at} title={wholeMoment(at)} data-tone={dueTone(at, now)}>
      {left < 0 ? t.late(duration(left)) : t.left(duration(left))}
    </time>
  )
}

export function Empty({ icon, title, children }: { icon: IconName; title: string; children?: ReactNode }) {
  return (
    <div className={styles.empty}>
      <Icon name={icon} size={28} />
      <h2>{title}</h2>
      {children}
    </div>
  )
}

export function Loading({ lines = 6 }: { lines?: number }) {
  const t = useTexts(texts)
  return (
    <div className={styles.skeleton} role="status" aria-label={t.loading}>
      {Array.from({ length: lines }, (_, index) => (
        // biome-ignore lint/suspicious/noArrayIndexKey: lines without content
        <div key={index} className={styles.bone} />
      ))}
    </div>
  )
}

/** That something could not be read, why, and how to try again. */
export function Failed({ error, onRetry }: { error: unknown; onRetry?: () => void }) {
  const t = useTexts(texts)
  const why = error instanceof ApiProblem && !error.isLost ? error.message : t.lost
  return (
    <div className={styles.empty} role="alert">
      <Icon name="warning" size={28} />
      <h2>{t.failed}</h2>
      <p>{why}</p>
      {onRetry && (
        <Button icon="refresh" onPress={onRetry}>
          {t.again}
        </Button>
      )}
    </div>
  )
}

/** Something to know about the whole page, with what can be done. */
export function Banner({
  tone = 'info',
  icon,
  children,
  actions,
  alert,
}: {
  tone?: Tone
  icon?: IconName
  children: ReactNode
  actions?: ReactNode
  alert?: boolean
}) {
  return (
    <div className={styles.banner} data-tone={tone} role={alert ? 'alert' : 'status'}>
      <Icon name={icon ?? (tone === 'late' || tone === 'soon' ? 'warning' : 'info')} />
      <div className={styles.bannerText}>{children}</div>
      {actions}
    </div>
  )
}

export function Card({ children }: { children: ReactNode }) {
  return <div className={styles.card}>{children}</div>
}

/** A page with a title, what can be done there, and its parts. */
export function Page({
  title,
  lead,
  actions,
  children,
}: {
  title: string
  lead?: ReactNode
  actions?: ReactNode
  children: ReactNode
}) {
  return (
    <div className={styles.page}>
      <header className={styles.pageHead}>
        <div>
          <h1>{title}</h1>
          {lead && <p className="dim">{lead}</p>}
        </div>
        {actions && <div className={styles.actions}>{actions}</div>}
      </header>
      {children}
    </div>
  )
}

/** A table with a caption for screen readers. Rows are `<tr>`, with `<th scope="row">` first. */
export function Table({
  caption,
  columns,
  children,
}: {
  caption: string
  columns: readonly ReactNode[]
  children: ReactNode
}) {
  return (
    // biome-ignore lint/a11y/useSemanticElements: a landmark of each table would be one too many
    // biome-ignore lint/a11y/noNoninteractiveTabindex: what scrolls must be reached by keyboard
    <div role="group" className={styles.scroll} aria-label={caption} tabIndex={0}>
      <table className={styles.table}>
        <caption className="hidden">{caption}</caption>
        <thead>
          <tr>
            {columns.map((column, index) => (
              // biome-ignore lint/suspicious/noArrayIndexKey: columns don't move
              <th key={index} scope="col">
                {column}
              </th>
            ))}
          </tr>
        </thead>
        <tbody>{children}</tbody>
      </table>
    </div>
  )
}
