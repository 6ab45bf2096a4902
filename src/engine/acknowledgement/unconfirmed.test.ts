/** A start while no witness answers: what was signed is read, nothing is written, and it goes on by itself when one is back, or says why it must not. */
import assert from 'node:assert/strict'
import { cpSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { BANK, NEVER, type Bank } from '../../../test/support/bank-system.ts'
import { openVault } from '../../../test/support/vault-system.ts'
import { readCheckpoint } from '../../transparency-log/cosignature-checkpoint.ts'

const ONE = { names: ['one', 'two'], threshold: 2, everyMs: 50, application: BANK } as const
const OPEN = { account: 'a', owner: 'ann' }
const DEPOSIT = { account: 'a', amount: 5 }
const PROCESS = { signer: { kind: 'process' } } as const

const selfOf = (vault: Bank) => vault.engine.self(vault.operator, NEVER)
async function until(vault: Bank, state: 'signing' | 'refused'): Promise<void> {
  while ((await selfOf(vault)).signer.state !== state) await sleep(20)
}
const sizeUnder = async (vault: Bank): Promise<number> => {
  const answer = await vault.ask('balance_of', { account: 'a' })
  assert.equal(answer.kind, 'answered', JSON.stringify(answer))
  if (answer.kind !== 'answered') return 0
  const { size } = readCheckpoint(answer.checkpoint)
  assert.ok(size > answer.asOf, 'what was read is under the checkpoint that it is answered with')
  return size
}

test('with every witness away it starts, answers what reads, refuses changes, and goes on by itself when one is back', async (t) => {
  const { vault, witnesses } = await openVault(t, ONE)
  await vault.do('open_account', OPEN, { acknowledge: 'witnessed' })
  for (const run of ['called', 'uncalled'])
    await vault.engine.attest(vault.frontDoor, run as never, { customer: 'bob' }, run, NEVER)
  const under = async (system: Bank, run: string) => (await system.ask('balance_of', { account: 'a' }, { run })).kind
  assert.equal(await under(vault, 'called'), 'denied')
  const { treeSize } = await selfOf(vault)
  for (const witness of witnesses) await witness.kill()

  const alone = await vault.again(PROCESS)
  const state = await selfOf(alone)
  assert.deepEqual([state.signer.state, state.signer.lastError?.code], ['unconfirmed', 'signer-unconfirmed'])
  assert.match(state.signer.lastError?.detail ?? '', /none of 2 witnesses answered/)
  assert.deepEqual(
    state.degraded.map(({ code }) => code),
    ['signer-unconfirmed'],
  )
  assert.equal(await sizeUnder(alone), treeSize)
  assert.equal(await under(alone, 'called'), 'denied')
  assert.equal(await under(alone, 'uncalled'), 'answered', 'as without a run: whose it is cannot be put on record')
  const box = await alone.engine.state(alone.operator, 'account', 'a', null, NEVER)
  assert.equal(box.version, 1)
  const refusal = { code: 'signer-unconfirmed', spec: { retry: 'later' } }
  await assert.rejects(
    alone.do('deposit', DEPOSIT, { key: 'later' }),
    (error: { code: string; spec: { retry: string } }) => {
      assert.deepEqual([error.code, error.spec.retry], [refusal.code, refusal.spec.retry])
      return true
    },
  )
  await assert.rejects(alone.engine.attest(alone.frontDoor, 'r1' as never, {}, 'a1', NEVER), {
    code: refusal.code,
    detail: /^nothing was written: none of 2/, // refused before it was decided
  })
  assert.equal((await selfOf(alone)).treeSize, treeSize, 'nothing was written')

  await witnesses[0]?.again()
  await until(alone, 'signing')
  while ((await selfOf(alone)).degraded.length > 0) await sleep(20)
  let outcome = await alone.do('deposit', DEPOSIT, { key: 'later' }).catch(() => null)
  while (outcome === null) {
    await sleep(50) // its own first records come first
    outcome = await alone.do('deposit', DEPOSIT, { key: 'later' }).catch(() => null)
  }
  assert.deepEqual([outcome.kind, outcome.replayed], ['committed', false])
  const report = await alone.engine.verify(() => {}, NEVER)
  assert.deepEqual([report.verdict, report.findings], ['valid', []])
})

test('data and signer from a backup, and no witness to say so: read as they were, and nothing goes on from them once one is back', async (t) => {
  const { vault, witnesses, folder } = await openVault(t, ONE)
  await vault.do('open_account', OPEN, { acknowledge: 'witnessed' })
  const closed = await vault.again(PROCESS)
  await closed.close()
  const backup = join(folder, 'backup')
  cpSync(closed.dir, backup, { recursive: true })
  const newer = await closed.again(PROCESS)
  await newer.do('deposit', DEPOSIT, { acknowledge: 'witnessed' })
  await newer.close()
  for (const witness of witnesses) await witness.kill()
  rmSync(closed.dir, { recursive: true })
  cpSync(backup, closed.dir, { recursive: true })
  rmSync(join(closed.dir, 'witnessed.note'), { force: true })

  const restored = await newer.again(PROCESS)
  const { treeSize } = await selfOf(restored)
  assert.equal(await sizeUnder(restored), treeSize)
  await assert.rejects(restored.do('deposit', DEPOSIT), { code: 'signer-unconfirmed' })
  await witnesses[1]?.again()
  await until(restored, 'refused')
  assert.equal((await selfOf(restored)).signer.lastError?.code, 'log-behind-signer')
  await assert.rejects(restored.do('deposit', DEPOSIT))
  assert.equal((await selfOf(restored)).treeSize, treeSize)
})

test('records that a crash left unsigned are not shown until they can be signed', async (t) => {
  const { vault, witnesses } = await openVault(t, ONE)
  const process = await vault.again(PROCESS)
  await process.do('open_account', OPEN)
  const head = join(process.dir, 'signer', 'head')
  await process.close()
  const before = readFileSync(head)
  const more = await process.again(PROCESS)
  await more.do('deposit', DEPOSIT, { acknowledge: 'witnessed' })
  const { treeSize } = await selfOf(more)
  await more.close()
  writeFileSync(head, before) // as if the signer had not signed the last ones
  for (const witness of witnesses) await witness.kill()
  const alone = await more.again(PROCESS)
  const shown = await sizeUnder(alone)
  assert.ok(shown < treeSize)
  assert.equal((await alone.engine.state(alone.operator, 'account', 'a', null, NEVER)).version, 1)
  await witnesses[0]?.again()
  await until(alone, 'signing')
  while ((await alone.engine.state(alone.operator, 'account', 'a', null, NEVER)).version === 1) await sleep(20)
  assert.ok((await sizeUnder(alone)) >= treeSize)
})
