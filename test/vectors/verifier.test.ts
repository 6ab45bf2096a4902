/** The verifier beside bundles: receipts, checkpoints, policies, its command line; and that it takes exactly the lines that the runtime takes. */
import assert from 'node:assert/strict'
import { generateKeyPairSync } from 'node:crypto'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import fc from '../support/property.ts'
import type { Hash, OperationId, Position, StreamId } from '../../src/model/ids.ts'
import { leafHash } from '../../src/model/merkle.ts'
import { lineComposer, parseRecord as runtimeParse } from '../../src/model/record-line.ts'
import { formatVerifierKey, noteSigner } from '../../src/model/signed-note.ts'
import { consistencyProof, inclusionProof } from '../../src/transparency-log/proofs.ts'
import { formatTlogProof } from '../../src/transparency-log/tlog-proof.ts'
import { Tree } from '../../src/transparency-log/tree.ts'
import {
  EXIT_CODES,
  isMet,
  main,
  parseKey,
  parsePolicy,
  parseRecord,
  verifyConsistency,
  verifyEvidence,
  verifyHeads,
  verifyInclusion,
  verifyReceipt,
  type Trust,
  type Verdict,
} from '../../verifier/verify.ts'
import { checkpointOf, keyOf, Witness, type Raw } from './bundle/forge.ts'

const ORIGIN = 'log.example/test'
const signer = noteSigner(ORIGIN, generateKeyPairSync('ed25519').privateKey)
const compose = (op: string) =>
  lineComposer({
    ...{ log: ORIGIN, op: op as OperationId, n: 1, t: 5, actor: 'a' as never, chain: [{ principal: 'a' as never, epoch: 1 }] },
    ...{ for: null, tenant: 't', run: null, corr: 'größe "1"', cause: null, release: null, gate: '' },
  })
const payload = { hash: '0'.repeat(64) as Hash, bytes: 2 }
const records: Raw[] = Array.from({ length: 300 }, (_, i) => ({
  line: compose(`op_${i}`).operation('do', 'committed', [], payload),
  ...{ payload: null, effects: [] },
}))
const leaves = records.map(({ line }) => leafHash(line))
const tiles = new Map<number, Uint8Array>()
const tree = Tree.restore(0, (_level, index) => tiles.get(index) ?? new Uint8Array(), [])
for (const leaf of leaves) tree.append(leaf)
for (const { index, hashes } of tree.takeFullTiles()) tiles.set(index, hashes)

const witness = new Witness('witness.example')
const checkpoint = checkpointOf(records, ORIGIN, signer, [witness])
const policy = parsePolicy(`log ${formatVerifierKey(signer)}\nwitness w ${witness.vkey}\nquorum w\n`)
const trust: Trust = { logs: [keyOf(signer)], policy: null, heads: [] }
const receiptOf = (index: number, change: object = {}): Buffer =>
  Buffer.from(
    JSON.stringify({
      ...{ index: index as Position, record: records[index]?.line },
      proof: formatTlogProof({ index, hashes: inclusionProof(tree, index, 300), checkpoint }),
      ...change,
    }),
  )

test('a receipt of the runtime verifies, and no other', () => {
  for (const index of [0, 1, 255, 256, 299]) {
    assert.equal(verifyReceipt(receiptOf(index), trust).verdict, 'VALID_UNWITNESSED')
    assert.equal(verifyReceipt(receiptOf(index), { ...trust, policy }).verdict, 'VALID')
    for (const change of [{ index: index + 1 }, { record: records[7]?.line }, { proof: '' }, { record: undefined }, { record: '\ud800' }])
      assert.equal(verifyReceipt(receiptOf(index, change), trust).verdict, 'INVALID', JSON.stringify(change))
  }
  const text = receiptOf(256)
  for (let at = 0; at < text.length; at++) {
    const flipped = Buffer.from(text)
    flipped[at] = (flipped[at] as number) ^ 1
    const { verdict } = verifyReceipt(flipped, trust)
    // The witness's own line is nobody's that this verifier knows.
    const stranger = at > text.indexOf('witness.example') - 4
    assert(verdict === 'INVALID' || (stranger && verdict === 'VALID_UNWITNESSED'), `byte ${at}: ${verdict}`)
  }
  const kept = checkpointOf(records.with(0, { ...(records[0] as Raw), line: 'x' }), ORIGIN, signer)
  assert.equal(verifyReceipt(receiptOf(3), { ...trust, heads: [kept] }).verdict, 'EQUIVOCATION')
  // What a receipt alone cannot tell of kept checkpoints is said: a smaller one, and one of another log.
  const smaller = checkpointOf(records.slice(0, 2), ORIGIN, signer)
  const other = noteSigner('example.org/other', generateKeyPairSync('ed25519').privateKey)
  const ofOther = checkpointOf(records, other.name, other)
  const { verdict, notChecked } = verifyReceipt(receiptOf(3), { ...trust, logs: [...trust.logs, keyOf(other)], heads: [smaller, ofOther] })
  assert.equal(verdict, 'VALID_UNWITNESSED')
  assert.ok(notChecked.some((what) => what.includes('what 1 kept checkpoints name')), notChecked.join())
  assert.ok(notChecked.some((what) => what.startsWith('1 kept checkpoints: they are of other logs')), notChecked.join())
  assert.equal(verifyReceipt(Buffer.from('null'), trust).verdict, 'INVALID')
  // Members that nobody reads, and those that two readers may read in two ways.
  assert.equal(verifyReceipt(receiptOf(3, { Timestamp: { kind: 'rfc3161', timeMs: 1, token: '' } }), trust).verdict, 'INVALID')
  const twice = receiptOf(3).toString().replace('{', `{"record":${JSON.stringify(records[7]?.line)},`)
  assert.equal(verifyReceipt(Buffer.from(twice), trust).verdict, 'INVALID')
  assert.equal(verifyReceipt(Buffer.from(JSON.stringify(JSON.parse(receiptOf(3).toString()), null, 2)), trust).verdict, 'VALID_UNWITNESSED')
})

test('two checkpoints: consistent, gone back, of two histories', () => {
  const at = (size: number): Buffer => Buffer.from(checkpointOf(records.slice(0, size), ORIGIN, signer))
  const proof = (from: number, to: number): Buffer =>
    Buffer.from(consistencyProof(tree, from, to).map((hash) => `${Buffer.from(hash, 'hex').toString('base64')}\n`).join(''))
  for (const from of [0, 1, 128, 200, 256, 299, 300])
    assert.equal(verifyHeads(at(from), at(300), proof(from, 300), trust).verdict, 'VALID_UNWITNESSED', String(from))
  assert.equal(verifyHeads(at(300), at(200), proof(200, 300), trust).verdict, 'ROLLBACK')
  assert.equal(verifyHeads(at(200), at(300), proof(199, 300), trust).verdict, 'INVALID')
  const other = Buffer.from(checkpointOf(records.toReversed(), ORIGIN, signer))
  assert.equal(verifyHeads(at(300), other, Buffer.alloc(0), trust).verdict, 'EQUIVOCATION')
})

test('proofs: the verifier and the runtime agree, on those that hold and on those that do not', () => {
  fc.assert(
    fc.property(fc.nat(299), fc.nat(299), fc.nat(40), fc.nat(31), (a, b, place, byte) => {
      const [index, size] = [Math.min(a, b), Math.max(a, b) + 1]
      const at = Tree.restore(0, () => new Uint8Array(), [])
      for (const leaf of leaves.slice(0, size)) at.append(leaf)
      const root = at.rootHash()
      const path = inclusionProof(tree, index, size)
      assert(verifyInclusion(index, size, leaves[index] as Hash, path, root))
      const old = Tree.restore(0, () => new Uint8Array(), [])
      for (const leaf of leaves.slice(0, index)) old.append(leaf)
      const proof = consistencyProof(tree, index, size)
      assert(verifyConsistency(index, size, old.rootHash(), root, proof))
      const flip = (hashes: readonly Hash[]): Hash[] =>
        hashes.map((hash, i) => (i === place % hashes.length ? (hash.slice(0, byte) + (hash[byte] === '0' ? '1' : '0') + hash.slice(byte + 1)) : hash) as Hash)
      if (path.length > 0) assert(!verifyInclusion(index, size, leaves[index] as Hash, flip(path), root))
      if (proof.length > 0) assert(!verifyConsistency(index, size, old.rootHash(), root, flip(proof)))
      assert(!verifyInclusion(index, size, leaves[index] as Hash, [...path, root], root))
    }),
    { numRuns: 60 },
  )
})

test('a line is a record to the verifier exactly when it is one to the runtime', () => {
  const text = fc.oneof(fc.string({ unit: 'binary' }), fc.constantFrom('a', '"', '\\u0041', '\n', '\u007f', '\u2028', '\\', '/'))
  const line = fc
    .record({ corr: fc.option(text), stream: text, type: text, n: fc.nat(), event: fc.boolean(), effect: text })
    .map(({ corr, stream, type, n, event, effect }) => {
      const lines = lineComposer({
        ...{ log: ORIGIN, op: 'op_1' as OperationId, n: 2, t: 5, actor: 'a' as never, chain: [], for: null, tenant: 't' },
        ...{ run: null, corr, cause: null, release: null, gate: '' },
      })
      return event
        ? lines.event(0, stream as StreamId, n, '', type, payload)
        : lines.operation(type, 'held', [{ effect, hash: payload.hash }], payload)
    })
  const both = (one: string): void => {
    if (!one.isWellFormed() || /\\ud[89a-f]/.test(one)) return // the runtime never writes half a surrogate pair; below
    assert.equal(parseRecord(Buffer.from(`${one}\n`)) !== null, runtimeParse(one) !== null, one)
  }
  fc.assert(fc.property(line, (one) => assert(parseRecord(Buffer.from(`${one}\n`)) !== null && runtimeParse(one) !== null)), { numRuns: 300 })
  fc.assert(
    fc.property(line, fc.nat(), fc.nat(3), fc.constantFrom('"', '\\', '0', '1', ',', ' ', '}', '{', 'e', '.', '-', '\\u0061', 'null', ''), (one, at, length, put) => {
      const place = at % one.length
      both(one.slice(0, place) + put + one.slice(place + length))
    }),
    { numRuns: 3_000 },
  )
  const half = records[0]?.line.replace('"tenant":"t"', '"tenant":"\\ud800"') ?? ''
  assert.equal(parseRecord(Buffer.from(`${half}\n`)), null)
  assert.equal(parseRecord(Buffer.from(half)), null) // without its newline
  assert.notEqual(parseRecord(Buffer.from(`${records[0]?.line.replace('"tenant":"t"', '"tenant":"\\\\ud800"')}\n`)), null)
})

test('policies: what they mean, and what is none', () => {
  const [a, b, c] = ['a', 'b', 'c'].map((name) => new Witness(name)) as [Witness, Witness, Witness]
  const named = `witness a ${a.vkey}\nwitness b ${b.vkey} https://b.example\nwitness c ${c.vkey}\n`
  const met = (rest: string, who: string): boolean => {
    const parsed = parsePolicy(`# comment\n\n${named}${rest}`)
    return isMet(parsed, [...who].map((name) => parsed.witnesses.get(name) ?? parseKey('')))
  }
  assert.deepEqual(['', 'a', 'ab', 'abc'].map((who) => met('quorum none\n', who)), [true, true, true, true])
  assert.deepEqual(['', 'a', 'ab', 'abc'].map((who) => met('group g 2 a b c\nquorum g', who)), [false, false, true, true])
  assert.deepEqual(['a', 'c', 'ac', 'bc'].map((who) => met('group g any a b\ngroup h all g c\nquorum h', who)), [false, false, true, true])
  assert.deepEqual(['a', 'b'].map((who) => met('quorum b', who)), [false, true])
  for (const bad of [
    ...['', 'quorum x', 'quorum a\nquorum a', 'group g 4 a b c\nquorum g', 'group g 0 a\nquorum g', 'group g 2 a a\nquorum g', 'group a 1 b\nquorum a'],
    ...['group g 1 g\nquorum g', 'group g 1 a\ngroup h 1 a\nquorum h', 'witness d\nquorum none', 'log x\nquorum none', 'something\nquorum none'],
    ...[`witness d ${a.vkey}\nquorum none`, `witness d ${formatVerifierKey(signer)}\nquorum none`, `log ${a.vkey}\nquorum none`, 'quorum a b'],
  ])
    assert.throws(() => parsePolicy(named + bad), /policy|key|count/, bad)
})

test('the command line: verdicts are exit codes', () => {
  const dir = mkdtempSync(join(tmpdir(), 'plinth-verifier-'))
  try {
    const file = (name: string, content: string | Buffer): string => {
      writeFileSync(join(dir, name), content)
      return join(dir, name)
    }
    const vkey = formatVerifierKey(signer)
    const policyFile = file('policy', `log ${vkey}\nwitness w ${witness.vkey}\nquorum w\n`)
    const receipt = file('receipt.json', receiptOf(4))
    const printed: string[] = []
    const code = (...args: string[]): number => main(args, (line) => void printed.push(line))
    assert.equal(code('receipt', receipt, '--key', vkey), 10)
    assert.equal(code('receipt', receipt, '--key', file('vkey', `${vkey}\n`)), 10)
    assert.equal(code('receipt', receipt, '--policy', policyFile), 0)
    assert.equal(code('receipt', receipt, '--policy', policyFile, '--head', file('head', checkpoint)), 0)
    assert.equal(code('receipt', file('wrong.json', '{}'), '--key', vkey), 40)
    assert.equal(code('bundle', file('empty.tar', ''), '--key', vkey, '--json'), 40)
    assert.equal((JSON.parse(printed.at(-1) ?? '') as { verdict: string }).verdict, 'INVALID')
    assert.equal(code('receipt', receipt, '--key', vkey, '--head', file('later', checkpointOf([...records, records[0] as Raw], ORIGIN, signer))), 31)
    assert.equal(code('--version'), 0)
    for (const args of [[], ['receipt', receipt], ['receipt', '--key', vkey], ['other', receipt, '--key', vkey], ['receipt', receipt, '--key', witness.vkey], ['receipt', join(dir, 'none'), '--key', vkey], ['receipt', receipt, '--more']])
      assert.equal(code(...args), 2, args.join(' '))
    assert(printed.at(-1)?.includes('usage:'))
  } finally {
    rmSync(dir, { recursive: true, force: true })
  }
})

test('evidence: each form has its verdict, and what does not show it is INVALID', () => {
  const head = (size: number, of: readonly Raw[] = records) => checkpointOf(of.slice(0, size), ORIGIN, signer)
  const other = records.with(10, records[11] as Raw)
  const otherTree = Tree.restore(0, () => new Uint8Array(), [])
  for (const { line } of other.slice(0, 200)) otherTree.append(leafHash(line))
  const prefix = { kind: 'other-prefix', root: otherTree.rootAt(100), proof: consistencyProof(otherTree, 100, 200) }
  const path = (from: Tree, size: number) => inclusionProof(from, 10, size)
  const leaf = {
    ...{ kind: 'other-leaf', index: 10, leaves: [leaves[10], leaves[11]] },
    proofs: [path(tree, 100), path(otherTree, 200)],
  }
  const same = { kind: 'same-size' }
  const base = { v: 1, kind: 'equivocation', origin: ORIGIN }
  const forked = [head(100), head(200, other)]
  const good: [object, Verdict][] = [
    [{ ...base, heads: [head(100), head(100, other)], contradiction: same }, 'EQUIVOCATION'],
    [{ ...base, heads: forked, contradiction: prefix }, 'EQUIVOCATION'],
    [{ ...base, heads: forked, contradiction: leaf }, 'EQUIVOCATION'],
    [{ ...base, kind: 'rollback', heads: [head(200), head(100)] }, 'ROLLBACK'],
    [{ ...base, kind: 'rollback', witness: 'w', head: head(200), refused: head(100) }, 'ROLLBACK'],
    [{ ...base, kind: 'refusal', witness: 'w', head: head(100), refused: head(100, other) }, 'EQUIVOCATION'],
    [{ ...base, kind: 'refusal', witness: 'w', head: head(100), refused: head(200, other) }, 'INSUFFICIENT'],
    [{ ...base, kind: 'withheld', heads: forked, answer: null }, 'INSUFFICIENT'],
  ]
  const judged = (evidence: object) => verifyEvidence(Buffer.from(JSON.stringify(evidence)), trust).verdict
  for (const [evidence, verdict] of good) assert.equal(judged(evidence), verdict, JSON.stringify(evidence).slice(0, 90))
  const stranger = noteSigner(ORIGIN, generateKeyPairSync('ed25519').privateKey)
  const [prefixed] = [good[1]?.[0] as object]
  const bad: object[] = [
    { ...prefixed, origin: 'log.example/other' },
    { ...prefixed, v: 2 },
    { ...prefixed, kind: 'other' },
    { ...prefixed, heads: forked.toReversed() },
    { ...prefixed, heads: [head(100), checkpointOf(other.slice(0, 200), ORIGIN, stranger)] },
    { ...prefixed, heads: [head(100), head(200)] },
    { ...prefixed, contradiction: { ...prefix, root: tree.rootAt(100) } },
    { ...prefixed, contradiction: { ...prefix, proof: prefix.proof.slice(1) } },
    { ...prefixed, contradiction: { ...prefix, proof: 'none' } },
    { ...prefixed, contradiction: same },
    { ...prefixed, contradiction: null },
    { ...prefixed, contradiction: { ...leaf, leaves: [leaves[10], leaves[10]] } },
    { ...prefixed, contradiction: { ...leaf, index: 11 } },
    { ...base, heads: [head(100), head(100)], contradiction: same },
    { ...base, kind: 'rollback', heads: [head(100), head(200)] },
    { ...base, kind: 'rollback', heads: [head(100), head(100)] },
    { ...base, kind: 'withheld', heads: [head(100), head(200)], answer: { proof: consistencyProof(tree, 100, 200) } },
    { ...base, kind: 'refusal', witness: 'w', head: null, refused: head(100) },
    { ...base, heads: [1, 2] },
    {},
  ]
  for (const evidence of bad) assert.equal(judged(evidence), 'INVALID', JSON.stringify(evidence).slice(0, 120))
})

test('the verifier’s first page names its parts, in their order', () => {
  const source = readFileSync(new URL('../../verifier/verify.ts', import.meta.url), 'utf8')
  const banners = [...source.matchAll(/^\/\/ -{20,} (.+)$/gm)].map(([, name]) => name)
  const named = [...source.slice(0, source.indexOf('*/')).matchAll(/^ \* - (.+)$/gm)].map(([, name]) => name)
  assert.ok(banners.length > 10)
  assert.deepEqual(named, banners)
})

test('its help names every verdict with its code, and a command line that cannot be used is told as JSON where that was asked for', () => {
  const said = (...args: string[]): readonly [number, string] => {
    const printed: string[] = []
    const code = main(args, (line) => void printed.push(line))
    return [code, printed.join('\n')]
  }
  const [code, help] = said('--help')
  assert.equal(code, 0)
  for (const [verdict, number] of Object.entries(EXIT_CODES)) assert.ok(help.includes(`${number} ${verdict}`), verdict)
  const [failed, document] = said('bundle', '/there/is/none', '--key', 'k', '--json')
  assert.equal(failed, 2)
  assert.equal((JSON.parse(document) as { verdict: unknown }).verdict, null)
})
