/** What somebody typed into the search, as the API asks for it. */
export type Asked =
  | { readonly by: 'name'; readonly name: string }
  | { readonly by: 'identifier'; readonly identifiers: readonly string[] }
  | { readonly by: 'case'; readonly reference: string }

/**
 * An address, a number and a case's reference are recognised by their form; all else is a name. Null for nothing.
 *
 * A number without a country may be an account's or a phone's. The server writes identifiers in their normal form.
 */
export function asked(typed: string): Asked | null {
  const text = typed.trim()
  if (!text) return null
  if (/^[a-z]{1,4}-\d+$/i.test(text)) return { by: 'case', reference: text.toUpperCase() }
  if (/^did:/i.test(text)) return { by: 'identifier', identifiers: [`did:${text}`] }
  if (/^\S+@\S+$/.test(text)) return { by: 'identifier', identifiers: [`email:${text}`] }
  const digits = text.replaceAll(/[\s()/.-]/g, '')
  if (/^\+\d{5,}$/.test(digits)) return { by: 'identifier', identifiers: [`phone:${digits}`] }
  if (/^\d{3,}$/.test(digits))
    return { by: 'identifier', identifiers: [`account:${digits}`, `phone:${digits}`] }
  return { by: 'name', name: text }
}
