/** A log whose key was rotated, before the stand-alone verifier: with only the first key pinned, with the new one, and with keys that nobody committed to. */
import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { generateKeyPairSync } from 'node:crypto'
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { before, describe, test } from 'node:test'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { after } from 'node:test'
import { exportLog } from '../../src/main/export-log.ts'
import { rotateLogKey, writeLogKeys } from '../../src/main/log-keys.ts'
import { openSystem, type System } from '../../src/main/open-system.ts'
import type { Hash } from '../../src/model/ids.ts'
import { formatVerifierKey, noteSigner, signNote } from '../../src/model/signed-note.ts'
import { epochText, keyDigest, rotationText } from '../../src/model/log-keys.ts'
import { openSandbox } from '../../src/sandbox/open-sandbox.ts'
import { BANK } from '../support/bank-system.ts'
import { KeyHistory, parseKey } from '../../verifier/verify.ts'

const VERIFIER = join(import.meta.dirname, '..', '..', 'verifier', 'verify.ts')
const folder = mkdtempSync(join(tmpdir(), 'plinth-keys-'))
after(() => rmSync(folder, { recursive: true, force: true }))
const inFolder = (name: string): string => join(folder, name)

function verifier(...words: string[]): [number | null, { verdict: string; findings: { what: string }[] }] {
  const { status, stdout } = spawnSync(process.execPath, [VERIFIER, ...words, '--json'], { encoding: 'utf8' })
  return [status, JSON.parse(stdout) as never]
}

describe('rotated keys before the verifier', () => {
  let system: System
  let keys: { readonly first: string; readonly second: string }
  before(async () => {
    const sandbox = await openSandbox()
    const dir = inFolder('data')
    const open = (): Promise<System> => openSystem({ dir, application: BANK, sandbox, signer: { kind: 'thread' } })
    const act = async (key: string): Promise<void> => {
      const credentials = { bearer: system.credentials.agent.apiKey, onBehalfOf: null }
      const input = { account: key, owner: 'someone' }
      const intent = { command: 'open_account', input, idempotencyKey: key, run: null, correlation: null, causation: null }
      const { answer } = await system.engine.submit(credentials, intent, new AbortController().signal)
      assert(answer.kind === 'committed')
      writeFileSync(inFolder(`${key}.json`), JSON.stringify(answer.receipt))
    }
    system = await open()
    await act('one')
    writeFileSync(inFolder('head-1'), await system.engine.checkpoint())
    await exportLog(dir, inFolder('old.tar'), 'bundle', await system.engine.checkpoint())
    await system.close()
    const { before: first, after: second } = await rotateLogKey(dir, { nextKey: null, release: true, signer: null })
    keys = { first, second }
    system = await open()
    await act('two')
    const checkpoint = await system.engine.checkpoint()
    writeFileSync(inFolder('head-2'), checkpoint)
    await exportLog(dir, inFolder('new.tar'), 'bundle', checkpoint)
    await writeLogKeys(dir, inFolder('keys'), checkpoint)
    await system.close()
    await sandbox.close()
  })

  test('with the first key alone, a bundle leads to the new one by itself', () => {
    for (const bundle of ['old.tar', 'new.tar']) {
      const [code, report] = verifier('bundle', inFolder(bundle), '--key', keys.first)
      assert.deepEqual([code, report.verdict, report.findings], [10, 'VALID_UNWITNESSED', []], bundle)
    }
    const withHeads = ['--head', inFolder('head-1'), '--keys', inFolder('keys')]
    assert.equal(verifier('bundle', inFolder('new.tar'), '--key', keys.first, ...withHeads)[0], 10)
    assert.equal(verifier('bundle', inFolder('new.tar'), '--key', keys.second)[0], 10)
    assert.equal(verifier('bundle', inFolder('old.tar'), '--key', keys.second)[0], 40, 'the first key is not pinned')
  })

  test('receipts from before and after hold with the first key and the file of keys', () => {
    const pinned = ['--key', keys.first, '--keys', inFolder('keys')]
    for (const receipt of ['one.json', 'two.json']) {
      const [code, report] = verifier('receipt', inFolder(receipt), ...pinned)
      assert.deepEqual([code, report.findings], [10, []], receipt)
    }
    assert.equal(verifier('receipt', inFolder('two.json'), '--key', keys.first)[0], 40, 'without the file')
    assert.equal(verifier('receipt', inFolder('one.json'), '--key', keys.second, '--keys', inFolder('keys'))[0], 40)
  })

  test('a file of keys that was changed is none', () => {
    const file = JSON.parse(readFileSync(inFolder('keys'), 'utf8')) as { records: { payload: string; index: number; proof: string[] }[] }
    const changes: ((copy: typeof file) => void)[] = [
      (copy) => void copy.records.shift(),
      (copy) => void copy.records.reverse(),
      (copy) => (copy.records[1]!.payload = copy.records[1]!.payload.replace(/"next":"(.)/, (_, digit) => `"next":"${digit === '0' ? 1 : 0}`)),
      (copy) => (copy.records[1]!.index = 2),
      (copy) => void copy.records[1]!.proof.pop(),
    ]
    for (const [place, change] of changes.entries()) {
      const copy = structuredClone(file)
      change(copy)
      writeFileSync(inFolder('changed'), JSON.stringify(copy))
      const words = [VERIFIER, 'receipt', inFolder('two.json'), '--key', keys.first, '--keys', inFolder('changed')]
      assert.equal(spawnSync(process.execPath, words).status, 2, `change ${place}`)
    }
  })

  test('the first key signs nothing any more once it has been replaced', () => {
    const stolen = noteSigner('log.example/x', generateKeyPairSync('ed25519').privateKey)
    const second = noteSigner('log.example/x', generateKeyPairSync('ed25519').privateKey)
    const [one, two] = [formatVerifierKey(stolen), formatVerifierKey(second)]
    const history = new KeyHistory([parseKey(one)])
    const opened = JSON.stringify({ vkey: one, next: keyDigest(two) })
    const statement = signNote(rotationText(two, keyDigest(one)), [stolen, second])
    const rotated = JSON.stringify({ vkey: two, next: keyDigest(one), statement })
    assert.equal(history.take(0, 'opened', Buffer.from(opened), ''), null)
    assert.equal(history.take(9, 'rotated', Buffer.from(rotated), ''), null)
    const keyAt = (size: number) => history.keysOf({ origin: 'log.example/x', size })?.map(({ hash }) => hash)
    assert.deepEqual([keyAt(9), keyAt(10)], [[stolen.keyHash], [second.keyHash]])
    assert.equal(history.keysOf({ origin: 'log.example/y', size: 1 }), null)
  })

  test('a next key that nobody committed to is refused, whoever signs for it', () => {
    const make = () => noteSigner('log.example/x', generateKeyPairSync('ed25519').privateKey)
    const [first, committed, other] = [make(), make(), make()]
    const [one, two, three] = [first, committed, other].map(formatVerifierKey) as [string, string, string]
    const take = (vkey: string, signers: (typeof first)[]): string | null => {
      const history = new KeyHistory([parseKey(one)])
      history.take(0, 'opened', Buffer.from(JSON.stringify({ vkey: one, next: keyDigest(two) })), '')
      const statement = signNote(rotationText(vkey, keyDigest(one)), signers)
      return history.take(5, 'rotated', Buffer.from(JSON.stringify({ vkey, next: keyDigest(one), statement })), '')
    }
    assert.equal(take(two, [first, committed]), null)
    assert.match(take(three, [first, other]) ?? '', /not committed to/)
    assert.match(take(two, [committed]) ?? '', /not signed by both/)
    assert.match(take(two, [first]) ?? '', /not signed by both/)
  })

  test('an epoch follows from where it stands, under the next name, or it is refused', () => {
    const origin = 'log.example/x'
    const make = (name: string, key = generateKeyPairSync('ed25519').privateKey) => noteSigner(name, key)
    const [first, next] = [make(origin), make(`${origin}/2`)]
    const [one, two] = [first, next].map(formatVerifierKey) as [string, string]
    const take = (position: number, over: object = {}): string | null => {
      const history = new KeyHistory([parseKey(one)])
      history.take(0, 'opened', Buffer.from(JSON.stringify({ vkey: one, next: keyDigest(two) })), '')
      const rootHash = 'f'.repeat(64) as Hash
      const epoch = { previous: { origin, size: 9, rootHash }, kept: { size: 5, rootHash }, reason: 'restored' }
      const statement = signNote(epochText(two, keyDigest(one), epoch), [first, next])
      const data = { ...epoch, vkey: two, next: keyDigest(one), statement, ...over }
      const fault = history.take(position, 'epoch', Buffer.from(JSON.stringify(data)), '')
      if (fault === null) assert.equal(history.keysOf({ origin: `${origin}/2`, size: 6 })?.[0]?.hash, next.keyHash)
      return fault
    }
    assert.equal(take(5), null)
    assert.match(take(6) ?? '', /does not follow from here/)
    for (const over of [{ reason: 'nothing' }, { previous: { origin, size: 8 } }, { statement: '' }, { next: '0'.repeat(64) }])
      assert.notEqual(take(5, over), null, JSON.stringify(over))
  })
})
