/**
 * A whole system in this process at work for a while, to be recorded: engine, committer, sandbox, read models, effects. Callers write
 * down each acknowledgement as they get it.
 *
 * node system-workload.ts <folder> <seed> <callers> <operations per caller>
 */
import { openSync, readFileSync, writeSync } from 'node:fs'
import { join } from 'node:path'
import { openSystem } from '../../src/main/open-system.ts'
import type { Json } from '../../src/model/json.ts'
import { parseVerifierKey } from '../../src/model/signed-note.ts'
import { BANK } from '../support/bank-folder.ts'
import { acknowledgement } from './crash-audit.ts'
import { random } from './random.ts'

const [folder = '', seed = '0', callers = '8', operations = '20'] = process.argv.slice(2)
const dir = join(folder, 'data')
const system = await openSystem({ dir, application: BANK })
const log = parseVerifierKey(readFileSync(join(dir, 'log.vkey'), 'utf8').trim())
const credentials = { bearer: system.credentials.agent.apiKey, onBehalfOf: null }
const acknowledgements = openSync(join(folder, 'acknowledged'), 'a')

async function submit(command: string, key: string, input: Json): Promise<void> {
  const intent = { command, input, idempotencyKey: key, run: null, correlation: null, causation: null }
  const { answer } = await system.engine.submit(credentials, intent, new AbortController().signal)
  if (answer.kind === 'committed') writeSync(acknowledgements, acknowledgement(answer.operation, answer.receipt, log))
}

await submit('open_account', 'shared', { account: 'shared', owner: 'all' })
await Promise.all(
  Array.from({ length: Number(callers) }, async (_, caller) => {
    const pick = random(`${seed} ${caller}`)
    const own = `own-${caller}`
    await submit('open_account', `open-${caller}`, { account: own, owner: 'someone' })
    for (let number = 0; number < Number(operations); number++) {
      const account = pick() < 0.7 ? own : 'shared'
      const command = pick() < 0.8 ? 'deposit' : 'withdraw'
      await submit(command, `${caller}-${number}`, { account, amount: 1 + Math.floor(pick() * 5) })
    }
  }),
)
process.exit(0)
