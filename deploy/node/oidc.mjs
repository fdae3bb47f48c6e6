// A real OpenID provider on loopback, for a test: client credentials, JWT access tokens, roles. Prints its issuer.
import { generateKeyPairSync } from 'node:crypto'
import Provider from 'oidc-provider'

const [port, secret] = process.argv.slice(2)
const key = (kid) => ({ ...generateKeyPairSync('rsa', { modulusLength: 2048 }).privateKey.export({ format: 'jwk' }), kid, alg: 'RS256', use: 'sig' })
const provider = new Provider(`http://127.0.0.1:${port}`, {
  clients: [{ client_id: 'crm', client_secret: secret, grant_types: ['client_credentials'], redirect_uris: [], response_types: [] }],
  jwks: { keys: [key(`key-${process.pid}`)] },
  features: {
    devInteractions: { enabled: false },
    clientCredentials: { enabled: true },
    resourceIndicators: {
      enabled: true,
      getResourceServerInfo: (_, audience) => ({ scope: 'api', audience: audience.replace('urn:', ''), accessTokenFormat: 'jwt', jwt: { sign: { alg: 'RS256' } } }),
    },
  },
  extraTokenClaims: () => ({ roles: ['integration'] }),
})
provider.listen(Number(port), '127.0.0.1', () => console.log(`issuer http://127.0.0.1:${port}`))
