/** `plinth witness`, built: the witness server with its faults told as the problems of the command line. */
import type { RunningWitness, WitnessOptions } from '../doors/cli/composition.ts'
import { problem } from '../model/problems.ts'
import { WitnessFault } from '../transparency-log/witness/fault.ts'
import { openWitness } from '../transparency-log/witness/open-witness.ts'
import { witnessOptions } from '../transparency-log/witness/options.ts'

/** @throws `usage`, `witness-fault`, `data-directory-locked` */
export async function witness(given: WitnessOptions): Promise<RunningWitness> {
  try {
    const options = witnessOptions(given)
    const running = await openWitness({
      ...options,
      onEquivocation: ({ origin }, path) => given.onEvent({ kind: 'equivocation', origin, path }),
      onFault: ({ code, message }) => given.onEvent({ kind: 'stopped-signing', code, detail: message }),
    })
    const origins = options.logs.map(({ origin }) => origin)
    return { url: running.url, vkey: running.vkey, origins, close: () => running.close() }
  } catch (error) {
    if (!(error instanceof WitnessFault)) throw error
    if (error.code === 'bad-option') throw problem('usage', error.message, { command: 'witness' }, error)
    if (error.code === 'directory-in-use') throw problem('data-directory-locked', error.message, {}, error)
    throw problem('witness-fault', `${error.code}: ${error.message}`, { reason: error.code }, error)
  }
}
