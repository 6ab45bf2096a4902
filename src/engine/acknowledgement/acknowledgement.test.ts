/** Levels as a caller meets them: a whole system, real witness processes, one of them a program that shares nothing with this one. */
import assert from 'node:assert/strict'
import { readFileSync, rmSync } from 'node:fs'
import { test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { NEVER, openBank, type Bank } from '../../../test/support/bank-system.ts'
import { openVault, VAULT } from '../../../test/support/vault-system.ts'
import { OTHER_WITNESS, startWitnessHere, writePolicy } from '../../../test/support/witnesses.ts'
import type { Level } from '../../model/acknowledgement.ts'
import { operationId, type OperationId, type PrincipalId } from '../../model/ids.ts'
import { leafHash } from '../../model/merkle.ts'
import type { Landed, Outcome } from '../../model/operation.ts'
import { Problem } from '../../model/problems.ts'
import { parsePolicyFile } from '../../transparency-log/policy-file.ts'
import { judgeCheckpoint } from '../../transparency-log/policy-file-quorum.ts'
import { verifyInclusion } from '../../transparency-log/proofs.ts'
import { parseTlogProof } from '../../transparency-log/tlog-proof.ts'
import { witnessedPath } from './witnessed.ts'

const fails = (code: string) => (error: unknown) => error instanceof Problem && error.code === code

function at(outcome: Outcome, level: Level): Landed {
  assert.equal(outcome.kind, 'committed', JSON.stringify(outcome))
  assert.equal((outcome as Landed).level, level)
  return outcome as Landed
}
function awaiting(outcome: Outcome): Extract<Outcome, { kind: 'awaiting' }> {
  assert.equal(outcome.kind, 'awaiting', JSON.stringify(outcome))
  return outcome as Extract<Outcome, { kind: 'awaiting' }>
}
/** Asks until it is there, however long the machine takes. */
async function untilAt(vault: Bank, operation: OperationId, level: Level): Promise<Landed> {
  for (;;) {
    const outcome = await vault.engine.outcome(vault.agent, operation, 10_000, NEVER)
    if (outcome.kind !== 'awaiting') return at(outcome, level)
  }
}
/** As somebody would who has the pinned policy and the receipt, and nothing else. @returns names of those who cosigned */
function cosignersOf({ receipt }: Landed, policy: string): readonly string[] {
  const proof = parseTlogProof(receipt.proof)
  const finding = judgeCheckpoint(parsePolicyFile(readFileSync(policy)), proof.checkpoint)
  assert.equal(finding.verdict.kind, 'satisfied')
  const { size, rootHash } = finding.checkpoint
  assert.ok(verifyInclusion(receipt.index, size, leafHash(receipt.record), proof.hashes, rootHash))
  return [...finding.cosignatures.keys()]
}

test('witnessed is answered with the cosignatures of a quorum; the highest that is asked for wins', async (t) => {
  const { vault, policy } = await openVault(t, { program: { three: OTHER_WITNESS }, threshold: 3 })
  const byCaller = at(await vault.do('put', { box: 'a' }, { acknowledge: 'witnessed' }), 'witnessed')
  assert.deepEqual(cosignersOf(byCaller, policy).toSorted(), ['one', 'three', 'two'])
  const byEvent = at(await vault.do('seal', { box: 'a' }, { acknowledge: 'durable' }), 'witnessed')
  assert.equal(cosignersOf(byEvent, policy).length, 3)
  at(await vault.do('put', { box: 'a' }), 'signed')
  at(await vault.do('put', { box: 'a' }, { acknowledge: 'durable' }), 'signed')
})

test('many calls at once share rounds, and each receipt is under one head', async (t) => {
  const { vault, policy } = await openVault(t, { names: ['one'], threshold: 1 })
  const outcomes = await Promise.all(
    Array.from({ length: 300 }, (_, i) => vault.do('put', { box: `b${i}` }, { acknowledge: 'witnessed' })),
  )
  for (const outcome of outcomes.filter((_, i) => i % 50 === 0)) cosignersOf(at(outcome, 'witnessed'), policy)
  assert.ok(outcomes.every(({ kind }) => kind === 'committed'))
  const [state] = vault.engine.acknowledgement().witnesses
  assert.ok(state !== undefined && state.cosigned < 300, `${state?.cosigned} rounds`)
})

test('witnesses that are killed in the middle, one after the other, leave the quorum to the others, and are caught up', async (t) => {
  const { vault, witnesses, policy } = await openVault(t, { everyMs: 50, processes: true })
  let calling = true
  const caller = async (box: string): Promise<number> => {
    for (let calls = 0; ; calls++) {
      if (!calling) return calls
      cosignersOf(at(await vault.do('seal', { box }), 'witnessed'), policy)
    }
  }
  const callers = Promise.all(['a', 'b', 'c'].map(caller))
  for (const round of [0, 1, 2]) {
    const witness = witnesses[round]
    await sleep(100)
    await witness?.kill('SIGKILL')
    await sleep(100)
    await witness?.again()
  }
  calling = false
  for (const calls of await callers) assert.ok(calls > 0)
  const { treeSize } = await vault.engine.self(vault.operator, NEVER)
  const states = () => vault.engine.acknowledgement().witnesses
  while (states().some(({ size }) => size !== treeSize)) await sleep(20)
  assert.ok(states().every(({ lastError, rolledBack }) => lastError === null && rolledBack === null))
})

test('too few witnesses: it is committed and says where it stands; others go on; the same key gets the level reached by then', async (t) => {
  const { vault, witnesses, policy } = await openVault(t, { everyMs: 50, waitMs: 300 })
  await witnesses[0]?.kill('SIGKILL')
  await witnesses[1]?.kill('SIGKILL')
  const waited = awaiting(await vault.do('seal', { box: 'a' }, { key: 'once' }))
  assert.deepEqual([waited.level, waited.asked], ['signed', 'witnessed'])
  const standing = async () => awaiting(await vault.engine.outcome(vault.agent, waited.operation, 0, NEVER))
  while (!/`one` unreachable: .*`two` unreachable/.test((await standing()).obstacle)) await sleep(10)
  assert.equal((waited.result as { box: string }).box, 'a')
  at(await vault.do('put', { box: 'a' }), 'signed')
  assert.equal((await standing()).position, waited.position)
  await witnesses[0]?.again()
  cosignersOf(await untilAt(vault, waited.operation, 'witnessed'), policy)
  const retried = await vault.do('seal', { box: 'a' }, { key: 'once' })
  const replay = at(retried, 'witnessed')
  assert.deepEqual([replay.position, replay.replayed], [waited.position, true])
})

test('a caller that asked for more is remembered; one that stops waiting loses nothing', async (t) => {
  const { vault, witnesses, policy } = await openVault(t, { names: ['one'], threshold: 1, everyMs: 50, waitMs: 200 })
  await witnesses[0]?.kill('SIGKILL')
  const first = awaiting(await vault.do('put', { box: 'a' }, { key: 'more', acknowledge: 'witnessed' }))
  assert.equal(awaiting(await vault.do('put', { box: 'a' }, { key: 'more' })).asked, 'witnessed')
  const again = await vault.again({ acknowledgement: { witnessPolicy: policy, everyMs: 50, waitMs: 60_000 } })
  const standing = (operation: OperationId) => again.engine.outcome(again.agent, operation, 0, NEVER)
  assert.equal(awaiting(await standing(first.operation)).asked, 'witnessed')
  const leaving = new AbortController()
  const left = again.engine.submit(again.agent, { ...INTENT, acknowledge: 'witnessed' }, leaving.signal)
  left.catch(() => {})
  const leaver = operationId('agent' as PrincipalId, INTENT.idempotencyKey)
  while ((await standing(leaver).catch(() => null))?.kind !== 'awaiting') await sleep(5)
  leaving.abort(new Error('gone'))
  await assert.rejects(left, /gone/)
  await witnesses[0]?.again()
  const found = at((await again.engine.submit(again.agent, INTENT, NEVER)).answer, 'witnessed')
  assert.deepEqual([found.replayed, found.asked], [true, 'witnessed'])
})
const INTENT = {
  ...{ command: 'put', input: { box: 'z' }, idempotencyKey: 'leaver', run: null, correlation: null, causation: null },
}

test('what was witnessed stays so over a restart, also while the witnesses are away', async (t) => {
  const { vault, witnesses, policy } = await openVault(t, { names: ['one'], threshold: 1 })
  const sealed = at(await vault.do('seal', { box: 'a' }, { key: 'kept' }), 'witnessed')
  await witnesses[0]?.kill('SIGKILL')
  const again = await vault.again()
  const replay = at(await again.do('seal', { box: 'a' }, { key: 'kept' }), 'witnessed')
  assert.equal(replay.position, sealed.position)
  cosignersOf(replay, policy)
})

test('a crash may forget that something was witnessed, another policy does not count it, and neither forgets that it was committed', async (t) => {
  const opened = await openVault(t, { names: ['one', 'two'], threshold: 2, everyMs: 50 })
  const { vault, witnesses, folder, logVkey, policy } = opened
  const sealed = at(await vault.do('seal', { box: 'a' }, { key: 'kept' }), 'witnessed')
  await vault.close()
  for (const witness of witnesses) await witness.kill()
  rmSync(witnessedPath(vault.dir))
  const impatient = { acknowledgement: { witnessPolicy: policy, everyMs: 50, waitMs: 200 } }
  const forgot = await vault.again(impatient)
  assert.equal(awaiting(await forgot.do('seal', { box: 'a' }, { key: 'kept' })).position, sealed.position)
  for (const witness of witnesses) await witness.again()
  await untilAt(forgot, sealed.operation, 'witnessed')
  await forgot.close()
  const three = await startWitnessHere(t, folder, 'three', logVkey)
  await three.kill()
  await writePolicy(folder, logVkey, [three], 1)
  const otherwise = await vault.again(impatient)
  assert.equal(awaiting(await otherwise.do('seal', { box: 'a' }, { key: 'kept' })).position, sealed.position)
  await three.again()
  assert.deepEqual(cosignersOf(await untilAt(otherwise, sealed.operation, 'witnessed'), policy), ['three'])
  await otherwise.close()
  const without = await openBank(t, { dir: vault.dir, application: VAULT })
  const { items } = await without.engine.records(without.operator, 0, 200, NEVER)
  const adopted = items.flatMap(({ line, payload }) =>
    line.includes('plinth.log/witnesses') && payload !== null ? [JSON.parse(payload) as { digest: string | null }] : [],
  )
  assert.equal(adopted.length, 3, 'each change of the policy is on record, also that there is none')
  assert.deepEqual([new Set(adopted.map(({ digest }) => digest)).size, adopted.at(-1)?.digest], [3, null])
})

test('a level that this system cannot reach is refused before anything is written', async (t) => {
  const vault = await openBank(t, { application: VAULT })
  const before = await vault.engine.self(vault.operator, NEVER)
  await assert.rejects(vault.do('put', { box: 'a' }, { acknowledge: 'witnessed' }), fails('level-unavailable'))
  await assert.rejects(vault.do('seal', { box: 'a' }), fails('level-unavailable'))
  await assert.rejects(vault.do('notarise', { box: 'a' }), fails('level-unavailable'))
  assert.equal((await vault.engine.self(vault.operator, NEVER)).position, before.position)
  at(await vault.do('put', { box: 'a' }, { key: 'there' }), 'signed')
  const replay = awaiting(await vault.do('put', { box: 'a' }, { key: 'there', acknowledge: 'witnessed' }))
  assert.match(replay.obstacle, /no witness policy/)
})

test('timestamped: the stamp is of the witnessed head that the receipt shows; one that fails says so', async (t) => {
  const stamped: string[] = []
  let broken = false
  const timestamps = {
    name: 'a test',
    timestamp: (note: string) => {
      if (broken) return Promise.reject(new Error('the authority is closed'))
      stamped.push(note)
      return Promise.resolve({ kind: 'test', timeMs: 1, token: 'dG9rZW4=' })
    },
  }
  const { vault, policy } = await openVault(t, { names: ['one'], threshold: 1, timestamps })
  const done = at(await vault.do('notarise', { box: 'a' }), 'timestamped')
  assert.equal(done.receipt.timestamp?.token, 'dG9rZW4=')
  assert.deepEqual([parseTlogProof(done.receipt.proof).checkpoint], stamped)
  cosignersOf(done, policy)
  broken = true
  const waited = awaiting(await vault.do('notarise', { box: 'a' }, { key: 'later' }))
  assert.deepEqual([waited.level, waited.obstacle], ['witnessed', 'the authority is closed'])
  broken = false
  at(await vault.do('notarise', { box: 'a' }, { key: 'later' }), 'timestamped')
})
