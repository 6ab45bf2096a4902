/** Policy files: what they say, what is refused with which line, and what the cosignatures of a checkpoint make of them. */
import assert from 'node:assert/strict'
import { generateKeyPairSync } from 'node:crypto'
import { describe, test } from 'node:test'
import { leafHash } from '../model/merkle.ts'
import { formatVerifierKey, noteSigner } from '../model/signed-note.ts'
import { checkpointText, signCheckpoint } from './checkpoint.ts'
import { cosignatureLine, cosignatureSigner, formatCosignatureKey } from './cosignature.ts'
import { judgeCheckpoint, judgeQuorum } from './policy-file-quorum.ts'
import { quorumSafety, thresholdSafety } from './policy-file-safety.ts'
import { parsePolicyFile, POLICY_BYTES_MAX, POLICY_WITNESSES_MAX } from './policy-file.ts'

const newKey = () => generateKeyPairSync('ed25519').privateKey
const log = noteSigner('log.example/orders', newKey())
const witnesses = ['x1', 'x2', 'x3', 'y1', 'y2'].map((name) => cosignatureSigner(`${name}.example`, newKey()))
const [x1, x2, x3, y1] = witnesses.map(formatCosignatureKey) as [string, string, string, string]
const vkey = formatVerifierKey(log)
const nested = [
  '# a comment, then an empty line with blanks',
  ' \t ',
  `log ${vkey} https://log.example/`,
  ...witnesses.map((witness, index) => `\twitness  w${index + 1}\t${formatCosignatureKey(witness)} `),
  '  # indented: grüße',
  'group X 2 w1 w2 w3',
  'group Y any w4 w5',
  'group both all X Y',
  'quorum both',
  '',
].join('\n')

describe('a policy file', () => {
  test('says which logs and witnesses there are, and what is enough', () => {
    const { logs, witnesses, groups, quorum } = parsePolicyFile(nested)
    assert.deepEqual([logs[0]?.key.name, logs[0]?.url], [log.name, 'https://log.example/'])
    assert.deepEqual(
      witnesses.map(({ name, url }) => [name, url]),
      ['w1', 'w2', 'w3', 'w4', 'w5'].map((name) => [name, null]),
    )
    assert.deepEqual(
      groups.map(({ name, threshold }) => [name, threshold]),
      [
        ['X', 2],
        ['Y', 1],
        ['both', 2],
      ],
    )
    assert.equal(quorum?.name, 'both')
  })
  test('may ask for no cosignature, or for that of one witness', () => {
    assert.equal(parsePolicyFile('quorum none\n').quorum, null)
    assert.equal(parsePolicyFile(`witness w ${x1}\nquorum w\n`).quorum?.kind, 'witness')
  })
  const w = `witness w1 ${x1}\nwitness w2 ${x2}\n`
  for (const [name, [text, line, message]] of Object.entries({
    'an unknown keyword': ['witnesses w1\n', 1, /`witnesses` is none of/],
    'a log key as witness': [`witness w1 ${vkey}\n`, 1, /not an Ed25519 cosignature key/],
    'a witness key as log': [`log ${x1}\n`, 1, /not an Ed25519 key/],
    'a key with a wrong hash': [`witness w1 ${x1.replace(/\+.{8}\+/, '+00000000+')}\n`, 1, /does not match its hash/],
    'a witness without a key': [`${w}witness w3\n`, 3, /`witness <name> <vkey> \[<url>\]`/],
    'a word too many': [`${w}witness w3 ${x3} https://w3 more\n`, 3, /`witness <name>/],
    'two names for one key': [
      `${w}witness w3 ${formatCosignatureKey({ ...(witnesses[0] as (typeof witnesses)[0]) })}\n`,
      3,
      /same key as `w1`/,
    ],
    'one log twice': [`log ${vkey}\nlog ${vkey} https://log\n`, 2, /same key/],
    'a name twice': [`${w}witness w1 ${x3}\n`, 3, /`w1` is defined already/],
    'a group named as a witness is': [`${w}group w1 any w2\n`, 3, /defined already/],
    'a witness called none': [`witness none ${x1}\n`, 1, /`none` cannot be/],
    'none in a group': [`${w}group g any none\n`, 3, /`none` is not defined above/],
    'a member that comes later': [`${w}group g any w3\nwitness w3 ${x3}\n`, 3, /`w3` is not defined above/],
    'a group within itself': [`${w}group g any w1 g\n`, 3, /`g` is not defined above/],
    'a member twice in one group': [`${w}group g 2 w1 w1\n`, 3, /already a member of `g`/],
    'a member of two groups': [`${w}group g all w1 w2\ngroup h any w2\n`, 4, /already a member of `g`/],
    'a group without members': [`${w}group g any\n`, 3, /`group <name>/],
    'none of two': [`${w}group g 0 w1 w2\n`, 3, /a number from 1 to 2/],
    'three of two': [`${w}group g 3 w1 w2\n`, 3, /a number from 1 to 2/],
    'a threshold with a leading zero': [`${w}group g 02 w1 w2\n`, 3, /a number from 1 to 2/],
    'a quorum of nobody': [`${w}quorum w3\n`, 3, /not defined above/],
    'two quorums': [`${w}quorum w1\nquorum w2\n`, 4, /already/],
    'no quorum': [w, 0, /no `quorum` line/],
    'no final newline': [`${w}quorum w1`, 3, /does not end in a newline/],
    'a carriage return': [`${w}quorum w1\r\n`, 3, /U\+000D/],
    'a delete character': [`${w}#\x7f\nquorum w1\n`, 3, /U\+007F/],
    'too many bytes': ['#'.repeat(POLICY_BYTES_MAX) + '\n', 0, /at most/],
  } as const))
    test(`is refused for ${name}`, () => {
      assert.throws(() => parsePolicyFile(text), { name: 'PolicyFileError', line, message })
    })
  test('is refused for bytes that are not UTF-8; a byte order mark is a name like any other', () => {
    assert.throws(() => parsePolicyFile(Buffer.from([0x23, 0xff, 0x0a])), { name: 'PolicyFileError' })
    assert.throws(() => parsePolicyFile('\ufeffquorum none\n'), { line: 1 })
  })
  test('may have so many witnesses and no more', () => {
    const line = (_: unknown, index: number) =>
      `witness w${index} ${formatCosignatureKey(cosignatureSigner('w.example', newKey()))}\n`
    const full = Array.from({ length: POLICY_WITNESSES_MAX }, line)
    assert.equal(parsePolicyFile(`${full.join('')}quorum w0\n`).witnesses.length, POLICY_WITNESSES_MAX)
    assert.throws(() => parsePolicyFile(`${full.join('')}${line(0, full.length)}quorum w0\n`), {
      line: full.length + 1,
      message: /at most/,
    })
  })
})

describe('the cosignatures of a checkpoint', () => {
  const policy = parsePolicyFile(nested)
  const judge = (...names: string[]) => judgeQuorum(policy, new Set(names))
  test('are enough, or what is missing is said', () => {
    assert.deepEqual(judge('w1', 'w3', 'w5'), { kind: 'satisfied' })
    assert.deepEqual(judge('w1', 'w2', 'w3'), {
      kind: 'short',
      shortBy: 1,
      missing: ['w4', 'w5'],
      groups: [
        { group: 'both', threshold: 2, have: ['X'], lacking: ['Y'] },
        { group: 'Y', threshold: 1, have: [], lacking: ['w4', 'w5'] },
      ],
    })
    const nobody = judge()
    assert(nobody.kind === 'short' && nobody.shortBy === 3 && nobody.missing.length === 5)
    assert.deepEqual(judgeQuorum(parsePolicyFile('quorum none\n'), new Set()), { kind: 'satisfied' })
    const one = parsePolicyFile(`witness w ${x1}\nquorum w\n`)
    assert.deepEqual(judgeQuorum(one, new Set()), { kind: 'short', shortBy: 1, missing: ['w'], groups: [] })
  })

  const checkpoint = { origin: log.name, size: 300, rootHash: leafHash('root') }
  const note = signCheckpoint(checkpoint, log)
  const line = (index: number) =>
    cosignatureLine(checkpointText(checkpoint), witnesses[index] as (typeof witnesses)[0], 5)
  test('are read from the note itself', () => {
    const found = judgeCheckpoint(policy, note + line(0) + line(1) + line(3))
    assert.deepEqual(found.checkpoint, checkpoint)
    assert.deepEqual([...found.cosignatures.keys()], ['w1', 'w2', 'w4'])
    assert.equal(found.verdict.kind, 'satisfied')
    assert.equal(judgeCheckpoint(policy, note + line(0)).verdict.kind, 'short')
  })
  test('do not stand in for the signature of a log that the policy knows', () => {
    const rejected = { name: 'NoteError' }
    const other = noteSigner(log.name, newKey())
    const all = [0, 1, 2, 3, 4].map(line).join('')
    assert.throws(() => judgeCheckpoint(policy, signCheckpoint(checkpoint, other) + all), rejected)
    assert.throws(() => judgeCheckpoint(policy, `${checkpointText(checkpoint)}\n${all}`), rejected)
    const unknown = noteSigner('log.example/else', newKey())
    assert.throws(
      () => judgeCheckpoint(policy, signCheckpoint({ ...checkpoint, origin: unknown.name }, unknown)),
      /knows no log/,
    )
    assert.throws(() => judgeCheckpoint(policy, note + line(0).replace(/.{8}\n$/, 'AAAAAA==\n')), rejected)
  })
})

describe('what a quorum is worth', () => {
  test('k of n: the figures of the literature', () => {
    assert.deepEqual(thresholdSafety(2, 3), { liveWithDown: 1, safeWithMalicious: 0 })
    assert.deepEqual(thresholdSafety(3, 4), { liveWithDown: 1, safeWithMalicious: 1 })
    assert.deepEqual(thresholdSafety(1, 1), { liveWithDown: 0, safeWithMalicious: 0 })
    assert.deepEqual(thresholdSafety(1, 2), { liveWithDown: 1, safeWithMalicious: -1 })
    assert.deepEqual(thresholdSafety(5, 7), { liveWithDown: 2, safeWithMalicious: 2 })
    for (const [k, n] of [
      [0, 3],
      [4, 3],
      [1.5, 3],
    ] as const)
      assert.throws(() => thresholdSafety(k, n), { name: 'RangeError' })
  })
  test('nested groups: X 2 of 3 and one of Y is safe through X alone, and stops with both of Y', () => {
    assert.deepEqual(quorumSafety(parsePolicyFile(nested)), { liveWithDown: 1, safeWithMalicious: 0 })
    const counterparty = `witness c ${y1}\n${[x1, x2, x3].map((key, index) => `witness w${index} ${key}\n`).join('')}`
    const policy = parsePolicyFile(`${counterparty}group i 2 w0 w1 w2\ngroup q all c i\nquorum q\n`)
    assert.deepEqual(quorumSafety(policy), { liveWithDown: 0, safeWithMalicious: 1 })
    assert.deepEqual(quorumSafety(parsePolicyFile('quorum none\n')), { liveWithDown: Infinity, safeWithMalicious: -1 })
  })
})
