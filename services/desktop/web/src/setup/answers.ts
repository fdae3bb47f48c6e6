import { scalar } from '@/studio/document/print'

/** What the set-up asks. */
export interface Answers {
  readonly name: string
  readonly timeZone: string
  /** ISO 3166, e.g. `AU`. */
  readonly country: string
  readonly address: string
  readonly mailBy: 'smtp' | 'imap'
  readonly host: string
  readonly user: string
  readonly password: string
  readonly queue: string
  readonly within: '1h' | '4h' | '8h' | '16h'
  readonly hours: 'always' | 'office'
  readonly personId: string
  readonly personName: string
}

const ADDRESS = /^[^@+\s]+@[^@\s]+\.[^@\s.]+$/
const PERSON = /^[a-z0-9][a-z0-9._-]{0,62}$/
const HOST = /^[A-Za-z0-9._:-]{1,253}$/

export type Step = 'organisation' | 'mailbox' | 'queue' | 'person'
export const STEPS: readonly Step[] = ['organisation', 'mailbox', 'queue', 'person']

/** The answers of a step that are missing or can't be right. */
export function missing(step: Step, answers: Answers): readonly (keyof Answers)[] {
  const checks: Readonly<Record<Step, Partial<Record<keyof Answers, boolean>>>> = {
    organisation: {
      name: answers.name.trim() !== '',
      timeZone: answers.timeZone !== '',
      country: answers.country !== '',
    },
    mailbox: {
      address: ADDRESS.test(answers.address),
      ...(answers.mailBy === 'imap' && {
        host: HOST.test(answers.host),
        user: answers.user.trim() !== '',
        password: answers.password !== '',
      }),
    },
    queue: { queue: answers.queue.trim() !== '' },
    person: { personId: PERSON.test(answers.personId), personName: answers.personName.trim() !== '' },
  }
  return Object.entries(checks[step]).flatMap(([key, isGood]) => (isGood ? [] : [key as keyof Answers]))
}

/** An id of a name: `Rates & bills` is `rates-bills`. */
export function idOf(name: string): string {
  const plain = name
    .normalize('NFKD')
    .toLowerCase()
    .replace(/ß/g, 'ss')
    .replace(/\p{M}/gu, '')
    .replace(/[^a-z0-9]+/g, '-')
    .replace(/^-+|-+$/g, '')
    .slice(0, 60)
  return plain || 'first'
}

/** The organisation document that the answers make. `me` has set it up, and sees everything. */
export function documentOf(
  answers: Answers,
  me: { readonly subject: string; readonly name: string },
): string {
  const text = (value: string) => scalar(value.trim(), 'plain', { flow: true })
  const queue = text(idOf(answers.queue))
  const domain = answers.address.split('@').at(-1) ?? ''
  const imap =
    answers.mailBy === 'imap'
      ? `\n      imap: { host: ${text(answers.host)}, user: ${text(answers.user)} }`
      : ''
  const isMe = answers.personId === me.subject
  const others = isMe
    ? ''
    : `\n  - { id: ${text(me.subject)}, name: ${text(me.name)}, supervises: everything }`
  return `organisation:
  name: ${text(answers.name)}
  domain: ${text(domain)}
  time_zone: ${text(answers.timeZone)}
  region: ${text(answers.country)} # the country of phone numbers without a country code

channels:
  email:
    - address: ${text(answers.address)}
      name: ${text(answers.name)}${imap}

calendars:
${answers.hours === 'always' ? ALWAYS : officeOf(text(answers.timeZone))}

sla_policies:
  standard:
    name: Standard
    first_response: { within: ${answers.within}, calendar: ${answers.hours} }
    next_response: { within: ${answers.within}, calendar: ${answers.hours} }

queues:
  ${queue}:
    name: ${text(answers.queue)}
    sla_policy: standard
    may_pick: true # its members may choose work, and not only wait for offers

# Everybody on the staff. Who is a member of a queue is an agent.
people:
  - { id: ${text(answers.personId)}, name: ${text(answers.personName)}, queues: [${queue}]${isMe ? ', supervises: everything' : ''} }${others}

# The first rule whose condition is true decides.
rules:
  - name: Everything
    when: "true"
    then: { queue: ${queue}, priority: 50 }
`
}

const ALWAYS = `  always:
    name: Around the clock
    time_zone: UTC
    hours: always`

const DAYS = ['monday', 'tuesday', 'wednesday', 'thursday', 'friday']
const officeOf = (zone: string) => `  office:
    name: Office hours
    time_zone: ${zone}
    hours:
${DAYS.map(day => `      ${day}: ["09:00-17:00"]`).join('\n')}`
