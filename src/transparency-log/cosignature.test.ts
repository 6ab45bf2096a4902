/** Cosignatures: what a witness signs verifies, and nothing else does. Vectors of peers and our own are in test/vectors. */
import assert from 'node:assert/strict'
import { generateKeyPairSync } from 'node:crypto'
import { describe, test } from 'node:test'
import { leafHash } from '../model/merkle.ts'
import { formatVerifierKey, noteSigner, noteVerifier } from '../model/signed-note.ts'
import { openAnyCheckpoint, parseAnyCheckpoint } from './cosignature-checkpoint.ts'
import {
  cosignatureLine,
  cosignatureSigner,
  cosignatureVerifier,
  formatCosignatureKey,
  parseCosignatureKey,
  verifyCosignatures,
} from './cosignature.ts'
import { checkpointText, signCheckpoint } from './checkpoint.ts'

const newKey = () => generateKeyPairSync('ed25519').privateKey
const log = noteSigner('log.example/orders', newKey())
const one = cosignatureSigner('witness.example/one', newKey())
const two = cosignatureSigner('witness.example/two', newKey())
const checkpoint = { origin: log.name, size: 300, rootHash: leafHash('root') }
const text = checkpointText(checkpoint)
const note = signCheckpoint(checkpoint, log)
const rejected = { name: 'NoteError' }

describe('cosignatures', () => {
  test('verify behind the note that they were made for, with their time', () => {
    const lines = cosignatureLine(text, one, 1_679_315_147) + cosignatureLine(text, two, 1)
    const found = verifyCosignatures(note + lines, [one, two])
    assert.deepEqual(
      found.map(({ verifier, timeSeconds }) => [verifier.name, timeSeconds]),
      [
        [one.name, 1_679_315_147],
        [two.name, 1],
      ],
    )
    assert.equal(found.map(({ line }) => line).join(''), lines)
  })
  test('of unknown keys are passed over, and of one key only the first counts', () => {
    const line = cosignatureLine(text, one, 5)
    assert.deepEqual(verifyCosignatures(note + line, [two]), [])
    assert.equal(verifyCosignatures(note + line + cosignatureLine(text, one, 6), [one]).length, 1)
    const namesake = cosignatureSigner(one.name, newKey())
    assert.deepEqual(verifyCosignatures(note + line, [namesake]), [])
  })
  test('for another text, or with one byte changed anywhere, spoil the note', () => {
    const other = checkpointText({ ...checkpoint, size: 301 })
    assert.throws(() => verifyCosignatures(note + cosignatureLine(other, one, 5), [one]), rejected)
    const [start, name, encoded = ''] = cosignatureLine(text, one, 5).trimEnd().split(' ')
    const blob = Buffer.from(encoded, 'base64')
    assert.equal(blob.length, 4 + 8 + 64)
    for (let place = 4; place < blob.length; place++) {
      const changed = Buffer.from(blob)
      changed[place] = (changed[place] as number) ^ 1
      const line = `${start} ${name} ${changed.toString('base64')}\n`
      assert.throws(() => verifyCosignatures(note + line, [one]), rejected, `byte ${place}`)
    }
    for (const short of [blob.subarray(0, 75), Buffer.concat([blob, Buffer.alloc(1)])])
      assert.throws(() => verifyCosignatures(`${note}${start} ${name} ${short.toString('base64')}\n`, [one]), rejected)
  })
  test('a time that is none is not signed', () => {
    for (const time of [-1, 0.5, Number.NaN, 2 ** 53])
      assert.throws(() => cosignatureLine(text, one, time), { name: 'RangeError' })
  })
})

describe('witness keys', () => {
  test('print and read back', () => {
    const vkey = formatCosignatureKey(one)
    assert.equal(formatCosignatureKey(parseCosignatureKey(vkey)), vkey)
  })
  test('a key of another type, another hash, or another form is refused', () => {
    const vkey = formatCosignatureKey(one)
    assert.throws(() => parseCosignatureKey(formatVerifierKey(log)), rejected)
    assert.throws(() => parseCosignatureKey(vkey.replace(/\+[0-9a-f]{8}\+/, '+00000000+')), rejected)
    assert.throws(() => parseCosignatureKey(`x${vkey}`), rejected)
    assert.throws(() => parseCosignatureKey(`${vkey}=`), rejected)
    assert.throws(() => cosignatureVerifier('a name', log.publicKey), rejected)
  })
  test('a key of small order is refused', () => {
    for (const point of ['00'.repeat(32), `01${'00'.repeat(31)}`, `${'00'.repeat(31)}80`]) {
      const typed = Buffer.concat([Buffer.from([4]), Buffer.from(point, 'hex')]).toString('base64')
      assert.throws(() => parseCosignatureKey(`w+00000000+${typed}`), { ...rejected, message: /small order/ })
    }
  })
})

describe('checkpoints of any log', () => {
  test('may have extension lines, and a key that is not named as the log is', () => {
    assert.deepEqual(parseAnyCheckpoint(`${text}one\ntwo\n`), checkpoint)
    const renamed = noteSigner('key.example', log.privateKey)
    const opened = openAnyCheckpoint(signCheckpoint(checkpoint, renamed), { origin: log.name, keys: [renamed] })
    assert.deepEqual(opened, { ...checkpoint, text })
  })
  test('of another origin, or with an empty extension line, are refused', () => {
    const verifier = noteVerifier(log.name, log.publicKey)
    assert.throws(() => openAnyCheckpoint(note, { origin: 'log.example/else', keys: [verifier] }), rejected)
    for (const bad of [`${text}\n`, `${text}a\n\nb\n`, text.trimEnd(), `${text}a`])
      assert.throws(() => parseAnyCheckpoint(bad), rejected)
  })
})
