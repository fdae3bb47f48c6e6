import { useQuery, useQueryClient } from '@tanstack/react-query'
import { useRouter } from '@tanstack/react-router'
import { useRef, useState } from 'react'
import { caseMgmt, dataOf, newKey, routing } from '@/api/client'
import { ApiProblem } from '@/api/problem'
import { announce } from '@/design/announce'
import { toast } from '@/design/toasts'
import { type CaseView, rowOfWork } from '@/inbox/rows'
import { useOpenMine, useWhyNot } from '@/inbox/take'
import { myWork } from '@/inbox/work-list'
import { useChanges } from '@/live/changes'
import { serverNow, useNow } from '@/live/clock'
import { useSession } from '@/session/session'
import { useTexts } from '@/texts/catalogue'
import type { OfferView } from './explain'
import { texts } from './texts'

const OFFERS = ['routing', 'offers', 'me'] as const
interface Read {
  readonly offers: readonly OfferView[]
  readonly cases: ReadonlyMap<string, CaseView>
}

async function readOffers(): Promise<Read> {
  const { items } = await dataOf(routing.GET('/offers/me'))
  if (items.length === 0) return { offers: items, cases: new Map() }
  const ids = items.map(offer => offer.work.case_id)
  const found = await dataOf(caseMgmt.GET('/cases', { params: { query: { case_id: ids } } })).catch(
    () => null,
  )
  return { offers: items, cases: new Map(found?.items.map(one => [one.case_id, one])) }
}

export interface Offers {
  /** Those that wait for an answer, the first to expire first. */
  readonly waiting: readonly OfferView[]
  readonly caseOf: (offer: OfferView) => CaseView | undefined
  readonly accept: (offer: OfferView) => Promise<void>
  readonly decline: (offer: OfferView, reason: string) => Promise<void>
  readonly extend: (offer: OfferView) => Promise<void>
}

/** The offers to the person, and their answers. What is answered vanishes at once, and comes back when routing refuses. */
export function useOffers(): Offers {
  const t = useTexts(texts)
  const client = useQueryClient()
  const router = useRouter()
  const session = useSession()
  const openMine = useOpenMine()
  const whyNot = useWhyNot()
  const now = useNow()
  const { data } = useQuery({ queryKey: OFFERS, queryFn: readOffers })
  const [answered, setAnswered] = useState<ReadonlySet<string>>(new Set())
  const keys = useRef(new Map<string, string>())
  const references = useRef(new Map<string, string>())
  const read = () => void client.invalidateQueries({ queryKey: OFFERS })

  useChanges(['routing.begin', 'routing.reset'], read)
  useChanges(['routing.offer'], (offer: { offer_id: string; case_reference: string }) => {
    references.current.set(offer.offer_id, offer.case_reference)
    read()
  })
  useChanges(
    ['routing.offer-ended'],
    (ended: { offer_id: string; result: string; auto_accepted: boolean }) => {
      const known = data?.offers.find(offer => offer.offer_id === ended.offer_id)
      const reference = known?.work.case_reference ?? references.current.get(ended.offer_id)
      references.current.delete(ended.offer_id)
      read()
      if (!reference || answered.has(ended.offer_id)) return
      if (ended.auto_accepted)
        toast({ text: t.auto(reference), action: { label: t.open, run: () => void openCase(reference) } })
      else if (ended.result in t.ended)
        toast({ text: t.ended[ended.result as keyof typeof t.ended](reference), tone: 'soon' })
    },
  )

  const openCase = async (reference: string) => {
    const { items } = await dataOf(caseMgmt.GET('/cases', { params: { query: { reference } } }))
    if (items[0]) openMine(items[0].case_id)
  }
  const keyOf = (offer: OfferView, act: string) => {
    const name = `${offer.offer_id} ${act}`
    const key = keys.current.get(name) ?? newKey()
    keys.current.set(name, key)
    return { 'Idempotency-Key': key }
  }
  const hide = (offer: OfferView) => setAnswered(before => new Set(before).add(offer.offer_id))
  const showAgain = (offer: OfferView) =>
    setAnswered(before => new Set([...before].filter(id => id !== offer.offer_id)))
  const path = (offer: OfferView) => ({ offer_id: offer.offer_id })

  const accept = async (offer: OfferView) => {
    const { work } = offer
    const before = router.state.location.href
    const opens = !isWriting()
    const undo = myWork.expect(work.case_id, {
      ...rowOfWork(work),
      state: 'accepted',
      agentId: session.subject,
    })
    hide(offer)
    if (opens) openMine(work.case_id)
    try {
      await dataOf(
        routing.POST('/offers/{offer_id}/accept', {
          params: { path: path(offer), header: keyOf(offer, 'accept') },
        }),
      )
      const text = t.accepted(work.case_reference)
      if (opens) announce(text)
      else toast({ text, action: { label: t.open, run: () => openMine(work.case_id) } })
    } catch (error) {
      undo()
      showAgain(offer)
      if (opens) void router.navigate({ href: before })
      toast({ text: t.notAccepted(work.case_reference, await whyNot(error)), tone: 'late' })
      read()
    }
  }
  const decline = async (offer: OfferView, reason: string) => {
    hide(offer)
    try {
      await dataOf(
        routing.POST('/offers/{offer_id}/decline', {
          params: { path: path(offer), header: keyOf(offer, `decline ${reason}`) },
          body: { reason: reason || null },
        }),
      )
      announce(t.declined(offer.work.case_reference))
    } catch (error) {
      showAgain(offer)
      toast({ text: t.notDeclined(await whyNot(error)), tone: 'late' })
      read()
    }
  }
  const extend = async (offer: OfferView) => {
    try {
      const longer = await dataOf(
        routing.POST('/offers/{offer_id}/extend', {
          params: { path: path(offer), header: keyOf(offer, `extend ${offer.extensions_left}`) },
        }),
      )
      client.setQueryData<Read>(
        OFFERS,
        before =>
          before && {
            ...before,
            offers: before.offers.map(one => (one.offer_id === longer.offer_id ? longer : one)),
          },
      )
      announce(t.extended(Math.round((Date.parse(longer.expires_at) - serverNow()) / 1000)))
    } catch (error) {
      const why = error instanceof ApiProblem ? error.message : await whyNot(error)
      toast({ text: t.notExtended(why), tone: 'late' })
      read()
    }
  }
  return {
    waiting: (data?.offers ?? []).filter(
      offer => !answered.has(offer.offer_id) && Date.parse(offer.expires_at) > now,
    ),
    caseOf: offer => data?.cases.get(offer.work.case_id),
    accept,
    decline,
    extend,
  }
}

/** Whether the person is in the middle of words: then nothing else is opened over them. */
function isWriting(): boolean {
  const at = document.activeElement
  return at instanceof HTMLTextAreaElement && at.value.trim() !== ''
}
