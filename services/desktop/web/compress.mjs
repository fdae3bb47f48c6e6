// After a build: each text file of the bundle once more, compressed as well as it goes. The desktop hands out what a browser accepts.
import { readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { brotliCompressSync, constants, gzipSync } from 'node:zlib'

const folder = new URL('./dist/assets/', import.meta.url)
for (const name of readdirSync(folder).filter(name => /\.(js|css|svg|json)$/.test(name))) {
  const text = readFileSync(new URL(name, folder))
  writeFileSync(
    new URL(`${name}.br`, folder),
    brotliCompressSync(text, { params: { [constants.BROTLI_PARAM_SIZE_HINT]: text.length } }),
  )
  writeFileSync(new URL(`${name}.gz`, folder), gzipSync(text, { level: 9 }))
}
