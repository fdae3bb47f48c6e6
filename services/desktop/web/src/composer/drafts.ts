import type { NewNote, NewReply } from '@/api/case-mgmt'

/**
 * Words that a person wrote and has not sent: one draft a case and a kind, in the storage of this browser.
 *
 * They are written at each change, and survive a reload, a crash and the end of the session. Each person has their own: a
 * draft is never shown to another. Two tabs on a case share its drafts: what was written last is there.
 */
export type Kind = 'answer' | 'note'
export type StatusAfter = NonNullable<NewReply['status']>

/** A request to send a draft, made once. It stays with the draft until an answer came. */
export interface Attempt {
  readonly key: string
  readonly body: NewReply | NewNote
  /** The ETag that the author of an answer had seen; null for a note. */
  readonly etag: string | null
  /** To whom it goes, in words. */
  readonly to: string
  readonly pressedAt: number
  /** Until then it can be taken back. */
  readonly leavesAt: number
}

export interface Draft {
  readonly text: string
  readonly changedAt: number
  /** The interaction that an answer answers. */
  readonly answers?: string | undefined
  readonly status?: StatusAfter | undefined
  /** The newest entry of the case's record that its author had seen. */
  readonly seen?: number | undefined
  /** The key of a request that nobody knows the outcome of: the next one goes out under it, so that one at most counts. */
  readonly key?: string | undefined
  readonly attempt?: Attempt | undefined
}

/** Which draft: of which case, and of which kind. */
export interface Place {
  readonly caseId: string
  readonly kind: Kind
}

const PREFIX = 'antiphon.draft'
const MOST = 200
const EMPTY: Draft = { text: '', changedAt: 0 }

type Kept = Pick<Storage, 'getItem' | 'setItem' | 'removeItem' | 'key' | 'length'>

export class Drafts {
  private readonly parsed = new Map<string, { raw: string; draft: Draft }>()
  /** What the storage refused to keep: it lasts as long as the page. */
  private readonly unkept = new Map<string, Draft>()
  private readonly elsewhere = new Set<string>()
  private readonly listeners = new Set<() => void>()

  constructor(
    readonly subject: string,
    private readonly storage: Kept,
    private readonly now: () => number = Date.now,
  ) {}

  /** The draft, the same object until it changes. */
  read(place: Place): Draft {
    return this.readName(this.nameOf(place))
  }

  /** Changes a draft. One without words, key and attempt is forgotten. */
  write(place: Place, changes: Partial<Draft>): void {
    const name = this.nameOf(place)
    const draft = { ...this.readName(name), ...changes, changedAt: this.now() }
    this.elsewhere.delete(name)
    this.put(name, draft)
    this.tell()
  }

  /** Forgets a draft. */
  clear(place: Place): void {
    this.remove(this.nameOf(place))
    this.tell()
  }

  /** The drafts for which an attempt is under way or has had no answer. */
  attempts(): Place[] {
    return this.names()
      .filter(name => this.readName(name).attempt)
      .map(name => this.placeOf(name))
  }

  /** Whether the storage of this browser keeps the draft. */
  isKept(place: Place): boolean {
    return !this.unkept.has(this.nameOf(place))
  }

  /** Whether another tab wrote what is there now. */
  isFromElsewhere(place: Place): boolean {
    return this.elsewhere.has(this.nameOf(place))
  }

  /** Takes in what another tab wrote; `name` is null when it emptied the storage. */
  hear(name: string | null): void {
    if (name !== null && !name.startsWith(this.prefix)) return
    if (name !== null) {
      if (this.storage.getItem(name) === null) this.elsewhere.delete(name)
      else this.elsewhere.add(name)
    }
    this.tell()
  }

  subscribe = (listener: () => void): (() => void) => {
    this.listeners.add(listener)
    return () => this.listeners.delete(listener)
  }

  private get prefix() {
    return `${PREFIX}:${this.subject}:`
  }

  private nameOf({ caseId, kind }: Place) {
    return `${this.prefix}${caseId}:${kind}`
  }

  private placeOf(name: string): Place {
    const [caseId, kind] = name.slice(this.prefix.length).split(':')
    return { caseId: caseId ?? '', kind: kind as Kind }
  }

  private names(): string[] {
    const all = Array.from({ length: this.storage.length }, (_, index) => this.storage.key(index) ?? '')
    return [...new Set([...all, ...this.unkept.keys()])].filter(name => name.startsWith(this.prefix))
  }

  private readName(name: string): Draft {
    const unkept = this.unkept.get(name)
    if (unkept) return unkept
    const raw = this.storage.getItem(name)
    if (raw === null) return EMPTY
    const found = this.parsed.get(name)
    if (found?.raw === raw) return found.draft
    const draft = draftIn(raw)
    this.parsed.set(name, { raw, draft })
    return draft
  }

  private put(name: string, draft: Draft): void {
    if (draft.text === '' && !draft.key && !draft.attempt) {
      this.remove(name)
      return
    }
    this.makeRoom(name, MOST)
    const raw = JSON.stringify(draft)
    for (const most of [MOST, MOST / 4, 1]) {
      this.makeRoom(name, most)
      try {
        this.storage.setItem(name, raw)
        this.unkept.delete(name)
        return
      } catch {
        // The storage is full: older drafts make room.
      }
    }
    this.unkept.set(name, draft)
  }

  /** Forgets the oldest drafts of this person beyond so many. What is being sent stays. */
  private makeRoom(name: string, most: number): void {
    const others = this.names().filter(other => other !== name && !this.readName(other).attempt)
    if (others.length < most) return
    const byAge = others.sort((one, other) => this.readName(one).changedAt - this.readName(other).changedAt)
    for (const old of byAge.slice(0, others.length - most + 1)) this.remove(old)
  }

  private remove(name: string): void {
    this.unkept.delete(name)
    this.parsed.delete(name)
    this.elsewhere.delete(name)
    this.storage.removeItem(name)
  }

  private tell() {
    for (const listener of this.listeners) listener()
  }
}

function draftIn(raw: string): Draft {
  try {
    const found = JSON.parse(raw) as Partial<Draft>
    return { ...EMPTY, ...found }
  } catch {
    return EMPTY
  }
}

let current: Drafts | undefined
const restorations = new Set<(caseId: string) => void>()

/** Calls `listener` when words were put back into the answer of a case. Returns how to stop that. */
export function onRestored(listener: (caseId: string) => void): () => void {
  restorations.add(listener)
  return () => restorations.delete(listener)
}

/** The drafts of a person in this browser. */
export function draftsOf(subject: string): Drafts {
  if (current?.subject !== subject) {
    const drafts = new Drafts(subject, localStorage)
    current = drafts
    addEventListener('storage', event => {
      if (event.storageArea === localStorage) drafts.hear(event.key)
    })
    // A tab that was frozen missed what others wrote.
    addEventListener('pageshow', () => drafts.hear(null))
  }
  return current
}

/** Puts the words of an answer that could not be sent back into its case's answer, below what is written there. */
export function restoreWords(caseId: string, text: string): void {
  const place: Place = { caseId, kind: 'answer' }
  const draft = current?.read(place)
  if (!draft || draft.attempt) return
  if (!draft.text.includes(text))
    current?.write(place, { text: draft.text.trim() ? `${draft.text.trimEnd()}\n\n${text}` : text })
  for (const listener of restorations) listener(caseId)
}
