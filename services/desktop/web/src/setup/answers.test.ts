import { expect, test } from 'vitest'
import { parse } from 'yaml'
import { type Answers, documentOf, idOf, missing, STEPS } from './answers'

const ANSWERS: Answers = {
  name: 'Water: "Board" & Sons, #1',
  timeZone: 'Europe/Berlin',
  country: 'NO',
  address: 'help@water.example',
  mailBy: 'imap',
  host: 'imap.water.example',
  user: 'help, desk',
  password: 'secret',
  queue: 'Größe & Maß',
  within: '4h',
  hours: 'office',
  personId: 'yes',
  personName: "Nora O'Neil",
}
const ME = { subject: 'admin', name: 'Administrator' }

test('the document says what was answered, whatever characters it has', () => {
  const made = parse(documentOf(ANSWERS, ME), { version: '1.1' })
  expect(made.organisation).toEqual({
    name: ANSWERS.name,
    domain: 'water.example',
    time_zone: 'Europe/Berlin',
    region: 'NO',
  })
  expect(made.channels.email).toEqual([
    {
      address: 'help@water.example',
      name: ANSWERS.name,
      imap: { host: 'imap.water.example', user: 'help, desk' },
    },
  ])
  expect(made.queues['grosse-mass'].name).toBe(ANSWERS.queue)
  expect(made.people).toEqual([
    { id: 'yes', name: "Nora O'Neil", queues: ['grosse-mass'] },
    { id: 'admin', name: 'Administrator', supervises: 'everything' },
  ])
  expect(JSON.stringify(made)).not.toContain(ANSWERS.password)
})

test('who sets it up for themselves is in the list once', () => {
  const made = parse(documentOf({ ...ANSWERS, personId: 'admin' }, ME))
  expect(made.people.map((one: { id: string }) => one.id)).toEqual(['admin'])
})

test('a step names what it misses, and asks for a server only where mail is fetched', () => {
  expect(STEPS.flatMap(step => missing(step, ANSWERS))).toEqual([])
  const bare = { ...ANSWERS, address: 'help', host: '', password: '' }
  expect(missing('mailbox', bare)).toEqual(['address', 'host', 'password'])
  expect(missing('mailbox', { ...bare, mailBy: 'smtp' })).toEqual(['address'])
})

test('a name without letters of the alphabet has an id too', () => {
  expect(idOf('窓口')).toBe('first')
})
