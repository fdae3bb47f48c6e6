import createClient, { type Client, type Middleware } from 'openapi-fetch'
import { learn } from '@/live/clock'
import type { paths as CaseMgmt } from './case-mgmt'
import type { paths as CustomerProfile } from './customer-profile'
import type { paths as IngestDirect } from './ingest-direct'
import type { paths as IngestEmail } from './ingest-email'
import type { paths as IngestSocial } from './ingest-social'
import { ApiProblem, type ProblemDetails } from './problem'
import type { paths as Routing } from './routing'

export const SERVICES = [
  'routing',
  'case-mgmt',
  'customer-profile',
  'ingest-email',
  'ingest-social',
  'ingest-direct',
] as const
export type ServiceName = (typeof SERVICES)[number]

const signedOut = new Set<() => void>()
/** Calls `listener` when an answer says that nobody is signed in any more. */
export function onSignedOut(listener: () => void): () => void {
  signedOut.add(listener)
  return () => signedOut.delete(listener)
}

const seen: Middleware = {
  onResponse({ response }) {
    learn(response.headers.get('date'))
    if (response.status === 401) for (const listener of signedOut) listener()
  },
}

/** The client of a service, or of the desktop's own API. */
export function client<P extends object>(service: ServiceName | 'desktop'): Client<P> {
  const made = createClient<P>({
    baseUrl: `/api/${service}`,
    headers: { 'X-Antiphon': '1' },
    querySerializer: { array: { style: 'form', explode: true } },
  })
  made.use(seen)
  return made as Client<P>
}

export const routing = client<Routing>('routing')
export const caseMgmt = client<CaseMgmt>('case-mgmt')
export const customerProfile = client<CustomerProfile>('customer-profile')
export const ingestEmail = client<IngestEmail>('ingest-email')
export const ingestSocial = client<IngestSocial>('ingest-social')
export const ingestDirect = client<IngestDirect>('ingest-direct')

interface Answer<T> {
  data?: T
  error?: unknown
  response: Response
}

/** The data of an answer. Throws ApiProblem when it is refused, or when none came. */
export async function dataOf<T>(asked: Promise<Answer<T>>): Promise<T> {
  return (await answerOf(asked)).data
}

/** The data of an answer and its headers. Throws ApiProblem. */
export async function answerOf<T>(asked: Promise<Answer<T>>): Promise<{ data: T; headers: Headers }> {
  const answer = await asked.catch((error: unknown) => {
    throw new ApiProblem(0, { title: error instanceof Error ? error.message : String(error) })
  })
  if (!answer.response.ok) throw new ApiProblem(answer.response.status, problemOf(answer.error))
  return { data: answer.data as T, headers: answer.response.headers }
}

function problemOf(error: unknown): ProblemDetails {
  return typeof error === 'object' && error !== null ? (error as ProblemDetails) : {}
}

/** The bytes of a file that a service keeps, e.g. `/attachments/…` of ingest-email. Throws ApiProblem. */
export async function fileOf(service: ServiceName, path: string): Promise<Blob> {
  const answer = await fetch(`/api/${service}${path}`, { headers: { 'X-Antiphon': '1' } }).catch(
    (error: unknown) => {
      throw new ApiProblem(0, { title: String(error) })
    },
  )
  if (!answer.ok) throw new ApiProblem(answer.status, problemOf(await answer.json().catch(() => ({}))))
  return answer.blob()
}

/** A key under which a request that is sent again takes effect once. Made when a person first asks for the effect. */
export function newKey(): string {
  return crypto.randomUUID()
}
