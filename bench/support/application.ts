/** The small application of the benchmarks, and accounts in it. */
import { fileURLToPath } from 'node:url'
import type { Engine } from '../../src/engine/engine.ts'
import type { Credentials } from '../../src/model/principal.ts'

export const APPLICATION = fileURLToPath(new URL('../application/', import.meta.url))
export const accountId = (number: number): string => `a${String(number).padStart(6, '0')}`

/** Opens accounts, as an operator imports them. */
export async function importAccounts(engine: Engine, operator: Credentials, count: number): Promise<void> {
  async function* records() {
    for (let number = 0; number < count; number++) yield { id: accountId(number), owner: `owner-${number % 100}` }
  }
  await engine.importRecords(operator, 'accounts', records(), () => {}, new AbortController().signal)
}
