import { useQuery } from '@tanstack/react-query'
import { dataOf, routing } from '@/api/client'
import type { components } from '@/api/routing'

export type ShadowReport = components['schemas']['ShadowReport']

/** The newest shadow of a draft, with its report so far; undefined while it is read or when there is none. */
export function useShadowReport(draftId: string | null) {
  return useQuery({
    queryKey: ['studio', 'shadow', draftId],
    queryFn: async (): Promise<ShadowReport | null> => {
      const { items } = await dataOf(routing.GET('/shadows', { params: { query: { limit: 50 } } }))
      const newest = items.find(one => one.draft_id === draftId)
      if (!newest) return null
      const path = { shadow_id: newest.shadow_id }
      return dataOf(routing.GET('/shadows/{shadow_id}', { params: { path } }))
    },
    enabled: Boolean(draftId),
    refetchInterval: query => (query.state.data && !query.state.data.ended_at ? 5000 : false),
  })
}

/** What the shadow of a draft that runs has seen so far. */
export function useShadow(draftId: string | null): components['schemas']['ShadowResult'] | null {
  const { data } = useShadowReport(draftId)
  return data && !data.ended_at ? data.result : null
}
