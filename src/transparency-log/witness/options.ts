/** The words behind `main.ts`, read strictly. */
import { readFileSync } from 'node:fs'
import { parseArgs } from 'node:util'
import { parseVerifierKey } from '../../model/signed-note.ts'
import { logOfKey, type PinnedLog } from '../cosignature-checkpoint.ts'
import { WitnessFault } from './fault.ts'
import type { OpenWitnessOptions } from './open-witness.ts'

/**
 * `--dir DIR` `--port PORT`, `--log-vkey VKEY` or `--log ORIGIN=VKEY` (for a log whose key has another name) once per key; and `--name NAME`,
 * `--host HOST`, `--floor FILE` (a note that this witness has cosigned; it does not start below it).
 * @throws WitnessFault `bad-option`
 */
export function readOptions(words: readonly string[]): OpenWitnessOptions {
  try {
    const { values } = parseArgs({
      args: [...words],
      strict: true,
      options: {
        dir: { type: 'string' },
        name: { type: 'string' },
        host: { type: 'string' },
        port: { type: 'string' },
        'log-vkey': { type: 'string', multiple: true, default: [] },
        log: { type: 'string', multiple: true, default: [] },
        floor: { type: 'string', multiple: true, default: [] },
      },
    })
    const { dir, name, host, port } = values
    if (dir === undefined || dir === '') throw new Error('`--dir` is needed')
    const logs = [
      ...values['log-vkey'].map((vkey) => logOfKey(parseVerifierKey(vkey))),
      ...values.log.map(originAndKey),
    ]
    if (logs.length === 0) throw new Error('`--log-vkey` is needed: a witness signs only for logs that it knows')
    return {
      dir,
      logs,
      port: portOf(port),
      floors: values.floor.map((path) => readFileSync(path, 'utf8')),
      ...(name === undefined ? {} : { name }),
      ...(host === undefined ? {} : { host }),
    }
  } catch (error) {
    throw new WitnessFault('bad-option', error instanceof Error ? error.message : String(error), { cause: error })
  }
}

function portOf(text: string | undefined): number {
  const port = text !== undefined && /^[0-9]{1,5}$/.test(text) ? Number(text) : Number.NaN
  if (!(port <= 65_535)) throw new Error('`--port` is needed: 0 to 65535, 0 takes a free one')
  return port
}

/** Origins may hold `=`, keys of the form `name+hash+base64` do not where it counts: the last one divides. */
function originAndKey(text: string): PinnedLog {
  const divide = text.lastIndexOf('=')
  if (divide < 1) throw new Error('`--log` is `ORIGIN=VKEY`')
  return { origin: text.slice(0, divide), keys: [parseVerifierKey(text.slice(divide + 1))] }
}
