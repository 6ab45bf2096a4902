/** Every kind of change can be asked for at a level and is answered with it: not commands alone, but what front doors, approvers and operators do. */
import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { test } from 'node:test'
import { signedDecision, type Held } from '../../../test/support/approve.ts'
import { BANK, NEVER } from '../../../test/support/bank-system.ts'
import { CLINIC, ERASURE, history } from '../../../test/support/clinic-history.ts'
import { openVault } from '../../../test/support/vault-system.ts'
import { toolHash } from '../approval-binding.ts'
import type { ApprovalGrant } from '../../model/approval-grant.ts'
import type { Level } from '../../model/acknowledgement.ts'
import { leafHash } from '../../model/merkle.ts'
import type { PrincipalId } from '../../model/ids.ts'
import type { Outcome } from '../../model/operation.ts'
import { signGrant } from '../../warden/approval-decision.ts'
import { parsePolicyFile } from '../../transparency-log/policy-file.ts'
import { judgeCheckpoint } from '../../transparency-log/policy-file-quorum.ts'
import { verifyInclusion } from '../../transparency-log/proofs.ts'
import { parseTlogProof } from '../../transparency-log/tlog-proof.ts'

const HOUR_MS = 3_600_000
const ONE = { names: ['one'], threshold: 1, everyMs: 50 } as const

const levels = (outcome: Outcome): readonly [string, Level | undefined, Level | undefined] => [
  outcome.kind,
  outcome.level,
  outcome.asked,
]
/** The receipt alone, judged by the policy: what stands behind the word `witnessed`. */
function assertWitnessed({ receipt }: Outcome, policy: string): void {
  assert.ok(receipt !== undefined)
  const { checkpoint, hashes } = parseTlogProof(receipt.proof)
  const finding = judgeCheckpoint(parsePolicyFile(readFileSync(policy)), checkpoint)
  assert.equal(finding.verdict.kind, 'satisfied')
  const { size, rootHash } = finding.checkpoint
  assert.ok(verifyInclusion(receipt.index, size, leafHash(receipt.record), hashes, rootHash))
}

test('attestations, imports, holds, decisions and grants are answered at the level that is asked for', async (t) => {
  const { vault: bank, policy } = await openVault(t, { ...ONE, application: BANK })
  const { engine, operator } = bank
  const { answer: attested } = await engine.attest(bank.frontDoor, 'r1' as never, {}, 'a1', NEVER, 'witnessed')
  assert.deepEqual(levels(attested), ['committed', 'witnessed', 'witnessed'])
  assertWitnessed(attested, policy)
  const { answer: plain } = await engine.attest(bank.frontDoor, 'r1' as never, {}, 'a2', NEVER)
  assert.deepEqual(levels(plain), ['committed', 'signed', 'signed'])

  const records = async function* () {
    for (let i = 0; i < 250; i++) yield { id: `i${i}`, owner: 'ann', cents: 9_000_00 }
  }
  const done = await engine.importRecords(operator, 'accounts', records(), () => {}, NEVER, 'witnessed')
  assert.deepEqual([done.imported, done.level, done.asked], [250, 'witnessed', 'witnessed'])

  const withdraw = (key: string, acknowledge?: Level) =>
    bank.do(
      'withdraw',
      { account: 'i1', amount: 2_000_00 },
      { key, ...(acknowledge === undefined ? {} : { acknowledge }) },
    )
  const held = (await withdraw('w1', 'witnessed')) as Held
  assert.deepEqual(levels(held), ['held', 'witnessed', 'witnessed'])
  assertWitnessed(held, policy)
  const yes = await signedDecision(bank, held.approval)
  const approved = await engine.decideApproval(operator, yes.decision, yes.signature, NEVER, yes.card, 'witnessed')
  assert.deepEqual(levels(approved), ['committed', 'witnessed', 'witnessed'])
  assertWitnessed(approved, policy)
  const other = (await withdraw('w2')) as Held
  assert.deepEqual(levels(other), ['held', undefined, undefined])
  const no = await signedDecision(bank, other.approval, { verdict: 'refuse' })
  const [refused] = await engine.decideApprovals(operator, [no], NEVER) // a decision is answered so without being asked
  assert.ok(refused !== undefined && refused.kind !== 'committed')
  assert.deepEqual(levels(refused).slice(1), ['witnessed', 'witnessed'])
  assertWitnessed(refused, policy)

  const grant: ApprovalGrant = {
    ...{ format: 1, verdict: 'grant', grant: `grt_${'a'.repeat(26)}`, command: 'withdraw', where: {} },
    ...{ by: 'operator' as PrincipalId, to: 'agent' as PrincipalId, tool: toolHash(engine.manifest, 'withdraw') },
    ...{ usesMax: 1, sum: null, expiresAtMs: Date.now() + HOUR_MS, reason: 'rent', decidedAtMs: Date.now() },
  }
  const signed = signGrant(grant, bank.credentials.operator.approvalKey as string)
  const given = await engine.giveGrant(operator, signed.decision, signed.signature, NEVER)
  assert.deepEqual(levels(given), ['committed', 'witnessed', 'witnessed'])
  assertWitnessed(given, policy)
  const late = await engine.outcome(bank.frontDoor, plain.operation, 10_000, NEVER, 'witnessed')
  assert.deepEqual(levels(late), ['committed', 'witnessed', 'witnessed'])
})

test('an erasure destroys the keys at once and is answered at its level; when witnesses are away it says so, and asking again knows', async (t) => {
  const { vault: patient, witnesses, policy } = await openVault(t, { ...ONE, application: CLINIC })
  let clinic = patient
  await history(clinic)
  const erase = (subject: string, idempotencyKey: string, acknowledge?: Level) =>
    clinic.engine.erase(
      clinic.operator,
      { subject, tenant: null, ...ERASURE, idempotencyKey, acknowledge: acknowledge ?? null },
      NEVER,
    )
  const { answer } = await erase('patient/p-1', 'e1')
  assert.deepEqual(levels(answer), ['committed', 'witnessed', 'witnessed'])
  assertWitnessed(answer, policy)
  await assert.rejects(erase('patient/p-2', 'e0', 'timestamped'), { code: 'level-unavailable' })
  await witnesses[0]?.kill()
  clinic = await patient.again({ acknowledgement: { ...ONE, witnessPolicy: policy, waitMs: 300 } })
  const { answer: waiting } = await erase('patient/p-2', 'e2', 'witnessed')
  assert.deepEqual(levels(waiting), ['awaiting', 'signed', 'witnessed'])
  const { state } = await clinic.engine.state(clinic.operator, 'patient', 'p-2', null, NEVER)
  assert.doesNotMatch(JSON.stringify(state), /Marrowbone/)
  await witnesses[0]?.again()
  const { answer: again } = await erase('patient/p-2', 'e2')
  assert.equal(again.asked, 'witnessed', 'what was asked is on record')
  const ask = () => clinic.engine.outcome(clinic.operator, waiting.operation, 10_000, NEVER)
  let known = await ask()
  while (known.kind === 'awaiting') known = await ask()
  assert.deepEqual(levels(known), ['committed', 'witnessed', 'witnessed'])
})

test('a level that this system can never reach is refused before anything is written, whatever is asked', async (t) => {
  const { vault: bank } = await openVault(t, { ...ONE, application: BANK })
  const { engine, operator } = bank
  const UNAVAILABLE = { code: 'level-unavailable' }
  await bank.do('open_account', { account: 'a', owner: 'ann' })
  await bank.do('deposit', { account: 'a', amount: 9_000_00 })
  const held = (await bank.do('withdraw', { account: 'a', amount: 2_000_00 })) as Held
  const { decision, signature, card } = await signedDecision(bank, held.approval)
  const { treeSize } = await engine.self(operator, NEVER)
  await assert.rejects(engine.attest(bank.frontDoor, 'r1' as never, {}, 'a1', NEVER, 'timestamped'), UNAVAILABLE)
  await assert.rejects(engine.decideApproval(operator, decision, signature, NEVER, card, 'timestamped'), UNAVAILABLE)
  await assert.rejects(engine.outcome(bank.agent, held.operation, 0, NEVER, 'timestamped'), UNAVAILABLE)
  const records = async function* () {
    yield { id: 'i1', owner: 'ann', cents: 1 }
  }
  await assert.rejects(
    engine.importRecords(operator, 'accounts', records(), () => {}, NEVER, 'timestamped'),
    UNAVAILABLE,
  )
  assert.equal((await engine.self(operator, NEVER)).treeSize, treeSize)
})
