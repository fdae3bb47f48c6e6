import { useQueryClient } from '@tanstack/react-query'
import { dataOf, routing } from '@/api/client'
import { announce } from '@/design/announce'
import { toast } from '@/design/toasts'
import { useTexts } from '@/texts/catalogue'
import { OWN_AGENT, type OwnAgent } from './own-agent'
import { texts } from './texts'

/** Sets the own presence: it is shown at once, and taken back visibly when routing refuses. */
export function useSetPresence(): (choice: OwnAgent['presences'][number]) => Promise<void> {
  const client = useQueryClient()
  const t = useTexts(texts)
  return async choice => {
    const before = client.getQueryData<OwnAgent>(OWN_AGENT)
    if (before) client.setQueryData(OWN_AGENT, { ...before, presence: choice.id, since: null })
    try {
      await dataOf(routing.PUT('/agents/me/presence', { body: { presence: choice.id } }))
      announce(t.now(t.nameOf[choice.id] ?? choice.name))
    } catch (error) {
      client.setQueryData(OWN_AGENT, before)
      toast({ text: t.notSet((error as Error).message), tone: 'late' })
    }
    void client.invalidateQueries({ queryKey: OWN_AGENT })
  }
}
