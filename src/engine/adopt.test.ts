import assert from 'node:assert/strict'
import { cp, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { test } from 'node:test'
import { adoptionRecorded, publishChange } from '../../test/support/authority.ts'
import { openBank } from '../../test/support/bank-system.ts'
import { Problem } from '../model/problems.ts'

const invalid = (reason: string) => (error: unknown) =>
  error instanceof Problem && error.code === 'authority-invalid' && error.members['reason'] === reason

const revoke = (principal: string) => ({ change: 'revoke', principal }) as const

test('an authority folder that was taken back, or exchanged for another history, is not acted on', async (t) => {
  const bank = await openBank(t)
  const folders = ['authority', 'warden']
  const keep = async (where: string): Promise<void> => {
    for (const folder of folders) await cp(join(bank.dir, folder), join(bank.dir, where, folder), { recursive: true })
  }
  const putBack = async (where: string): Promise<void> => {
    for (const folder of folders) {
      await rm(join(bank.dir, folder), { recursive: true })
      await cp(join(bank.dir, where, folder), join(bank.dir, folder), { recursive: true })
    }
  }
  await keep('old')
  await adoptionRecorded(bank, await publishChange(bank.dir, revoke('agent')))
  await bank.close()
  await keep('now')

  await putBack('old')
  await assert.rejects(bank.again(), invalid('older'))

  await publishChange(bank.dir, revoke('front-door'))
  await assert.rejects(bank.again(), invalid('forked'))
  await publishChange(bank.dir, revoke('agent'))
  await assert.rejects(bank.again(), invalid('forked'), 'nor when it has grown past the one that was acted on')

  await putBack('now')
  const again = await bank.again()
  await assert.rejects(again.do('open_account', { account: 'a', owner: 'o' }), /principal-revoked/)
})
