/** The words behind `main.ts`, read strictly. */
import { readFileSync } from 'node:fs'
import { parseArgs } from 'node:util'
import { parseVerifierKey } from '../../model/signed-note.ts'
import { logOfKey, type PinnedLog } from '../cosignature-checkpoint.ts'
import { WitnessFault } from './fault.ts'
import type { OpenWitnessOptions } from './open-witness.ts'

/** What a witness is told, as text; nothing is believed yet. */
export interface WitnessWords {
  readonly dir: string
  readonly port: number
  readonly name: string | null
  readonly host: string | null
  /** Keys of logs whose origin is the name of the key. */
  readonly logVkeys: readonly string[]
  /** `ORIGIN=VKEY`, for a log whose key has another name. */
  readonly logs: readonly string[]
  /** Paths of notes that this witness has cosigned; it does not start below them. */
  readonly floors: readonly string[]
}

/**
 * `--dir DIR` `--port PORT`, `--log-vkey VKEY` or `--log ORIGIN=VKEY` (for a log whose key has another name) once per key; and `--name NAME`,
 * `--host HOST`, `--floor FILE` (a note that this witness has cosigned; it does not start below it).
 * @throws WitnessFault `bad-option`
 */
export function readOptions(words: readonly string[]): OpenWitnessOptions {
  return told(() => {
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
    const { dir, name = null, host = null, port, 'log-vkey': logVkeys, log: logs, floor: floors } = values
    if (dir === undefined || dir === '') throw new Error('`--dir` is needed')
    return witnessOptions({ dir, port: portOf(port), name, host, logVkeys, logs, floors })
  })
}

/** @throws WitnessFault `bad-option` */
export const witnessOptions = ({ dir, port, name, host, logVkeys, logs, floors }: WitnessWords): OpenWitnessOptions =>
  told(() => {
    const known = [...logVkeys.map((vkey) => logOfKey(parseVerifierKey(vkey.trim()))), ...logs.map(originAndKey)]
    if (known.length === 0) throw new Error('`--log-vkey` is needed: a witness signs only for logs that it knows')
    return {
      dir,
      port,
      logs: known,
      floors: floors.map((path) => readFileSync(path, 'utf8')),
      ...(name === null ? {} : { name }),
      ...(host === null ? {} : { host }),
    }
  })

function told<Options>(read: () => Options): Options {
  try {
    return read()
  } catch (error) {
    if (error instanceof WitnessFault) throw error
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
