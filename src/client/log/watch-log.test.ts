/** What a client makes of what a log shows it: logs that grow, fork, shrink and keep silent, and stores in memory and in files. */
import assert from 'node:assert/strict'
import { generateKeyPairSync } from 'node:crypto'
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test, type TestContext } from 'node:test'
import type { Consistency, Receipt } from '../../model/receipt.ts'
import type { Position } from '../../model/ids.ts'
import { formatVerifierKey, noteSigner } from '../../model/signed-note.ts'
import { inclusionProof } from '../../transparency-log/proofs.ts'
import { formatTlogProof } from '../../transparency-log/tlog-proof.ts'
import { TestLog } from '../../transparency-log/witness/testing/test-log.ts'
import { verifyEvidence, parseKey, type Verdict } from '../../../verifier/verify.ts'
import { fileHeads } from './head-files.ts'
import { memoryHeads, type HeadStore } from './head-store.ts'
import { LogFault } from './log-fault.ts'
import { watchLog, type LogWatch, type Shown } from './watch-log.ts'

const NONE: Shown = { checkpoint: null, consistency: null, receipt: null, operation: null }
const noProof = (): Promise<null> => Promise.resolve(null)

/** What a log of this software answers: its checkpoint, and the proof as its own tree has it. */
function answer(log: TestLog, size: number, since: number): Shown {
  const consistency = since <= size ? given(log, since, size) : null
  return { ...NONE, checkpoint: log.signed(size), consistency }
}
const given = (log: TestLog, from: number, to: number): Consistency => ({
  from,
  to,
  root: log.root(from),
  proof: log.consistencyProof(from, to),
})
const proofOf = (log: TestLog, index: number, size: number): string =>
  formatTlogProof({ index, hashes: inclusionProof(log.nodes, index, size), checkpoint: log.signed(size) })
const keyOf = (log: TestLog): string => formatVerifierKey(log.signer)

function watched(log: TestLog, heads: HeadStore = memoryHeads()): LogWatch {
  return watchLog({ vkey: keyOf(log), heads })
}
async function seen(watch: LogWatch, log: TestLog, size: number): Promise<void> {
  const asked = await watch.begin()
  await watch.check(asked, answer(log, size, asked.since), noProof)
}
async function faultOf(call: Promise<unknown>): Promise<LogFault> {
  try {
    await call
  } catch (error) {
    assert.ok(error instanceof LogFault, String(error))
    return error
  }
  return assert.fail('it was taken')
}
function verdictOf({ evidence }: LogFault, log: TestLog): Verdict {
  const trust = { logs: [parseKey(keyOf(log))], policy: null, heads: [] }
  return verifyEvidence(Buffer.from(JSON.stringify(evidence)), trust).verdict
}
function folder(test: TestContext): string {
  const path = mkdtempSync(join(tmpdir(), 'plinth-heads-'))
  test.after(() => rmSync(path, { recursive: true, force: true }))
  return path
}
/** The same key, another history from leaf `from` on. */
const forked = (log: TestLog, from: number, size: number): TestLog =>
  new TestLog(log.signer).grow(from).grow(size, 'other')

test('a log that grows is followed, from nothing, whatever its sizes', async () => {
  const log = new TestLog().grow(700)
  const watch = watched(log)
  assert.deepEqual(await watch.begin(), { since: 0, head: null })
  for (const size of [1, 1, 2, 3, 255, 256, 257, 512, 699, 700]) {
    await seen(watch, log, size)
    assert.equal((await watch.begin()).since, size)
  }
})

test('two roots of one size: an equivocation that the verifier judges', async () => {
  const log = new TestLog().grow(90)
  const watch = watched(log)
  await seen(watch, log, 90)
  const fault = await faultOf(seen(watch, forked(log, 80, 90), 90))
  assert.deepEqual([fault.code, verdictOf(fault, log)], ['log-equivocation', 'EQUIVOCATION'])
  assert.equal((await watch.begin()).head, log.signed(90))
})

test('a larger tree that does not begin with the kept one convicts itself by its own proof', async () => {
  const log = new TestLog().grow(300)
  for (const [kept, from, now] of [
    [90, 80, 120],
    [64, 10, 300],
    [128, 127, 129],
    [1, 0, 7],
    [256, 255, 300],
  ] as const) {
    const watch = watched(log)
    await seen(watch, log, kept)
    const fault = await faultOf(seen(watch, forked(log, from, now), now))
    assert.deepEqual([fault.code, verdictOf(fault, log)], ['log-equivocation', 'EQUIVOCATION'], `${kept} ${now}`)
  }
})

test('a smaller tree is a rollback, also one that the kept tree begins with', async () => {
  const log = new TestLog().grow(90)
  for (const smaller of [log, forked(log, 50, 80)]) {
    const watch = watched(log)
    await seen(watch, log, 90)
    const fault = await faultOf(seen(watch, smaller, 80))
    assert.deepEqual([fault.code, verdictOf(fault, log)], ['log-rollback', 'ROLLBACK'])
  }
})

test('a larger tree without a proof, or with one that leads nowhere, is not followed, and is no proof of a fork', async () => {
  const log = new TestLog().grow(120)
  const good = given(log, 90, 120)
  for (const consistency of [
    null,
    { ...good, proof: good.proof.slice(1) },
    { ...good, proof: good.proof.toReversed() },
    { ...good, root: log.root(89), proof: [] },
    { ...good, root: 'no hash' as Consistency['root'], proof: ['neither' as Consistency['root']] },
  ]) {
    const watch = watched(log)
    await seen(watch, log, 90)
    const shown = { ...NONE, checkpoint: log.signed(120), consistency }
    const fault = await faultOf(watch.check(await watch.begin(), shown, noProof))
    assert.equal(fault.code, 'log-proof-invalid')
    assert.equal((await watch.begin()).since, 90)
    if (consistency?.root !== 'no hash') assert.equal(verdictOf(fault, log), 'INSUFFICIENT')
  }
})

test('what another key has signed, or nobody, is no head of this log', async () => {
  const log = new TestLog().grow(9)
  const stranger = new TestLog().grow(9)
  const watch = watched(log)
  const shown = log.signed(9)
  for (const checkpoint of [null, '', stranger.signed(9), shown.replace('9\n', '8\n'), `${shown.slice(0, -5)}AA==\n`]) {
    const fault = await faultOf(watch.check({ since: 0, head: null }, { ...NONE, checkpoint }, noProof))
    assert.deepEqual([fault.code, fault.evidence], ['log-proof-invalid', null])
  }
  assert.equal((await watch.begin()).since, 0)
})

test('a receipt must be in the tree of the answer’s checkpoint, and of the operation that was asked for', async () => {
  const log = new TestLog().grow(40)
  const watch = watched(log)
  const line = JSON.stringify({ op: 'op_1' })
  log.append(line).grow(60)
  const receipt: Receipt = { index: 40 as Position, record: line, proof: proofOf(log, 40, 60) }
  const shown: Shown = { ...answer(log, 60, 0), receipt, operation: 'op_1' }
  const check = async (changed: Partial<Shown>) => watch.check(await watch.begin(), { ...shown, ...changed }, noProof)
  assert.equal((await check({})).size, 60)
  for (const changed of [
    { operation: 'op_2' },
    { receipt: { ...receipt, record: JSON.stringify({ op: 'op_1', actor: 'other' }) } },
    { receipt: { ...receipt, index: 39 as Position } },
    { receipt: { ...receipt, proof: proofOf(log, 39, 60) } },
    { receipt: { ...receipt, proof: '' } },
  ])
    assert.equal((await faultOf(check(changed))).code, 'log-proof-invalid', JSON.stringify(changed))
})

test('a receipt may be under an earlier checkpoint than the newest, when the log proves that they are of one tree', async () => {
  const log = new TestLog().grow(40)
  const line = JSON.stringify({ op: 'op_1' })
  log.append(line).grow(90)
  const receipt: Receipt = { index: 40 as Position, record: line, proof: proofOf(log, 40, 50) }
  const shown: Shown = { ...answer(log, 90, 0), receipt, operation: 'op_1' }
  const prove = (from: number, to: number) => Promise.resolve(given(log, from, to))
  const check = async (
    how: (from: number, to: number) => Promise<Consistency | null>,
    changed: Partial<Shown> = {},
  ) => {
    const watch = watched(log)
    return watch.check(await watch.begin(), { ...shown, ...changed }, how)
  }
  assert.equal((await check(prove)).size, 90)
  assert.equal((await faultOf(check(noProof))).code, 'log-proof-invalid')
  const branch = forked(log, 45, 90)
  const fault = await faultOf(
    check((from, to) => Promise.resolve(given(branch, from, to)), { checkpoint: branch.signed(90) }),
  )
  assert.deepEqual([fault.code, verdictOf(fault, log)], ['log-equivocation', 'EQUIVOCATION'])
})

test('answers that cross each other are held against each other', async () => {
  const log = new TestLog().grow(300)
  const watch = watched(log)
  await seen(watch, log, 100)
  const [first, second] = [await watch.begin(), await watch.begin()]
  await watch.check(second, answer(log, 200, 100), noProof)
  const asked: [number, number][] = []
  const prove = (from: number, to: number) => {
    asked.push([from, to])
    return Promise.resolve(given(log, from, to))
  }
  await watch.check(first, answer(log, 150, 100), prove) // late, and no rollback: it was asked for before
  assert.deepEqual([asked, (await watch.begin()).since], [[[150, 200]], 200])
  const [third, fourth] = [await watch.begin(), await watch.begin()]
  const branch = forked(log, 220, 260)
  await watch.check(third, answer(log, 250, 200), noProof)
  const fault = await faultOf(
    watch.check(fourth, answer(branch, 260, 200), (from, to) => Promise.resolve(given(branch, from, to))),
  )
  assert.deepEqual([fault.code, verdictOf(fault, log)], ['log-equivocation', 'EQUIVOCATION'])
})

test('the answer goes along with the fault: what it speaks of may have happened', async () => {
  const log = new TestLog().grow(9)
  const watch = watched(log)
  await seen(watch, log, 9)
  const shown = { ...answer(forked(log, 3, 9), 9, 9), answer: { kind: 'committed' } }
  assert.deepEqual((await faultOf(watch.check(await watch.begin(), shown, noProof))).answer, { kind: 'committed' })
})

test('files: heads outlast the process, never get smaller, and evidence is kept beside them', async (t) => {
  const path = folder(t)
  const log = new TestLog().grow(90)
  await seen(watched(log, fileHeads(path)), log, 50)
  await seen(watched(log, fileHeads(path)), log, 90)
  await fileHeads(path).keep(log.pinned, log.signed(70))
  const [name = ''] = readdirSync(path)
  assert.deepEqual(readdirSync(join(path, name)), [`0000000000000090-${log.signer.keyHash}.head`])
  const fault = await faultOf(seen(watched(log, fileHeads(path)), forked(log, 3, 95), 95))
  assert.deepEqual(JSON.parse(readFileSync(fault.file ?? '', 'utf8')), fault.evidence)
  const other = new TestLog().grow(4)
  await seen(watched(other, fileHeads(path)), other, 4) // the same origin under another key is another log
  assert.equal((await watched(log, fileHeads(path)).begin()).since, 90)
})

test('a log that changes its key is followed by whoever has pinned both', async (t) => {
  const path = folder(t)
  const before = new TestLog().grow(90)
  const after = new TestLog(noteSigner(before.signer.name, generateKeyPairSync('ed25519').privateKey)).grow(90)
  const watch = watchLog({ vkey: [keyOf(before), keyOf(after)], heads: fileHeads(path) })
  await seen(watch, before, 50)
  await seen(watch, after, 80)
  const [name = ''] = readdirSync(path)
  assert.deepEqual(readdirSync(join(path, name)), [`0000000000000080-${after.signer.keyHash}.head`])
  const fault = await faultOf(seen(watch, forked(after, 20, 85), 85))
  assert.equal(fault.code, 'log-equivocation')
  assert.throws(() => watchLog({ vkey: [], heads: memoryHeads() }), /needed/)
})

test('files: a head that was edited is not taken for one, and not guessed around', async (t) => {
  const path = folder(t)
  const log = new TestLog().grow(90)
  await seen(watched(log, fileHeads(path)), log, 90)
  const [name = ''] = readdirSync(path)
  const file = join(path, name, `0000000000000090-${log.signer.keyHash}.head`)
  for (const text of ['', log.signed(80), log.signed(90).replace('90', '91')]) {
    writeFileSync(file, text)
    assert.equal((await faultOf(watched(log, fileHeads(path)).begin())).code, 'log-heads-damaged')
  }
})

test('files: many writers at once leave the largest', async (t) => {
  const path = folder(t)
  const log = new TestLog().grow(60)
  await Promise.all(Array.from({ length: 60 }, (_, size) => fileHeads(path).keep(log.pinned, log.signed(size + 1))))
  assert.equal((await watched(log, fileHeads(path)).begin()).since, 60)
})
