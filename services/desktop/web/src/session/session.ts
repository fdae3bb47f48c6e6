import { createContext, useContext } from 'react'
import { PERMISSIONS } from '@/api/permissions'
import { ApiProblem } from '@/api/problem'
import { learn } from '@/live/clock'

export type Role = 'agent' | 'supervisor' | 'operations' | 'manager' | 'integration' | 'administrator'

/** Who is signed in. */
export interface Session {
  readonly subject: string
  readonly name: string
  readonly roles: readonly Role[]
  readonly until: string
}

/** The session of this browser; null when nobody is signed in. Throws ApiProblem when the server can't be asked. */
export async function readSession(): Promise<Session | null> {
  const answer = await fetch('/session', { headers: { 'X-Antiphon': '1' }, cache: 'no-store' }).catch(
    (error: unknown) => {
      throw new ApiProblem(0, { title: String(error) })
    },
  )
  if (!answer.ok) throw new ApiProblem(answer.status, {})
  learn(answer.headers.get('date'))
  const found = (await answer.json()) as ({ signed_in: true } & Session) | { signed_in: false }
  return found.signed_in ? found : null
}

/** Goes to the page of the identity provider, and comes back to the address of now. */
export function signIn(): void {
  const to = location.pathname + location.search
  location.assign(`/session/sign-in?to=${encodeURIComponent(to)}`)
}

export async function signOut(): Promise<void> {
  const answer = await fetch('/session/sign-out', { method: 'POST', headers: { 'X-Antiphon': '1' } }).catch(
    () => null,
  )
  const { to } = answer?.ok ? ((await answer.json()) as { to: string }) : { to: '/' }
  location.assign(to)
}

export const SessionContext = createContext<Session | null>(null)

/** Who is signed in. Only below the shell, which is shown to nobody else. */
export function useSession(): Session {
  const session = useContext(SessionContext)
  if (!session) throw new Error('useSession is called outside the shell')
  return session
}

type Service = keyof typeof PERMISSIONS
/** Whether the roles may call an operation. The server decides; pages only don't show what it would refuse. */
export function may<S extends Service>(
  session: Session,
  service: S,
  operation: keyof (typeof PERMISSIONS)[S],
): boolean {
  const roles = PERMISSIONS[service][operation] as readonly string[]
  return session.roles.some(role => roles.includes(role))
}
