import assert from 'node:assert/strict'
import { cp, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { test } from 'node:test'
import { NEVER, openBank, type Bank } from '../../test/support/bank-system.ts'
import { readOperator } from '../doors/cli/credential.ts'
import type { PrincipalId } from '../model/ids.ts'
import { Problem } from '../model/problems.ts'
import { reinstate, revoke } from '../warden/changes.ts'
import { publish } from '../warden/publish.ts'

const invalid = (reason: string) => (error: unknown) =>
  error instanceof Problem && error.code === 'authority-invalid' && error.members['reason'] === reason

const change = async (dir: string, what: ReturnType<typeof revoke>): Promise<number> =>
  (await publish(join(dir, 'authority'), (await readOperator(dir)).operatorKey, what, Date.now())).number

async function recorded(bank: Bank, number: number): Promise<void> {
  for (;;) {
    const { state } = await bank.engine.state(bank.operator, 'plinth.authority', 'snapshots', null, NEVER)
    if ((state as { snapshot: number }).snapshot >= number) return
    await new Promise((resolve) => setTimeout(resolve, 50))
  }
}

test('an authority folder that was taken back, or exchanged for another history, is not acted on', async (t) => {
  const bank = await openBank(t)
  const authority = join(bank.dir, 'authority')
  const old = join(bank.dir, 'old-authority')
  await cp(authority, old, { recursive: true })
  await recorded(bank, await change(bank.dir, revoke('agent' as PrincipalId)))
  await bank.close()
  const now = join(bank.dir, 'now-authority')
  await cp(authority, now, { recursive: true })

  await rm(authority, { recursive: true })
  await cp(old, authority, { recursive: true })
  await assert.rejects(bank.again(), invalid('older'))

  await change(bank.dir, reinstate('agent' as PrincipalId)).catch(() =>
    change(bank.dir, revoke('front-door' as PrincipalId)),
  )
  await assert.rejects(bank.again(), invalid('forked'))
  await change(bank.dir, revoke('agent' as PrincipalId))
  await assert.rejects(bank.again(), invalid('forked'), 'nor when it has grown past the one that was acted on')

  await rm(authority, { recursive: true })
  await cp(now, authority, { recursive: true })
  const again = await bank.again()
  await assert.rejects(again.do('open_account', { account: 'a', owner: 'o' }), /principal-revoked/)
})
