/** A restored log gets its end back from an export, as the runbook has it: it goes on under its name, and nothing that was not signed gets in. */
import assert from 'node:assert/strict'
import { cpSync, existsSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test, type TestContext } from 'node:test'
import { NEVER, openBank, temporaryDirectory, type Bank } from '../../test/support/bank-system.ts'
import { startWitnessHere, writePolicy } from '../../test/support/witnesses.ts'
import { parseVerifierKey } from '../model/signed-note.ts'
import { openSqliteReader } from '../storage/sqlite/reader.ts'
import { verifyReceipt } from '../transparency-log/tlog-proof.ts'
import { completeLog } from './complete-log.ts'
import { exportLog } from './export-log.ts'
import { verifyOffline } from './verify.ts'

const REFUSED = { code: 'log-recovery-refused' }
const DATABASE = ['data.db', 'data.db-wal', 'data.db-shm']
const vkeyOf = (dir: string) => parseVerifierKey(readFileSync(join(dir, 'log.vkey'), 'utf8').trim())
const sizeOf = (dir: string): number => {
  const reader = openSqliteReader(dir)
  try {
    return reader.head().treeSize
  } finally {
    reader.close()
  }
}

async function deposits(bank: Bank, account: string, count: number) {
  for (let i = 0; i < count; i++) await bank.do('deposit', { account, amount: 100 }, { key: `${account}:${i}` })
  return await bank.do('withdraw', { account, amount: 50 }, { key: `${account}:last` })
}
const balanceOf = async (bank: Bank, account: string) => {
  const answer = await bank.ask('balance_of', { account })
  return answer.kind === 'answered' ? answer.result : answer.kind
}

/** A log with a copy of before, an export of in between, and exports of all of it; nothing runs. */
async function history(t: TestContext) {
  const folder = await temporaryDirectory(t)
  const bank = await openBank(t)
  await bank.do('open_account', { account: 'a', owner: 'ann' })
  await bank.close()
  const copy = join(folder, 'copy')
  cpSync(bank.dir, copy, { recursive: true })
  const again = await bank.again()
  await deposits(again, 'a', 3)
  const early = join(folder, 'early.tar')
  await exportLog(bank.dir, early, 'bundle', await again.engine.checkpoint())
  const earlyHead = readFileSync(join(bank.dir, 'signer', 'head'))
  await again.do('open_account', { account: 'b', owner: 'bob' })
  const lost = await deposits(again, 'b', 300)
  assert.equal(lost.kind, 'committed')
  const [bundle, jsonl] = [join(folder, 'log.tar'), join(folder, 'log.jsonl')]
  const checkpoint = await again.engine.checkpoint()
  await exportLog(bank.dir, bundle, 'bundle', checkpoint)
  const { records, rootHash } = await exportLog(bank.dir, jsonl, 'jsonl', checkpoint)
  await again.close()
  const restore = (files: readonly string[] = DATABASE): void => {
    for (const file of files) {
      rmSync(join(bank.dir, file), { force: true, recursive: true })
      if (existsSync(join(copy, file))) cpSync(join(copy, file), join(bank.dir, file), { recursive: true })
    }
  }
  const dir = bank.dir
  return { dir, folder, early, bundle, jsonl, records, rootHash, lost, restore, copy, earlyHead }
}
const complete = (dir: string, file: string, witnessPolicy: string | null = null) =>
  completeLog(dir, { file, witnessPolicy, signer: null }, NEVER)

test('the end comes back from a bundle or from JSON lines; answers, rows and receipts are what they were', async (t) => {
  const { dir, bundle, jsonl, records, rootHash, lost, restore, copy } = await history(t)
  const had = sizeOf(copy)
  for (const file of [bundle, jsonl]) {
    restore()
    await assert.rejects(openBank(t, { dir }), { code: 'log-behind-signer' })
    const completed = await complete(dir, file)
    assert.deepEqual(completed, { had, size: records, rootHash, signed: records })
    await assert.rejects(complete(dir, file), REFUSED, 'nothing is missing any more')
  }
  const bank = await openBank(t, { dir })
  const known = await bank.engine.outcome(bank.agent, lost.operation, 0, NEVER)
  assert.deepEqual([known.kind, 'position' in known && known.position], ['committed', records - 1])
  assert.deepEqual([await balanceOf(bank, 'a'), await balanceOf(bank, 'b')], [{ balance: 250 }, { balance: 29_950 }])
  const replay = await bank.do('withdraw', { account: 'b', amount: 50 }, { key: 'b:last' })
  assert.deepEqual([replay.operation, replay.replayed], [lost.operation, true])
  const next = await bank.do('deposit', { account: 'b', amount: 1 })
  assert.ok(next.receipt !== undefined)
  assert.equal(verifyReceipt(next.receipt, vkeyOf(dir)).origin, bank.installation.origin)
  const report = await bank.engine.verify(() => {}, NEVER)
  assert.deepEqual([report.verdict, report.findings], ['valid', []])
  await bank.close()
  assert.deepEqual((await verifyOffline(dir, null, () => {}, NEVER)).findings, [])
})

test('an export that ends too early brings back what it holds, and says what is missing still', async (t) => {
  const { dir, early, bundle, records, restore } = await history(t)
  restore()
  const some = await complete(dir, early)
  assert.ok(some.size < records && some.signed === records && some.size > some.had)
  await assert.rejects(openBank(t, { dir }), { code: 'log-behind-signer' })
  assert.equal((await complete(dir, bundle)).size, records)
  const bank = await openBank(t, { dir })
  assert.deepEqual(await balanceOf(bank, 'a'), { balance: 250 })
})

test('what was not signed does not get in: a changed record, another log, lines beyond what anybody remembers', async (t) => {
  const { dir, folder, jsonl, bundle, restore, copy, earlyHead } = await history(t)
  restore()
  const had = sizeOf(dir)
  const text = readFileSync(jsonl, 'utf8')
  const changed = join(folder, 'changed.jsonl')
  const rest = (change: (line: string) => string): string =>
    text
      .split('\n')
      .map((line, place) => (place < had ? line : change(line)))
      .join('\n')
  const cases: readonly [string, string, object][] = [
    ['a payload', text.replace('"amount":100', '"amount":900'), { code: 'storage-damaged' }],
    ['an actor', text.replace(/"actor":"agent"/g, '"actor":"other"'), REFUSED],
    ['an actor behind', rest((line) => line.replace('"actor":"agent"', '"actor":"other"')), REFUSED],
    [
      'its middle',
      text
        .split('\n')
        .toSpliced(had + 4, 2)
        .join('\n'),
      { code: /storage-damaged|log-recovery-refused/ },
    ],
    [
      'its end',
      text
        .split('\n')
        .slice(0, had + 3)
        .join('\n') + '\n',
      { code: /storage-damaged|log-recovery-refused/ },
    ],
    ['nothing', '', REFUSED],
    ['no records', 'hello\n', { code: 'storage-damaged' }],
  ]
  for (const [what, content, refusal] of cases) {
    writeFileSync(changed, content)
    await assert.rejects(complete(dir, changed), refusal, what)
    assert.equal(sizeOf(dir), had, what)
  }
  const cut = join(folder, 'cut.tar')
  writeFileSync(cut, readFileSync(bundle).subarray(0, 20_000))
  await assert.rejects(complete(dir, cut), { code: 'usage' })
  const other = await history(t)
  await assert.rejects(complete(dir, other.bundle), REFUSED)
  assert.equal(sizeOf(dir), had)

  // The signer's own memory is old too: the bundle shows what was signed, lines alone do not.
  const signed = readFileSync(join(dir, 'signer', 'head'))
  cpSync(join(copy, 'signer', 'head'), join(dir, 'signer', 'head'))
  await assert.rejects(complete(dir, jsonl), REFUSED)
  writeFileSync(join(dir, 'signer', 'head'), earlyHead)
  await assert.rejects(complete(dir, jsonl), REFUSED, 'a part of it would be taken, and the rest forked from')
  assert.equal(sizeOf(dir), had)
  const completed = await complete(dir, bundle)
  assert.equal(completed.size, completed.signed)
  writeFileSync(join(dir, 'signer', 'head'), signed)
  await (await openBank(t, { dir })).close()
})

test('where the signer was restored as well, witnesses say how far the log had come', async (t) => {
  const folder = await temporaryDirectory(t)
  const alone = await openBank(t)
  await alone.close()
  const logVkey = readFileSync(join(alone.dir, 'log.vkey'), 'utf8').trim()
  const witness = await startWitnessHere(t, folder, 'one', logVkey)
  const witnessPolicy = await writePolicy(folder, logVkey, [witness], 1)
  const bank = await alone.again({ acknowledgement: { witnessPolicy, everyMs: 50 }, onProblem: () => {} })
  await bank.close()
  const copy = join(folder, 'copy')
  cpSync(bank.dir, copy, { recursive: true })
  const again = await bank.again()
  const made = await again.do('open_account', { account: 'a', owner: 'ann' }, { acknowledge: 'witnessed' })
  assert.equal(made.kind, 'committed')
  const jsonl = join(folder, 'log.jsonl')
  const { records } = await exportLog(bank.dir, jsonl, 'jsonl', again.engine.witnessedCheckpoint())
  await again.close()
  rmSync(bank.dir, { recursive: true })
  cpSync(copy, bank.dir, { recursive: true })
  await assert.rejects(complete(bank.dir, jsonl), REFUSED, 'by itself nobody here knows')
  assert.equal((await complete(bank.dir, jsonl, witnessPolicy)).size, records)
  const found = await (await again.again()).engine.outcome(again.agent, made.operation, 0, NEVER)
  assert.equal(found.kind, 'committed')
})
