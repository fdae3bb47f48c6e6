import type { Client } from 'openapi-fetch'
import { client, SERVICES, type ServiceName } from '@/api/client'
import type { paths as Desktop } from '@/api/desktop'
import type { paths as Routing } from '@/api/routing'

type Every = Pick<
  Routing,
  | '/readyz'
  | '/metrics'
  | '/dead-letters'
  | '/dead-letters/{dead_letter_id}/replay'
  | '/parked-events'
  | '/parked-events/{parked_event_id}/replay'
>

/** What every service has in its API. */
export const every = Object.fromEntries(SERVICES.map(name => [name, client<Every>(name)])) as Record<
  ServiceName,
  Client<Every>
>
/** The desktop's own API. */
export const desktop = client<Desktop>('desktop')
