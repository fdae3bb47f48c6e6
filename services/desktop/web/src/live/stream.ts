import { learn } from './clock'

/**
 * The stream of changes. One tab of a browser reads it (it holds a lock) and passes each event on to the others.
 *
 * An event is named `<service>.<kind>`. After a break the stream resumes where it was; `<service>.reset` says that this was not
 * possible, and that what is shown of the service must be read again. What a tab follows besides is told by `follow`.
 */
export type Stand = 'connecting' | 'live' | 'lost' | 'signed-out'
// biome-ignore lint/suspicious/noExplicitAny: an event's shape is known to who asks for its kind
type Listener = (data: any, kind: string) => void
type Followed = { cases: string[]; customers: string[]; live: boolean }

type Message =
  | { about: 'event'; kind: string; data: unknown; id: string }
  | { about: 'stand'; stand: Stand; id: string }
  | { about: 'follow'; tab: string; followed: Followed }
  | { about: 'left'; tab: string }
  | { about: 'who' }

// The server writes at least every 15 seconds.
const SILENCE = 40_000
const LONGEST_PAUSE = 30_000

export class ChangeStream {
  stand: Stand = 'connecting'
  private readonly tab = crypto.randomUUID()
  private readonly tabs = new BroadcastChannel('antiphon-changes')
  private readonly listeners = new Map<string, Set<Listener>>()
  private readonly watchers = new Set<() => void>()
  private readonly beats = new Set<() => void>()
  private readonly followed = new Map<string, Followed>()
  private readonly own = new Map<string, number>()
  private readonly ended = new AbortController()
  private reading = new AbortController()
  private leads = false
  private id = ''
  private address = ''

  constructor(private readonly path = '/api/changes') {
    this.tabs.onmessage = event => this.hear(event.data as Message)
    this.tabs.postMessage({ about: 'who' } satisfies Message)
    // A browser that knows that the network is gone does not end what it reads; only silence would show it.
    addEventListener('offline', () => this.reading.abort('offline'), { signal: this.ended.signal })
    addEventListener('pagehide', () => this.tell({ about: 'left', tab: this.tab }))
    void navigator.locks
      .request('antiphon-changes', { signal: this.ended.signal }, () => {
        this.leads = true
        this.tell({ about: 'who' })
        return this.read()
      })
      .catch(() => undefined)
  }

  /** Calls `listener` for each event of a kind, e.g. `routing.work`. Returns how to stop that. */
  on(kind: string, listener: Listener): () => void {
    const those = this.listeners.get(kind) ?? new Set()
    this.listeners.set(kind, those.add(listener))
    return () => those.delete(listener)
  }

  /** Calls `listener` whenever the server wrote anything: also in a hidden tab, whose timers are slow. */
  onBeat(listener: () => void): () => void {
    this.beats.add(listener)
    return () => this.beats.delete(listener)
  }

  /** Calls `listener` when `stand` changes. */
  watch = (listener: () => void) => {
    this.watchers.add(listener)
    return () => this.watchers.delete(listener)
  }

  /** Follows a case, a customer or the wallboard until the returned function is called. */
  follow(what: `case:${string}` | `customer:${string}` | 'live'): () => void {
    this.own.set(what, (this.own.get(what) ?? 0) + 1)
    this.tellFollowed()
    return () => {
      const left = (this.own.get(what) ?? 1) - 1
      if (left) this.own.set(what, left)
      else this.own.delete(what)
      this.tellFollowed()
    }
  }

  /** Ends the stream of this tab for good. */
  close(): void {
    this.ended.abort()
    this.reading.abort()
  }

  private tellFollowed() {
    const names = [...this.own.keys()]
    const followed = {
      cases: names.filter(name => name.startsWith('case:')).map(name => name.slice(5)),
      customers: names.filter(name => name.startsWith('customer:')).map(name => name.slice(9)),
      live: names.includes('live'),
    }
    this.followed.set(this.tab, followed)
    this.tell({ about: 'follow', tab: this.tab, followed })
    this.followAnew()
  }

  private hear(message: Message) {
    if (message.about === 'event') this.hand(message.kind, message.data, message.id)
    else if (message.about === 'stand') {
      this.id ||= message.id
      this.show(message.stand)
    } else if (message.about === 'who') {
      this.tellFollowed()
      if (this.leads) this.tell({ about: 'stand', stand: this.stand, id: this.id })
    } else {
      if (message.about === 'follow') this.followed.set(message.tab, message.followed)
      else this.followed.delete(message.tab)
      this.followAnew()
    }
  }

  /** The leader reads another address when the tabs follow something else; the id makes that a resumption. */
  private followAnew() {
    if (this.leads && this.address && this.wanted() !== this.address) this.reading.abort('followed')
  }

  private wanted(): string {
    const all = [...this.followed.values()]
    const cases = [...new Set(all.flatMap(one => one.cases))].sort().slice(0, 50)
    const customers = [...new Set(all.flatMap(one => one.customers))].sort().slice(0, 50)
    const query = new URLSearchParams([
      ...cases.map(id => ['case_id', id]),
      ...customers.map(id => ['customer_id', id]),
      ...(all.some(one => one.live) ? [['live', 'true']] : []),
    ])
    return query.size ? `${this.path}?${query}` : this.path
  }

  private hand(kind: string, data: unknown, id: string) {
    if (id) this.id = id
    for (const listener of this.beats) listener()
    for (const listener of this.listeners.get(kind) ?? []) listener(data, kind)
  }

  private show(stand: Stand) {
    if (stand === this.stand) return
    this.stand = stand
    for (const watcher of this.watchers) watcher()
  }

  private tell(message: Message) {
    this.tabs.postMessage(message)
  }

  private set(stand: Stand) {
    this.show(stand)
    this.tell({ about: 'stand', stand, id: this.id })
  }

  private async read() {
    for (let failures = 0; !this.ended.signal.aborted; ) {
      this.reading = new AbortController()
      try {
        await this.readOnce(() => {
          failures = 0
        })
      } catch {
        // The network or the server went away, or the tabs follow something else.
      }
      if (this.stand === 'signed-out' || this.ended.signal.aborted) return
      if (this.reading.signal.reason === 'followed') continue
      this.set('lost')
      await pause(Math.min(LONGEST_PAUSE, 500 * 2 ** failures++) * (0.5 + Math.random() / 2))
    }
  }

  private async readOnce(began: () => void) {
    const silence = { timer: setTimeout(() => this.reading.abort('silent'), SILENCE) }
    try {
      this.address = this.wanted()
      const answer = await fetch(this.address, {
        headers: {
          Accept: 'text/event-stream',
          'X-Antiphon': '1',
          ...(this.id && { 'Last-Event-ID': this.id }),
        },
        cache: 'no-store',
        signal: AbortSignal.any([this.reading.signal, this.ended.signal]),
      })
      learn(answer.headers.get('date'))
      if (answer.status === 401) return this.set('signed-out')
      if (!answer.ok || !answer.body) throw new Error(`${answer.status}`)
      this.set('live')
      began()
      for await (const [kind, data, id] of events(answer.body, () => {
        clearTimeout(silence.timer)
        silence.timer = setTimeout(() => this.reading.abort('silent'), SILENCE)
        for (const listener of this.beats) listener()
      })) {
        if (kind === 'session.ended') return this.set('signed-out')
        this.tell({ about: 'event', kind, data, id })
        this.hand(kind, data, id)
      }
    } finally {
      clearTimeout(silence.timer)
    }
  }
}

/** The events of a body of `text/event-stream`. Source: WHATWG HTML, section 9.2.6. */
export async function* events(
  body: ReadableStream<Uint8Array<ArrayBuffer>>,
  beat: () => void = () => undefined,
): AsyncGenerator<[kind: string, data: unknown, id: string]> {
  let rest = ''
  let kind = ''
  let data = ''
  let id = ''
  const reader = body.pipeThrough(new TextDecoderStream()).getReader()
  try {
    for (;;) {
      const { value, done } = await reader.read()
      if (done) return
      beat()
      const lines = (rest + value).split('\n')
      rest = lines.pop() ?? ''
      for (const line of lines) {
        if (line === '') {
          if (kind) yield [kind, data ? JSON.parse(data) : {}, id]
          kind = data = ''
        } else if (line.startsWith('data:')) data += line.slice(5).trimStart()
        else if (line.startsWith('event:')) kind = line.slice(6).trim()
        else if (line.startsWith('id:')) id = line.slice(3).trim()
      }
    }
  } finally {
    reader.releaseLock()
  }
}

/** Waits, and no longer than until the network is back. */
function pause(milliseconds: number): Promise<void> {
  return new Promise(resolve => {
    const end = () => {
      clearTimeout(timer)
      removeEventListener('online', end)
      resolve()
    }
    const timer = setTimeout(end, milliseconds)
    addEventListener('online', end)
  })
}
