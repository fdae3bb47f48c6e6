import { useMemo } from 'react'
import { Segments, TextField } from '@/design/fields'
import { Select } from '@/design/select'
import { useTexts } from '@/texts/catalogue'
import type { Answers, Step } from './answers'
import { countries, timeZones } from './places'
import { texts } from './texts'

interface FieldsProps {
  step: Step
  answers: Answers
  isMe: boolean
  /** What to say about at its field. */
  missed: readonly (keyof Answers)[]
  onChange: (changed: Partial<Answers>) => void
}

/** The questions of a step. */
export function Fields(props: FieldsProps) {
  switch (props.step) {
    case 'organisation':
      return <Organisation {...props} />
    case 'mailbox':
      return <Mailbox {...props} />
    case 'queue':
      return <Queue {...props} />
    case 'person':
      return <Person {...props} />
  }
}

function Organisation({ answers, missed, onChange }: FieldsProps) {
  const t = useTexts(texts)
  const zones = useMemo(timeZones, [])
  const places = useMemo(countries, [])
  return (
    <>
      <TextField
        label={t.name}
        value={answers.name}
        onChange={name => onChange({ name })}
        fault={missed.includes('name') ? t.need : null}
        autoComplete="organization"
      />
      <Select
        label={t.timeZone}
        value={answers.timeZone || null}
        choices={zones}
        onChange={timeZone => onChange({ timeZone })}
        placeholder={t.choose}
        fault={missed.includes('timeZone') ? t.need : null}
      />
      <Select
        label={t.country}
        help={t.countryHelp}
        value={answers.country || null}
        choices={places}
        onChange={country => onChange({ country })}
        placeholder={t.choose}
        fault={missed.includes('country') ? t.need : null}
      />
    </>
  )
}

function Mailbox({ answers, missed, onChange }: FieldsProps) {
  const t = useTexts(texts)
  return (
    <>
      <TextField
        label={t.address}
        help={t.addressHelp}
        type="email"
        value={answers.address}
        onChange={address => onChange({ address: address.trim() })}
        fault={missed.includes('address') ? t.addressFault : null}
        autoComplete="off"
      />
      <div>
        <Segments
          label={t.mailBy}
          value={answers.mailBy}
          onChange={(mailBy: Answers['mailBy']) => onChange({ mailBy })}
          choices={[
            { id: 'smtp', label: t.smtp },
            { id: 'imap', label: t.imap },
          ]}
        />
      </div>
      {answers.mailBy === 'smtp' ? (
        <p className="dim">{t.smtpHelp}</p>
      ) : (
        <>
          <TextField
            label={t.host}
            value={answers.host}
            onChange={host => onChange({ host: host.trim() })}
            fault={missed.includes('host') ? t.need : null}
            autoComplete="off"
          />
          <TextField
            label={t.user}
            value={answers.user}
            onChange={user => onChange({ user })}
            fault={missed.includes('user') ? t.need : null}
            autoComplete="off"
          />
          <TextField
            label={t.password}
            help={t.passwordHelp}
            type="password"
            value={answers.password}
            onChange={password => onChange({ password })}
            fault={missed.includes('password') ? t.need : null}
            autoComplete="off"
          />
        </>
      )}
    </>
  )
}

const WITHIN: readonly Answers['within'][] = ['1h', '4h', '8h', '16h']
function Queue({ answers, missed, onChange }: FieldsProps) {
  const t = useTexts(texts)
  return (
    <>
      <TextField
        label={t.queue}
        help={t.queueHelp}
        value={answers.queue}
        onChange={queue => onChange({ queue })}
        fault={missed.includes('queue') ? t.need : null}
        autoComplete="off"
      />
      <Select
        label={t.within}
        value={answers.within}
        choices={WITHIN.map(id => ({ id, label: t.withinOf[id] }))}
        onChange={within => onChange({ within })}
      />
      <div>
        <Segments
          label={t.hours}
          value={answers.hours}
          onChange={(hours: Answers['hours']) => onChange({ hours })}
          choices={[
            { id: 'office', label: t.office },
            { id: 'always', label: t.always },
          ]}
        />
      </div>
    </>
  )
}

function Person({ answers, isMe, missed, onChange }: FieldsProps) {
  const t = useTexts(texts)
  return (
    <>
      <TextField
        label={t.personName}
        value={answers.personName}
        onChange={personName => onChange({ personName })}
        fault={missed.includes('personName') ? t.need : null}
        autoComplete="off"
      />
      <TextField
        label={t.personId}
        help={t.personIdHelp}
        value={answers.personId}
        onChange={personId => onChange({ personId: personId.trim() })}
        fault={missed.includes('personId') ? t.personIdHelp : null}
        autoComplete="off"
        mono
      />
      <p className="dim">{isMe ? t.personIsYou : t.personRole}</p>
    </>
  )
}
