/**
 * An insider with the log's key writes what only a person or an operator may: approvals, grants, attested facts, erasures, snapshots, changes of what
 * was only held. Every hash, link and signature of the log is right; the stand-alone verifier finds each.
 */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { audit } from '../../src/main/audit.ts'
import type { Json, JsonObject } from '../../src/model/json.ts'
import { decideHeld, someOfEverything } from '../support/bank-history.ts'
import { NEVER, openBank, temporaryDirectory } from '../support/bank-system.ts'
import { verifyBytes } from './bundle/forge.ts'
import { again, insiderOf, lastOf, rewritten, type Record } from './bundle/insider.ts'

type Change = (records: Record[]) => void
type Payload = { [member: string]: Json }

const ENGINE = { actor: 'plinth', chain: [], for: null, tenant: 'default', run: null, corr: null, cause: null, gate: '' }
const NOTHING: JsonObject = { command: '', input: {}, principal: { kind: 'service', roles: [] }, reads: null, facts: null, authority: null, request: null }

/** One more operation at the end that nobody was admitted to do, with events of its own. */
function unadmitted(
  records: Record[],
  action: string,
  events: readonly { readonly stream: string; readonly type: string; readonly data: JsonObject }[],
  line: JsonObject = {},
  state = 'committed',
): void {
  const last = records.at(-1) as Record
  const { kind: _kind, action: _action, state: _state, effects: _effects, ...shared } = last.line as JsonObject
  const common = { ...shared, ...ENGINE, op: `op_more${records.length}`, ...line }
  const n = events.length + 1
  const ending = { kind: 'operation', action, state, effects: [] }
  records.push(
    ...events.map(({ stream, type, data }, i) => record({ ...common, tx: { i, n }, kind: 'event', stream, n: 0, prev: '', type }, data)),
    record({ ...common, tx: { i: n - 1, n }, ...ending }, { ...NOTHING, command: action }),
  )
}
const record = (line: JsonObject, payload: JsonObject): Record => ({ line: line as Record['line'], payload, effects: [] })

/** An event within a transaction that is there, before all others. */
function beside(records: Record[], transaction: readonly Record[], stream: string, type: string, payload: JsonObject): void {
  const n = transaction.length + 1
  const { kind: _kind, action: _action, state: _state, effects: _effects, ...shared } = transaction.at(-1)?.line as JsonObject
  const inserted = record({ ...shared, kind: 'event', stream, n: 0, prev: '', type }, payload)
  records.splice(records.indexOf(transaction[0] as Record), 0, inserted)
  for (const [i, one] of [inserted, ...transaction].entries()) one.line = { ...one.line, tx: { i, n } }
}
const approvalOf = (records: readonly Record[], state: string): JsonObject =>
  records.findLast((one) => one.line.kind === 'event' && one.line.stream.startsWith('plinth.approval/') && one.payload['state'] === state)?.payload as JsonObject
/** The transaction that an operation stands in. */
const transactionOf = (records: readonly Record[], operation: Record): Record[] => {
  const end = records.indexOf(operation)
  return records.slice(end + 1 - operation.line.tx.n, end + 1)
}
/** Of the input, and of what policy was asked about it. */
function withAmount(records: readonly Record[], operation: Record, amount: number): void {
  rewritten(operation, (payload) => {
    const { context } = payload['request'] as { context: { input: Payload } }
    for (const input of [payload['input'] as Payload, context.input]) input['amount'] = amount
  })
  const { gate = null } = operation.line as JsonObject
  for (const one of transactionOf(records, operation)) one.line = { ...one.line, gate }
}
/** One more decision by who decided last, about withdrawing. */
function decided(records: Record[], input: JsonObject, stream: string, data: JsonObject): void {
  again(lastOf(records, 'plinth.approve'), records)
  const [event, operation] = records.slice(-2) as [Record, Record]
  event.payload = data
  rewritten(operation, (payload) => {
    const { context } = payload['request'] as { context: Payload }
    context['input'] = { verdict: input['verdict'] ?? null, action: 'withdraw' }
    payload['input'] = { ...input, action: 'withdraw', signature: 'AAAA' }
  })
  event.line = { ...event.line, stream, gate: operation.line['gate'] ?? null }
}
const heldLast = (records: readonly Record[]): Record => records.findLast(({ line }) => line.state === 'held') as Record

const CASES: Readonly<{ [what: string]: readonly [change: Change, why: RegExp] }> = {
  'an approval that the engine gave itself': [
    (records) => {
      const { approval } = approvalOf(records, 'pending')
      const data = { state: 'approved', approvedBy: [{ by: 'operator', role: 'cashier' }] }
      unadmitted(records, 'plinth.approve', [{ stream: `plinth.approval/${String(approval)}`, type: 'approved', data }])
    },
    /nobody was admitted to write to `plinth.approval/,
  ],
  'an approval beside what an agent was admitted to do': [
    (records) => {
      const { approval } = approvalOf(records, 'pending')
      const data = { state: 'approved', approvedBy: [{ by: 'operator', role: 'cashier' }] }
      beside(records, lastOf(records, 'transfer'), `plinth.approval/${String(approval)}`, 'approved', data)
    },
    /nobody was admitted to write to `plinth.approval/,
  ],
  'a request that is closed as approved': [
    (records) => {
      const { approval } = approvalOf(records, 'pending')
      const { op } = heldLast(records).line as JsonObject
      const data = { state: 'approved', open: false, outcome: 'committed' }
      unadmitted(records, 'withdraw', [{ stream: `plinth.approval/${String(approval)}`, type: 'closed', data }], { op: String(op) }, 'refused')
    },
    /nobody was admitted to write to `plinth.approval/,
  ],
  'facts that nobody attested': [
    (records) => unadmitted(records, 'plinth.attest', [{ stream: 'plinth.run/run-2', type: 'attested', data: { customer: 'eve' } }]),
    /nobody was admitted to write to `plinth.run/,
  ],
  'an erasure that nobody asked for': [
    (records) => {
      const data = { subject: 'user/1', tenant: 'default', kids: ['k'], streams: 1, reason: 'x', basis: null }
      unadmitted(records, 'plinth.erase', [{ stream: 'plinth.erasure/default:user/1', type: 'erased', data }])
    },
    /nobody was admitted to write to `plinth.erasure/,
  ],
  'a grant that nobody gave': [
    (records) => unadmitted(records, 'plinth.approve', [{ stream: 'plinth.grant/agent:withdraw', type: 'granted', data: { grt_x: {} } }]),
    /nobody was admitted to write to `plinth.grant/,
  ],
  'a snapshot put on record by somebody else': [
    (records) => beside(records, lastOf(records, 'transfer'), 'plinth.authority/snapshots', 'adopted', { snapshot: 1, hash: 'x' }),
    /nobody was admitted to write to `plinth.authority/,
  ],
  'what the engine did, under the name of a person': [
    (records) => unadmitted(records, 'plinth.note', [], { actor: 'operator' }),
    /nobody was admitted to do this/,
  ],
  'an event that stands in no operation': [
    (records) => {
      const { kind: _kind, action: _action, state: _state, effects: _effects, ...shared } = records.at(-1)?.line as JsonObject
      records.push(record({ ...shared, tx: { i: 0, n: 0 }, kind: 'event', stream: 'account/a', n: 0, prev: '', type: 'deposited' }, { amount: 1 }))
    },
    /transaction is (incomplete|not complete)/,
  ],
  'a change beside what was only held': [
    (records) => beside(records, transactionOf(records, heldLast(records)), 'account/a', 'withdrawn', { amount: 300_000 }),
    /it was held, and changed something/,
  ],
  'another input than was approved': [
    (records) => {
      withAmount(records, lastOf(records, 'withdraw').at(-1) as Record, 200_001)
    },
    /what was approved is not what was done/,
  ],
  'an approval that was written as a grant is taken back': [
    (records) => {
      const stream = `plinth.approval/${String(approvalOf(records, 'pending')['approval'])}`
      const approved = { state: 'approved', approvedBy: [{ by: 'operator', role: 'cashier' }] }
      decided(records, { verdict: 'withdraw', grant: 'grt_x', to: 'agent', reason: '' }, stream, approved)
    },
    /it wrote something else than a grant|not a grant as it was/,
  ],
  'a grant that nobody signed': [
    (records) => {
      const grant = { verdict: 'grant', grant: 'grt_x', by: 'operator', to: 'agent', command: 'withdraw', usesMax: 9 }
      const { chain = null } = lastOf(records, 'plinth.approve').at(-1)?.line as JsonObject
      decided(records, grant, 'plinth.grant/agent:withdraw', { grt_x: { ...grant, chain, uses: 0, spent: 0 } })
    },
    /what was granted is not what its approver signed|the grant is not its approver/,
  ],
  'a grant that its user gave': [
    (records) => beside(records, lastOf(records, 'transfer'), 'plinth.grant/agent:transfer', 'granted', { grt_x: {} }),
    /it wrote to a grant that it does not rest on|may not append to `plinth.grant/,
  ],
  'a seal over what holds nothing personal': [
    (records) => {
      const [attested, transfer] = ['plinth.attest', 'transfer'].map((action) => lastOf(records, action).at(-1) as Record)
      for (const one of [attested, transfer]) if (one !== undefined) one.payload = { ...one.payload, $sealed: { kids: ['k_x'], at: ['/request'] } }
    },
    /it is sealed, and nothing of it can be personal/,
  ],
  'a decision that does not say as of when': [
    (records) => rewritten(lastOf(records, 'transfer').at(-1) as Record, (payload) => void (payload['reads'] = null)),
    /does not say as of when it was decided/,
  ],
  'another input than the approver was shown': [
    (records) => {
      const { op } = lastOf(records, 'withdraw').at(-1)?.line as JsonObject
      for (const one of records.filter(({ line }) => line.kind === 'operation' && line['op'] === op)) withAmount(records, one, 200_001)
    },
    /what (was approved|its approver signed) is not what was done/,
  ],
  'a request that was decided before, for another operation': [
    (records) => {
      const { approval } = approvalOf(records, 'pending')
      const stream = `plinth.approval/${String(approval)}`
      records.push(...transactionOf(records, heldLast(records)).map((one) => ({ ...one, line: { ...one.line, op: 'op_more' } })))
      for (const one of records.slice(-2)) if (one.line.kind === 'event') one.line = { ...one.line, stream }
    },
    /nobody was admitted to write to `plinth.approval/,
  ],
}

test('what only people and operators may write is found when the engine wrote it', async (context) => {
  const bank = await openBank(context)
  await someOfEverything(bank)
  const held = await bank.do('withdraw', { account: 'b/1', amount: 200_000 })
  assert.ok(held.kind === 'held')
  assert.equal((await decideHeld(bank, held.approval, 'approve')).kind, 'committed')
  assert.equal((await bank.do('withdraw', { account: 'b/1', amount: 150_000 })).kind, 'held')
  const { trust, sound, forged } = await insiderOf(context, bank)
  assert.deepEqual(verifyBytes(sound, trust).findings, [])
  const folder = await temporaryDirectory(context)
  for (const [what, [change, why]] of Object.entries(CASES)) {
    const bundle = await forged(change)
    const report = verifyBytes(bundle, trust)
    assert.equal(report.verdict, 'INVALID', what)
    assert.match(report.findings.map((finding) => finding.what).join('\n'), why, what)
    const file = join(folder, 'forged.tar')
    await writeFile(file, bundle)
    const { disagreed } = await audit({ dir: '', bundle: file, rootKey: null, onProgress: () => {} }, NEVER)
    assert.match(disagreed.map((one) => one.why).join('\n'), why, what)
  }
  // A text that two readers may read in two ways is none: the audit reads as the engine does.
  for (const twice of [(text: string) => `{"input":{},${text.slice(1)}`, (text: string) => ` ${text}`, () => '[]']) {
    const report = verifyBytes(await forged((records) => {
      const last = lastOf(records, 'transfer').at(-1) as Record
      last.payload = twice(JSON.stringify(last.payload)) as unknown as JsonObject
    }), trust)
    assert.match(report.findings.map((finding) => finding.what).join('\n'), /not in the one form/)
  }
})
