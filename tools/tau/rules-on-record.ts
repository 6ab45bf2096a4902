/** Which rules permitted what an agent did: a caller is not told, the operation's record says it. */
import { setTimeout } from 'node:timers/promises'
import type { System } from '../../src/main/open-system.ts'
import type { RunId } from '../../src/model/ids.ts'
import type { Called } from './agent.ts'
import { operatorOf } from './state.ts'

const NEVER = new AbortController().signal
const LOOKS_MAX = 3_000
const LOOK_AGAIN_MS = 10

/** Waits for the record: that of a read is kept beside the log, a moment later. @returns none when it does not come */
export async function rulesOnRecord(
  system: System,
  run: string,
  action: string,
  { operation }: Pick<Called, 'operation'>,
): Promise<readonly string[]> {
  const filter = { run: run as RunId, action }
  for (let look = 0; look < LOOKS_MAX; look++) {
    const { items } = await system.engine.operations(operatorOf(system), filter, { after: null, limit: 50 }, NEVER)
    const found = items.find((item) => operation === null || item.operation === operation)
    if (found !== undefined) return found.rules
    await setTimeout(LOOK_AGAIN_MS)
  }
  return []
}
