/** Changes the authority of a test's system as an operator would, and waits until the engine decides by it. */
import { join } from 'node:path'
import { readOperator } from '../../src/doors/cli/credential.ts'
import type { Change } from '../../src/warden/changes.ts'
import { publish } from '../../src/warden/publish.ts'
import { NEVER, type Bank } from './bank-system.ts'

export async function changeAuthority(bank: Bank, change: Change): Promise<number> {
  const { operatorKey } = await readOperator(bank.dir)
  const { number } = await publish(join(bank.dir, 'authority'), operatorKey, change, Date.now())
  for (;;) {
    if ((await bank.engine.self(bank.operator, NEVER)).authority.snapshot >= number) return number
    await new Promise((resolve) => setTimeout(resolve, 5))
  }
}
