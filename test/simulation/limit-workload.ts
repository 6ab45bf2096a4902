/**
 * A thousand calls at once under a limit, in a system of its own, to be killed at some moment. Writes a line for each call that is committed.
 *
 * node limit-workload.ts <data directory> <policy folder> <calls>
 */
import { openSystem } from '../../src/main/open-system.ts'
import type { Json } from '../../src/model/json.ts'
import { BANK } from '../support/bank-folder.ts'

const [dir = '', policies = '', calls = '1000'] = process.argv.slice(2)
const system = await openSystem({ dir, application: BANK, policies })
const credentials = { bearer: system.credentials.agent.apiKey, onBehalfOf: null }
const NEVER = new AbortController().signal

async function submit(command: string, key: string, input: Json): Promise<string> {
  const intent = { command, input, idempotencyKey: key, run: null, correlation: null, causation: null }
  try {
    const { answer } = await system.engine.submit(credentials, intent, NEVER)
    return answer.kind
  } catch (error) {
    return String(error)
  }
}

const ACCOUNTS = 16
for (let i = 0; i < ACCOUNTS; i++) await submit('open_account', `open-${i}`, { account: `a${i}`, owner: 'ann' })
process.stdout.write('ready\n')
await Promise.all(
  Array.from({ length: Number(calls) }, async (_, i) => {
    const kind = await submit('deposit', `deposit-${i}`, { account: `a${i % ACCOUNTS}`, amount: 1 })
    process.stdout.write(`${kind}\n`)
  }),
)
await system.close()
process.exit(0)
