import { type Language, language, locale, useLanguage } from './language'

type Text = string | ((...values: never[]) => string)
interface Texts {
  readonly [key: string]: Text | Texts
}
/** The same keys with the same arguments, and other words. */
type Translated<T> = {
  readonly [K in keyof T]: T[K] extends string
    ? string
    : T[K] extends (...values: infer A) => string
      ? (...values: A) => string
      : Translated<T[K]>
}
export type Catalogue<T> = Readonly<Record<Language, Translated<T>>>

/** The texts of a feature in every language. A missing or surplus text in a translation is an error of types. */
export function catalogue<T extends Texts>(en: T, de: Translated<T>): Catalogue<T> {
  return { en: en as unknown as Translated<T>, de }
}

/** The texts in the language shown now; the component is shown again when it changes. */
export function useTexts<T>(texts: Catalogue<T>): Translated<T> {
  return texts[useLanguage()]
}

/** The texts in the language shown now, outside components. */
export function textsOf<T>(texts: Catalogue<T>): Translated<T> {
  return texts[language()]
}

/** `1 message`, `2 messages`: the number as the language writes it, and the form that goes with it. */
export function counted(count: number, one: string, other: string): string {
  const form = new Intl.PluralRules(language()).select(count) === 'one' ? one : other
  return `${new Intl.NumberFormat(locale()).format(count)} ${form}`
}
