// Checks an AsyncAPI document with the official parser: prints each error and exits with 1 if there is one.
import fs from 'node:fs'
import { Parser } from '@asyncapi/parser'

const { document, diagnostics } = await new Parser().parse(fs.readFileSync(process.argv[2], 'utf8'))
const wrong = diagnostics.filter(({ severity }) => severity <= 1)
for (const { path, message } of wrong) console.error(`${path.join('.')}: ${message}`)
process.exit(document && wrong.length === 0 ? 0 : 1)
