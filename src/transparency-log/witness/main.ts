/**
 * A witness as a process: `node main.ts --dir DIR --name NAME --port PORT --log-vkey VKEY …`. Prints one line of JSON once it answers, and
 * then one for each thing its operator should know. SIGTERM and SIGINT stop it. Exit codes: 0 stopped, 1 must not start, 2 bad options.
 */
import { openWitness } from './open-witness.ts'
import { WitnessFault } from './fault.ts'
import { readOptions } from './options.ts'

const say = (line: object): void => console.log(JSON.stringify(line))

try {
  const options = readOptions(process.argv.slice(2))
  const witness = await openWitness({
    ...options,
    onEquivocation: ({ origin }, path) => say({ kind: 'equivocation', origin, path }),
    onFault: ({ code, message }) => say({ kind: 'stopped-signing', code, detail: message }),
  })
  const stop = (): void => {
    void witness.close().then(() => say({ kind: 'stopped' }))
  }
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, stop)
  const origins = options.logs.map(({ origin }) => origin)
  say({ kind: 'started', url: witness.url, vkey: witness.vkey, origins, pid: process.pid })
} catch (error) {
  if (!(error instanceof WitnessFault)) throw error
  console.error(`${error.code}: ${error.message}`)
  process.exitCode = error.code === 'bad-option' ? 2 : 1
}
