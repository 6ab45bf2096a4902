import assert from 'node:assert/strict'
import { generateKeyPairSync } from 'node:crypto'
import { describe, test } from 'node:test'
import type { Hash } from './ids.ts'
import { epochText, followKeys, keyDigest, keyFor, nextEpochOrigin, rotationText } from './log-keys.ts'
import { formatVerifierKey, noteSigner, signNote, type NoteSigner } from './signed-note.ts'

const NAME = 'log.example/keys'
const fresh = (name = NAME): NoteSigner => noteSigner(name, generateKeyPairSync('ed25519').privateKey)
const [one, two, three] = [fresh(), fresh(), fresh()]
const digest = (key: NoteSigner): Hash => keyDigest(formatVerifierKey(key))
const opened = (key: NoteSigner, next: NoteSigner) => ({
  ...{ position: 0, type: 'opened' },
  data: JSON.stringify({ vkey: formatVerifierKey(key), next: digest(next) }),
})
const rotated = (
  position: number,
  key: NoteSigner,
  next: NoteSigner,
  signers: readonly NoteSigner[],
  over: object = {},
) => {
  const vkey = formatVerifierKey(key)
  const statement = signNote(rotationText(vkey, digest(next)), signers)
  return { position, type: 'rotated', data: JSON.stringify({ vkey, next: digest(next), statement, ...over }) }
}
const right = [opened(one, two), rotated(7, two, three, [one, two]), rotated(20, three, one, [two, three])]

describe('keys of a log', () => {
  test('each checkpoint belongs to the key of its size', () => {
    const spans = followKeys(right)
    assert.deepEqual(
      [0, 1, 7, 8, 20, 21, 1_000].map((size) => keyFor(spans, size)?.keyHash),
      [one, one, one, two, two, three, three].map(({ keyHash }) => keyHash),
    )
    assert.equal(keyFor([], 5), null)
  })

  test('a key that was not committed to beforehand is refused, whoever signs for it', () => {
    const stranger = fresh()
    assert.throws(() => followKeys([right[0]!, rotated(7, stranger, three, [one, stranger])]), /not committed to/)
    assert.throws(() => followKeys([right[0]!, rotated(7, three, two, [one, two, three])]), /not committed to/)
    assert.throws(() => followKeys([...right.slice(0, 2), rotated(20, two, one, [two])]), /not committed to/)
  })

  test('a rotation that the key before, or the new one, has not signed is refused', () => {
    for (const signers of [[one], [two], [three]])
      assert.throws(() => followKeys([right[0]!, rotated(7, two, three, signers)]), /at 7/)
    const other = signNote(rotationText(formatVerifierKey(two), digest(one)), [one, two])
    assert.throws(
      () => followKeys([right[0]!, rotated(7, two, three, [one, two], { statement: other })]),
      /something else/,
    )
    assert.throws(
      () => followKeys([right[0]!, rotated(7, two, three, [one, two], { statement: null })]),
      /no statement/,
    )
    assert.throws(
      () => followKeys([right[0]!, rotated(7, two, three, [one, two], { next: digest(one) })]),
      /something else/,
    )
  })

  test('a log has one first key, and its keys have its name', () => {
    assert.throws(() => followKeys(right.slice(1)), /never named/)
    assert.throws(() => followKeys([right[0]!, right[0]!]), /named twice/)
    const elsewhere = noteSigner('log.example/else', two.privateKey)
    assert.throws(() => followKeys([right[0]!, rotated(7, elsewhere, three, [one, elsewhere])]), /not of/)
    for (const data of [
      '',
      'null',
      '{}',
      '{"vkey":"x","next":"y"}',
      JSON.stringify({ vkey: formatVerifierKey(one), next: 'f' }),
    ])
      assert.throws(() => followKeys([{ position: 0, type: 'opened', data }]), { name: 'NoteError' }, data)
  })

  test('an epoch goes on under the next name, with the committed key, and says what it follows', () => {
    const next = noteSigner(`${NAME}/2`, two.privateKey)
    const tree = (size: number, origin = NAME) => ({ origin, size, rootHash: '0'.repeat(64) as Hash })
    const epoch = { previous: tree(9), kept: { size: 7, rootHash: 'f'.repeat(64) as Hash }, reason: 'restored' }
    const record = (key: NoteSigner, over: object = {}, signers = [one, key]) => {
      const vkey = formatVerifierKey(key)
      const statement = signNote(epochText(vkey, digest(three), epoch), signers)
      return {
        position: 7,
        type: 'epoch',
        data: JSON.stringify({ vkey, next: digest(three), statement, ...epoch, ...over }),
      }
    }
    assert.deepEqual(
      followKeys([right[0]!, record(next)]).map(({ key }) => key.name),
      [NAME, `${NAME}/2`],
    )
    const wrong = [record(two), record(fresh(`${NAME}/2`)), record(noteSigner(`${NAME}/3`, two.privateKey))]
    const changed = [
      { reason: 'nothing' },
      { kept: { ...epoch.kept, size: 6 } },
      { previous: tree(8) },
      { previous: tree(9, 'x') },
      { kept: null },
    ]
    for (const bad of [
      ...wrong,
      ...changed.map((over) => record(next, over)),
      record(next, {}, [one]),
      record(next, {}, [next]),
    ])
      assert.throws(() => followKeys([right[0]!, bad]), { name: 'NoteError' }, bad.data)
    assert.deepEqual(['a', 'a/2', 'a/9', 'a/b', 'a/1'].map(nextEpochOrigin), ['a/2', 'a/3', 'a/10', 'a/b/2', 'a/1/2'])
  })

  test('the digest is that of the key itself, whatever its name', () => {
    assert.equal(digest(one), keyDigest(formatVerifierKey(noteSigner('another', one.privateKey))))
    assert.notEqual(digest(one), digest(two))
  })
})
