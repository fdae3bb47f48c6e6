import { keepPreviousData, useQuery } from '@tanstack/react-query'
import { useEffect, useState } from 'react'
import { dataOf, ingestSocial } from '@/api/client'
import type { PreviewView } from '@/api/ingest-social'
import { announce } from '@/design/announce'
import { number } from '@/format/number'
import { useTexts } from '@/texts/catalogue'
import styles from './composer.module.css'
import { texts } from './texts'

const PAUSE = 250

/** The posts in which a reply to a post would go out, as the server makes them; null until it has said so. */
export function useParts(answers: string | null, text: string): PreviewView | null {
  const [settled, setSettled] = useState(text)
  useEffect(() => {
    const timer = setTimeout(() => setSettled(text), PAUSE)
    return () => clearTimeout(timer)
  }, [text])
  const { data } = useQuery({
    queryKey: ['post-preview', answers, settled],
    queryFn: ({ signal }) =>
      dataOf(ingestSocial.POST('/posts/preview', { body: { answers: answers!, text: settled }, signal })),
    enabled: answers !== null && settled.trim() !== '',
    placeholderData: keepPreviousData,
    retry: false,
    gcTime: 10_000,
  })
  return text.trim() ? (data ?? null) : null
}

/** The posts of a reply that takes several, in order. */
export function Parts({ preview }: { preview: PreviewView }) {
  const t = useTexts(texts)
  const count = preview.parts.length
  useEffect(() => {
    if (count > 1) announce(t.partsSaid(number(count)))
  }, [count, t])
  if (count < 2) return null
  return (
    <section className={styles.parts} aria-label={t.partsTitle}>
      <h3 className={styles.partsTitle}>{t.partsTitle}</h3>
      <ol className={styles.posts}>
        {preview.parts.map((part, index) => (
          // biome-ignore lint/suspicious/noArrayIndexKey: the parts are in order
          <li key={index} className={styles.post}>
            <p>{part.text}</p>
          </li>
        ))}
      </ol>
    </section>
  )
}
