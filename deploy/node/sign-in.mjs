// The sign-in provider of the example, for development: an OpenID provider whose login page lists people, without passwords.
// It signs with the site's development key, as `make token` does, and listens on loopback only.
import { readFileSync } from 'node:fs'
import { createServer } from 'node:http'
import Provider from 'oidc-provider'

const { SIGN_IN_ISSUER: issuer, SIGN_IN_PORT: port, SIGN_IN_KEY: keyFile, SIGN_IN_PEOPLE: listed, SIGN_IN_TOKEN_LIFE: life } = process.env
const { SIGN_IN_CLIENT_SECRET: secret, SIGN_IN_DESKTOP: desktop, SIGN_IN_COOKIES: cookies, SIGN_IN_ORGANISATION: organisation } = process.env
if (!/^http:\/\/(localhost|127\.0\.0\.1):\d+$/.test(issuer)) throw new Error('this provider is for development on this machine only')

/** People as `deploy/sign_in.py` gives them: id, name, roles, and both in words. */
const people = new Map(JSON.parse(listed).map((person) => [person.id, person]))
const HOUR = 3600
const client = {
  client_id: 'antiphon-desktop', client_secret: secret, grant_types: ['authorization_code', 'refresh_token'], response_types: ['code'],
  redirect_uris: [`${desktop}/session/callback`], post_logout_redirect_uris: [`${desktop}/`], id_token_signed_response_alg: 'ES256',
}
const resource = { scope: 'openid profile', audience: 'antiphon', accessTokenFormat: 'jwt', accessTokenTTL: Number(life), jwt: { sign: { alg: 'ES256' } } }

const provider = new Provider(issuer, {
  clients: [client],
  jwks: { keys: [JSON.parse(readFileSync(keyFile, 'utf8'))] },
  cookies: { keys: [cookies], names: { session: 'sign-in', interaction: 'sign-in-step', resume: 'sign-in-resume' } },
  pkce: { required: () => true },
  scopes: ['openid', 'profile', 'offline_access'],
  claims: { openid: ['sub'], profile: ['name'] },
  conformIdTokenClaims: false,
  findAccount: (_, id) => people.has(id) && { accountId: id, claims: () => ({ sub: id, name: people.get(id).name }) },
  extraTokenClaims: (_, token) => ({ roles: people.get(token.accountId)?.roles ?? [], name: people.get(token.accountId)?.name }),
  issueRefreshToken: () => true,
  rotateRefreshToken: true,
  ttl: { AccessToken: Number(life), IdToken: HOUR, Session: 12 * HOUR, Grant: 12 * HOUR, RefreshToken: 12 * HOUR, Interaction: HOUR, AuthorizationCode: 60 },
  interactions: { url: (_, interaction) => `/people/${interaction.uid}` },
  loadExistingGrant: async (ctx) => {
    // Nobody is asked for consent: the desktop is the organisation's own.
    const grant = new provider.Grant({ clientId: ctx.oidc.client.clientId, accountId: ctx.oidc.session.accountId })
    grant.addOIDCScope('openid profile offline_access')
    grant.addResourceScope('urn:antiphon', 'openid profile offline_access')
    await grant.save()
    return grant
  },
  features: {
    devInteractions: { enabled: false },
    revocation: { enabled: true },
    rpInitiatedLogout: { enabled: true, logoutSource: (ctx, form) => { ctx.body = leaving(form) } },
    resourceIndicators: { enabled: true, defaultResource: () => 'urn:antiphon', useGrantedResource: () => true, getResourceServerInfo: () => resource },
  },
})
provider.on('server_error', (_, error) => console.error('server error', error))

const escaped = (text) => text.replace(/[&<>"']/g, (character) => `&#${character.charCodeAt(0)};`)
const STYLE = `
:root { color-scheme: light dark; font: 1rem/1.5 system-ui, sans-serif }
body { margin: 0 auto; padding: 2rem 1rem 4rem; max-width: 60rem }
h1 { font-size: 1.75rem; line-height: 1.2; margin: 0 0 .25rem } h2 { font-size: 1.125rem; margin: 2rem 0 .75rem } p { margin: 0 0 1.5rem; max-width: 40rem }
form { display: grid; gap: .75rem; grid-template-columns: repeat(auto-fill, minmax(16rem, 1fr)) }
button { font: inherit; text-align: start; padding: .875rem 1rem; border: 1px solid color-mix(in srgb, currentColor 35%, transparent); border-radius: .5rem;
  background: transparent; color: inherit; cursor: pointer }
button:hover { background: color-mix(in srgb, currentColor 8%, transparent) } button:focus-visible { outline: 3px solid #2563eb; outline-offset: 2px }
b { display: block } span { display: block; font-size: .875rem; opacity: .8 }`
const page = (title, body) => `<!doctype html><html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">
<title>${escaped(title)}</title><style>${STYLE}</style></head><body><main>${body}</main></body></html>`
const HEADERS = {
  'Content-Type': 'text/html; charset=utf-8', 'Cache-Control': 'no-store', 'X-Frame-Options': 'DENY', 'Referrer-Policy': 'no-referrer',
  'Content-Security-Policy': "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; frame-ancestors 'none'",
}

const choice = (person) => `<button name="person" value="${escaped(person.id)}"><b>${escaped(person.name)}</b><span>${escaped(person.words)}</span></button>`
const choosing = () => {
  const groups = Map.groupBy?.([...people.values()], (person) => person.group) ?? grouped()
  const lists = [...groups].map(([group, members]) => `<h2>${escaped(group)}</h2><form method="post">${members.map(choice).join('')}</form>`)
  return page(`Sign in · ${organisation}`, `<h1>Who are you?</h1><p>${escaped(organisation)}. This page is for the example only: nobody needs a password.</p>${lists.join('')}`)
}
const grouped = () => {
  const groups = new Map()
  for (const person of people.values()) groups.set(person.group, [...(groups.get(person.group) ?? []), person])
  return groups
}
const leaving = (form) => page('Sign out', `<h1>Sign out?</h1><p>You are signed out of the desktop. Sign out here too, to sign in as another person.</p>
${form}<button form="op.logoutForm" name="logout" value="yes" autofocus><b>Sign out</b><span>and go back to the desktop</span></button>`)

const read = async (request) => {
  let text = ''
  for await (const chunk of request) if ((text += chunk).length > 10_000) throw new Error('too long')
  return new URLSearchParams(text)
}
const answer = provider.callback()
const server = createServer(async (request, response) => {
  try {
    if (request.url === '/livez') return response.writeHead(200).end('alive')
    if (!request.url.startsWith('/people/')) return answer(request, response)
    await provider.interactionDetails(request, response)
    const person = request.method === 'POST' ? (await read(request)).get('person') : null
    if (!people.has(person)) return response.writeHead(200, HEADERS).end(choosing())
    await provider.interactionFinished(request, response, { login: { accountId: person } })
  } catch (error) {
    const again = `<h1>This sign-in has expired</h1><p><a href="${desktop}/">Back to the desktop</a></p>`
    response.writeHead(error.status ?? error.statusCode ?? 500, HEADERS).end(page('Sign in', again))
  }
})
for (const host of ['127.0.0.1', '::1']) {
  const listening = host === '::1' ? createServer((...both) => server.emit('request', ...both)) : server
  listening.on('error', (error) => { if (host !== '::1') throw error })
  listening.listen(Number(port), host)
}
