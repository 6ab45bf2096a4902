/** A running system whose log changes its key, or whose policy changes, goes on with its witnesses; a file that cannot serve is told, and changes nothing. */
import assert from 'node:assert/strict'
import { appendFileSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { NEVER, type Bank } from '../../../test/support/bank-system.ts'
import { openVault } from '../../../test/support/vault-system.ts'
import { startWitnessHere, writePolicy } from '../../../test/support/witnesses.ts'
import { rotateLogKey } from '../../main/log-keys.ts'
import { sha256Hex } from '../../model/ids.ts'
import { parseVerifierKey } from '../../model/signed-note.ts'
import { openWitness } from '../../transparency-log/witness/open-witness.ts'

const ONE = { names: ['one'], threshold: 1, everyMs: 50, waitMs: 25_000 } as const // a witness and a signer are started meanwhile
const statusOf = (vault: Bank) => vault.engine.acknowledgement()
const put = (vault: Bank) => vault.do('put', { box: 'a' }, { acknowledge: 'witnessed' })
async function untilTold(vault: Bank): Promise<string> {
  while (statusOf(vault).policy?.fault == null) await sleep(20)
  return statusOf(vault).policy?.fault as string
}
async function adopted(vault: Bank): Promise<number> {
  const filter = { action: 'plinth.adopt-witness-policy' }
  return (await vault.engine.operations(vault.operator, filter, { after: null, limit: 10 }, NEVER)).items.length
}

test('the log changes its key while it runs: what is missing is told, and from the new policy on it is witnessed again', async (t) => {
  const opened = await openVault(t, ONE)
  const { witnesses, policy, logVkey } = opened
  const vault = await opened.vault.again({ signer: { kind: 'process' } })
  assert.equal((await put(vault)).kind, 'committed')
  const { after } = await rotateLogKey(vault.dir, { nextKey: null, release: true, signer: null })
  assert.match(await untilTold(vault), /has no `log` line with the key/)
  const waiting = put(vault) // asked under the policy of before, and answered under the one that follows

  const [witness] = witnesses
  assert.ok(witness !== undefined)
  await witness.kill()
  const keys = [logVkey, after].map(parseVerifierKey)
  const [first] = keys
  assert.ok(first !== undefined)
  const port = Number(new URL(witness.url).port)
  const logs = [{ origin: first.name, keys }]
  const again = await openWitness({ dir: witness.dir, name: 'witness.example/one', port, logs })
  t.after(() => again.close())
  appendFileSync(policy, `log ${after}\n`)
  const answer = await waiting
  assert.deepEqual([answer.kind, answer.level], ['committed', 'witnessed'], JSON.stringify(answer))
  const digest = sha256Hex(readFileSync(policy))
  assert.deepEqual([statusOf(vault).policy?.digest, statusOf(vault).policy?.fault], [digest, null])
  while ((await adopted(vault)) < 2) await sleep(20)
  const next = await put(vault)
  assert.equal(next.level, 'witnessed')
})

test('a witness is exchanged while it runs; a file that is none, or is gone, leaves the policy in force', async (t) => {
  const { vault, witnesses, policy, folder, logVkey } = await openVault(t, ONE)
  assert.equal((await put(vault)).level, 'witnessed')
  const before = readFileSync(policy, 'utf8')
  writeFileSync(policy, 'nonsense\n')
  assert.match(await untilTold(vault), /line 1|nonsense/)
  assert.equal((await put(vault)).level, 'witnessed')
  assert.equal(statusOf(vault).policy?.digest, sha256Hex(before))

  rmSync(policy)
  while (!(statusOf(vault).policy?.fault ?? '').includes('cannot be read')) await sleep(20)
  assert.equal((await put(vault)).level, 'witnessed')
  const two = await startWitnessHere(t, folder, 'two', logVkey)
  await writePolicy(folder, logVkey, [two], 1)
  while (statusOf(vault).witnesses[0]?.name !== 'two') await sleep(20)
  await witnesses[0]?.kill()
  const outcome = await put(vault)
  assert.equal(outcome.level, 'witnessed')
  assert.match(outcome.receipt?.proof ?? '', /— witness\.example\/two /)
  assert.equal(statusOf(vault).policy?.fault, null)
})
