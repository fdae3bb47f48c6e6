import { locale } from '@/texts/language'

// Names of what is no country.
const NO_COUNTRY = new Set(['EU', 'EZ', 'UN', 'QO', 'XA', 'XB', 'ZZ'])
const LETTERS = [...'ABCDEFGHIJKLMNOPQRSTUVWXYZ']

/** The countries by their ISO 3166 codes, in the order of their names. */
export function countries(): readonly { readonly id: string; readonly label: string }[] {
  const names = new Intl.DisplayNames(locale(), { type: 'region', fallback: 'none' })
  return LETTERS.flatMap(first => LETTERS.map(second => first + second))
    .flatMap(id => {
      const label = NO_COUNTRY.has(id) ? undefined : names.of(id)
      return label ? [{ id, label }] : []
    })
    .sort((a, b) => a.label.localeCompare(b.label, locale()))
}

/** The time zones that the browser knows. */
export function timeZones(): readonly { readonly id: string; readonly label: string }[] {
  return [...new Set([...Intl.supportedValuesOf('timeZone'), myTimeZone(), 'UTC'])]
    .sort()
    .map(id => ({ id, label: id.replaceAll('_', ' ') }))
}

export function myTimeZone(): string {
  return Intl.DateTimeFormat().resolvedOptions().timeZone
}

/** The country that the browser's language names; nothing when it names none. */
export function myCountry(): string {
  return new Intl.Locale(navigator.language).region ?? ''
}
