/** A whole system whose log is anchored by a real time authority: on its cadence, on demand, while the authority fails, over a restart. */
import assert from 'node:assert/strict'
import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { after, before, test, type TestContext } from 'node:test'
import { NEVER, openBank, temporaryDirectory, type Bank } from '../../test/support/bank-system.ts'
import { stolenKey } from '../../test/support/log-key.ts'
import { openVault } from '../../test/support/vault-system.ts'
import { readAnchors } from '../main/anchors.ts'
import { verifyAnchors } from '../main/verify-anchors.ts'
import { openSqliteReader } from '../storage/sqlite/reader.ts'
import { signCheckpoint } from '../transparency-log/checkpoint.ts'
import { Problem } from '../model/problems.ts'
import { openAnyCheckpoint, logOfKey } from '../transparency-log/cosignature-checkpoint.ts'
import { parseVerifierKey } from '../model/signed-note.ts'
import { readTrust, verifyTimestamp } from '../transparency-log/anchor/rfc3161/authority.ts'
import { opensslAccepts, startAuthority, type Authority } from '../transparency-log/anchor/testing/openssl-authority.ts'
import { parseTlogProof } from '../transparency-log/tlog-proof.ts'

let authority: Authority
before(async () => (authority = await startAuthority({ key: 'ec' })))
after(() => authority.close())

const PAGE = { after: null, limit: 200 }
const config = (change: object = {}) =>
  JSON.stringify([
    { name: 'tsa', kind: 'rfc3161', url: authority.url, roots: authority.rootFile, everySeconds: 0.1, ...change },
  ])

async function anchored(test: TestContext, change: object = {}): Promise<Bank> {
  const anchors = join(await temporaryDirectory(test), 'anchors.json')
  writeFileSync(anchors, config(change))
  return openBank(test, { anchors, onProblem: () => {} })
}
const stateOf = async (bank: Bank) => {
  const { anchors, treeSize } = await bank.engine.self(bank.operator, NEVER)
  const [state] = anchors
  return { state: state as NonNullable<typeof state>, treeSize }
}
async function until(bank: Bank, holds: (state: Awaited<ReturnType<typeof stateOf>>) => boolean) {
  for (;;) {
    const found = await stateOf(bank)
    if (holds(found)) return found
    await new Promise((resolve) => setTimeout(resolve, 20))
  }
}
const list = async (bank: Bank) => (await bank.engine.anchors(bank.operator, PAGE, NEVER)).items

test('what is new is anchored by itself, proofs verify with openssl, and nothing is asked for when nothing is new', async (t) => {
  const bank = await anchored(t)
  await bank.do('open_account', { account: 'a', owner: 'ada' })
  const { state } = await until(bank, ({ state: now, treeSize }) => now.waiting === 0 && now.size === treeSize)
  assert.deepEqual([state.failures, state.lagMs, state.name], [0, 0, 'tsa'])
  const items = await list(bank)
  const log = logOfKey(parseVerifierKey(readFileSync(join(bank.dir, 'log.vkey'), 'utf8').trim()))
  for (const { checkpoint, proof, size, timeMs, cause } of items) {
    const bytes = Buffer.from(proof, 'base64')
    assert.equal(openAnyCheckpoint(checkpoint, log).size, size)
    assert.ok(opensslAccepts(authority, checkpoint, bytes))
    const anchoredAt = verifyTimestamp(checkpoint, bytes, readTrust(authority.root)).timeMs
    assert.deepEqual([Math.floor(anchoredAt / 1_000) * 1_000, cause], [timeMs, 'cadence'])
  }
  const asked = authority.requests.length
  await new Promise((resolve) => setTimeout(resolve, 400))
  assert.equal(authority.requests.length, asked)
  const again = await bank.again()
  assert.deepEqual((await list(again)).slice(-items.length), items)
})

test('on demand: at once, once for one checkpoint, and it is kept', async (t) => {
  const bank = await anchored(t, { everySeconds: 3_600 })
  await until(bank, ({ state }) => state.size > 0)
  await bank.do('open_account', { account: 'a', owner: 'ada' })
  const { state, treeSize } = await stateOf(bank)
  assert.ok(state.waiting > 0)
  const both = await Promise.all([1, 2].map(() => bank.engine.anchorNow(bank.operator, NEVER)))
  assert.deepEqual(both[0], both[1])
  assert.deepEqual([both[0]?.[0]?.size, both[0]?.[0]?.cause], [treeSize, 'asked'])
  assert.equal((await stateOf(bank)).state.waiting, 0)
  const asked = authority.requests.length
  await bank.engine.anchorNow(bank.operator, NEVER)
  assert.equal(authority.requests.length, asked)
  await assert.rejects(bank.engine.anchorNow(bank.agent, NEVER), /forbidden/)
})

test('an authority that fails is seen in the state, holds nothing up, and is asked again', async (t) => {
  const bank = await anchored(t)
  authority.mode = 'fails'
  try {
    assert.equal((await bank.do('open_account', { account: 'a', owner: 'ada' })).kind, 'committed')
    const { state } = await until(bank, ({ state: now }) => now.failures >= 2)
    assert.match(state.lastError ?? '', /unreachable: .*503/)
    assert.ok(state.waiting > 0 && state.lagMs > 0 && state.lastErrorAtMs !== null)
    await assert.rejects(
      bank.engine.anchorNow(bank.operator, NEVER),
      (error) => error instanceof Problem && error.code === 'anchor-unavailable' && /503/.test(error.detail),
    )
  } finally {
    authority.mode = 'answers'
  }
  const { state } = await until(bank, ({ state: now }) => now.waiting === 0)
  assert.deepEqual([state.failures, state.lastError], [0, null])
})

test('a system without anchors says so', async (t) => {
  const bank = await openBank(t)
  assert.deepEqual((await bank.engine.self(bank.operator, NEVER)).anchors, [])
  await assert.rejects(bank.engine.anchorNow(bank.operator, NEVER), /no anchor is set up/)
  assert.equal(existsSync(join(bank.dir, 'anchors')), false)
})

test('level `timestamped` rests on the same authority: the receipt’s stamp is of its own checkpoint, cosignatures and all', async (t) => {
  const alone = await openVault(t, { names: ['one'], threshold: 1 })
  writeFileSync(join(alone.vault.dir, 'anchors.json'), config({ everySeconds: 3_600 }))
  const vault = await alone.vault.again()
  let outcome = await vault.do('notarise', { box: 'a' }, { key: 'n' })
  while (outcome.kind === 'awaiting') outcome = await vault.do('notarise', { box: 'a' }, { key: 'n' })
  assert.ok(outcome.kind === 'committed' && outcome.level === 'timestamped', JSON.stringify(outcome))
  const { timestamp, proof } = outcome.receipt
  const { checkpoint } = parseTlogProof(proof)
  assert.equal(timestamp?.kind, 'rfc3161')
  const token = Buffer.from(timestamp.token, 'base64')
  assert.equal(verifyTimestamp(checkpoint, token, readTrust(authority.root)).timeMs, timestamp.timeMs)
  assert.ok(opensslAccepts(authority, checkpoint, token))
})

test('a file of anchors that cannot be used says what is wrong with which', async (t) => {
  const dir = await temporaryDirectory(t)
  const path = join(dir, 'anchors.json')
  const detailOf = (text: string): string => {
    writeFileSync(path, text)
    try {
      readAnchors(dir, null)
    } catch (error) {
      assert.ok(error instanceof Problem && error.code === 'anchors-invalid', String(error))
      return error.detail
    }
    return assert.fail(text)
  }
  for (const [text, why] of [
    ['{', /JSON/],
    ['{}', /list/],
    ['[1]', /anchor 1: it is no object/],
    [config({ url: 'ftp://x' }), /`url`/],
    [config({ name: 'A B' }), /`name`/],
    [config({ kind: 'ots' }), /`kind`/],
    [config({ roots: '/nowhere.pem' }), /`roots`.*cannot be read/],
    [config({ roots: path }), /`roots`.*no certificate/],
    [config({ everySeconds: 0 }), /seconds/],
    [config({ every: 1 }), /`every`/],
    [config({ policies: 'any' }), /`policies`/],
    [`[${config().slice(1, -1)},${config().slice(1, -1)}]`, /anchor 2: `name`/],
  ] as const)
    assert.match(detailOf(text), why)
  writeFileSync(path, config())
  assert.equal(readAnchors(dir, null).length, 1)
  assert.deepEqual(readAnchors(join(dir, 'other'), null), [])
})

test('the audit of a data directory looks at its anchors: each stamp, and whether the log still has what was stamped', async (t) => {
  const bank = await openBank(t, { onProblem: () => {} })
  writeFileSync(join(bank.dir, 'anchors.json'), config({ everySeconds: 3_600 }))
  const stamping = await bank.again()
  await stamping.do('open_account', { account: 'a', owner: 'ada' })
  await stamping.engine.anchorNow(stamping.operator, NEVER)
  await stamping.close()
  const key = parseVerifierKey(readFileSync(join(bank.dir, 'log.vkey'), 'utf8').trim())
  const audit = () => {
    const reader = openSqliteReader(bank.dir)
    try {
      return verifyAnchors(bank.dir, reader, key)
    } finally {
      reader.close()
    }
  }
  assert.deepEqual(audit(), { findings: [], notChecked: [] })
  const folder = join(bank.dir, 'anchors')
  const names = readdirSync(folder).filter((name) => name.includes('asked'))
  const [note, stamp] = ['.checkpoint', '.tsr'].map((end) =>
    join(folder, names.find((name) => name.endsWith(end)) ?? ''),
  )
  const [good, token] = [readFileSync(note as string, 'utf8'), readFileSync(stamp as string)]
  const found = (path: string, content: string | Buffer): string => {
    const before = readFileSync(path)
    writeFileSync(path, content)
    const { findings } = audit()
    writeFileSync(path, before)
    return findings.map(({ what }) => what).join('\n')
  }
  const { rootHash, size } = openAnyCheckpoint(good, logOfKey(key))
  const signer = stolenKey(bank.dir)
  const signed = (over: number, root: string) =>
    signCheckpoint({ origin: key.name, size: over, rootHash: root as never }, signer)
  assert.match(
    found(
      note as string,
      signed(
        size,
        rootHash.replace(/^./, (hex) => (hex === '0' ? '1' : '0')),
      ),
    ),
    /another root there now/,
  )
  assert.match(found(note as string, signed(size + 5_000, rootHash)), /another number of records/)
  const flipped = Buffer.from(token)
  flipped[token.length - 2] = (flipped[token.length - 2] as number) ^ 1
  assert.match(found(stamp as string, flipped), /does not verify/)
  assert.deepEqual(audit(), { findings: [], notChecked: [] })
})
