/**
 * Cosignatures against vectors: our own, made by another program from the text of the specification, and those of the peers, which live
 * beside the repository (`PLINTH_TRUST_VECTORS`, default `../shared/data/trust-vectors`) and are skipped loudly where they are not.
 */
import assert from 'node:assert/strict'
import { createPrivateKey } from 'node:crypto'
import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { noteSigner, signNote } from '../../src/model/signed-note.ts'
import {
  cosignatureLine,
  cosignatureSigner,
  formatCosignatureKey,
  parseCosignatureKey,
  verifyCosignatures,
} from '../../src/transparency-log/cosignature.ts'

interface OwnVector {
  readonly name: string
  /** Private key of RFC 8032, 32 bytes of hex. */
  readonly seed: string
  readonly vkey: string
  readonly text: string
  readonly time: number
  readonly line: string
}
const own = JSON.parse(readFileSync(new URL('cosignature.json', import.meta.url), 'utf8')) as OwnVector[]

for (const { name, seed, vkey, text, time, line } of own)
  test(`own vector: ${name}`, () => {
    const der = Buffer.concat([Buffer.from('302e020100300506032b657004220420', 'hex'), Buffer.from(seed, 'hex')])
    const privateKey = createPrivateKey({ key: der, format: 'der', type: 'pkcs8' })
    const signer = cosignatureSigner(name, privateKey)
    assert.equal(formatCosignatureKey(signer), vkey)
    assert.equal(cosignatureLine(text, signer, time), line)
    const note = signNote(text, [noteSigner('log.example', privateKey)]) + line
    assert.deepEqual(
      verifyCosignatures(note, [parseCosignatureKey(vkey)]).map((one) => [one.timeSeconds, one.line]),
      [[time, line]],
    )
  })

const folder = process.env['PLINTH_TRUST_VECTORS'] ?? join(import.meta.dirname, '../../../shared/data/trust-vectors')
const peers = (name: string, body: () => void): void => {
  const path = join(folder, name)
  test(`vectors of peers: ${name}`, { skip: existsSync(path) ? false : `NOT CHECKED: ${path} is not there` }, body)
}
const text = (...path: string[]): string => readFileSync(join(folder, ...path), 'utf8')

peers('cosignature-sunlight', () => {
  for (const [checkpoint, keys] of [
    ['checkpoint', 'witness.v0.json'],
    ['mirror-checkpoint', 'mirror.v0.json'],
  ] as const) {
    const { verifier_keys: vkeys } = JSON.parse(text('cosignature-sunlight', keys)) as { verifier_keys: string[] }
    const note = text('cosignature-sunlight', checkpoint)
    const verifiers = vkeys.map(parseCosignatureKey)
    // The log's own signature there is of a type that is not ours, and is passed over.
    assert.deepEqual(
      verifyCosignatures(note, verifiers).map(({ timeSeconds }) => timeSeconds),
      [0x69546780],
    )
    assert.throws(() => verifyCosignatures(note.replace('\n300\n', '\n301\n'), verifiers), { name: 'NoteError' })
  }
})

peers('sample-log', () => {
  const verifiers = text('sample-log', 'policy')
    .split('\n')
    .filter((line) => line.startsWith('witness '))
    .map((line) => parseCosignatureKey(line.split(' ')[2] ?? ''))
  assert.equal(verifyCosignatures(text('sample-log', 'checkpoint'), verifiers).length, 2)
})
