// A real Bluesky PDS with its own PLC directory, on loopback. It reads its settings from the environment.
import fs from 'node:fs'
import net from 'node:net'
import path from 'node:path'
import { PDS, envToCfg, envToSecrets, readEnv } from '@atproto/pds'
import { Database, PlcServer } from '@did-plc/server'

// Both servers would listen on every interface: this restricts them to loopback.
const listen = net.Server.prototype.listen
net.Server.prototype.listen = function (port, ...rest) {
  const onPort = typeof port === 'number' || typeof port === 'string'
  return listen.call(this, onPort ? { port: Number(port), host: '127.0.0.1' } : port, ...rest)
}

const plcPort = Number(process.env.WORLD_PLC_PORT)
const written = path.join(process.env.WORLD_FOLDER, 'plc-operations.jsonl')

// The PLC directory keeps its operations in memory. This writes them to a file too, so that every DID survives a restart.
const directory = Database.mock()
const add = directory.validateAndAddOp.bind(directory)
if (fs.existsSync(written)) {
  for (const line of fs.readFileSync(written, 'utf8').split('\n').filter(Boolean)) {
    const { did, operation } = JSON.parse(line)
    await add(did, operation)
  }
}
directory.validateAndAddOp = async (did, operation) => {
  await add(did, operation)
  fs.appendFileSync(written, JSON.stringify({ did, operation }) + '\n')
}
const plc = PlcServer.create({ db: directory, port: plcPort })
await plc.start()

const settings = readEnv()
const pds = await PDS.create(envToCfg(settings), envToSecrets(settings))
await pds.start()
console.log(`PDS on ${settings.port}, PLC on ${plcPort}`)

for (const signal of ['SIGTERM', 'SIGINT']) {
  process.once(signal, async () => {
    await pds.destroy()
    await plc.destroy()
    process.exit(0)
  })
}
