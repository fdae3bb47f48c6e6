/** The lists of the inbox. */
export type View = 'mine' | 'queues' | 'recent'

export interface InboxSearch {
  readonly view?: View
  readonly queue?: string
  /** The case that is open. */
  readonly item?: string
}

/** What the address of the inbox says; what it does not know is left out. */
export function inboxSearch(given: Record<string, unknown>): InboxSearch {
  const text = (name: string) => (typeof given[name] === 'string' ? given[name] : undefined)
  const view = text('view')
  const queue = text('queue')
  const item = text('item')
  return {
    ...((view === 'mine' || view === 'queues' || view === 'recent') && { view }),
    ...(queue && { queue }),
    ...(item && { item }),
  }
}
