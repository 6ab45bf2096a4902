import assert from 'node:assert/strict'
import { createCipheriv, randomBytes } from 'node:crypto'
import { describe, test } from 'node:test'
import { eventContext } from './contexts.ts'
import { openDocument, sealDocument, WITHHELD, type Standing } from './documents.ts'
import { paddedBytes, seal, unseal, type SubjectKey } from './seal.ts'
import { sealedPartOf } from '../model/personal.ts'
import type { StreamId } from '../model/ids.ts'
import type { Json, JsonObject } from '../model/json.ts'

let number = 0
const key = (tenant = 't'): SubjectKey => ({
  kid: `k_${String.fromCharCode(97 + (number++ % 26)).repeat(26)}`,
  tenant,
  subject: 'user/1',
  secret: randomBytes(32),
})
const VALUES: Json[] = ['Ann', { street: 'Elm', no: 3 }, [1, null, 'ü'], true]

describe('sealing', () => {
  test('opens to what was sealed, under all of the keys and no fewer', () => {
    for (const keys of [[key()], [key(), key(), key()]]) {
      const sealed = seal(VALUES, keys, 'here')
      assert.deepEqual(unseal(sealed, keys, 'here'), VALUES)
      assert.deepEqual(unseal(sealed, [...keys].reverse(), 'here'), VALUES)
      assert.equal(unseal(sealed, keys.slice(1).concat(key()), 'here'), null)
      assert.equal(unseal(sealed, [...keys, key()], 'here'), null)
    }
  })

  test('opens nowhere else: another tenant, stream, version or type is another context', () => {
    const one = key()
    const stream = 'user/1' as StreamId
    const context = eventContext('log', 'a', stream, 1, 'named')
    const sealed = seal(VALUES, [one], context)
    for (const other of [
      eventContext('log', 'b', stream, 1, 'named'),
      eventContext('log2', 'a', stream, 1, 'named'),
      eventContext('log', 'a', 'user/2' as StreamId, 1, 'named'),
      eventContext('log', 'a', stream, 2, 'named'),
      eventContext('log', 'a', stream, 1, 'renamed'),
    ])
      assert.equal(unseal(sealed, [one], other), null)
    assert.notEqual(unseal(sealed, [one], context), null)
  })

  test('any byte of it changed, and it does not open', () => {
    const one = key()
    const sealed = seal(VALUES, [one], 'here')
    for (const member of ['iv', 'ct', 'key', 'pt'] as const)
      for (let at = 0; at < sealed[member].length; at += 7) {
        const letter = sealed[member][at] === 'a' ? 'b' : 'a'
        const changed = `${sealed[member].slice(0, at)}${letter}${sealed[member].slice(at + 1)}`
        if (Buffer.from(changed, 'base64').equals(Buffer.from(sealed[member], 'base64'))) continue
        assert.equal(unseal({ ...sealed, [member]: changed }, [one], 'here'), null, `${member} at ${at}`)
      }
  })

  test('commits to its key: a ciphertext that opens under another key is turned down all the same', () => {
    // AES-GCM alone would take it: the tag is made for the second key. The stored commitment is what gives it away.
    const [one, other] = [key(), key()]
    const sealed = seal(['one'], [one], 'here')
    const again = seal(['other'], [other], 'here')
    assert.deepEqual(unseal(again, [other], 'here'), ['other'])
    assert.equal(unseal({ ...again, key: sealed.key }, [other], 'here'), null)
    assert.equal(unseal({ ...sealed, ct: again.ct, iv: again.iv }, [one], 'here'), null)
    const cipher = createCipheriv('aes-256-gcm', randomBytes(32), Buffer.from(sealed.iv, 'base64'))
    const forged = Buffer.concat([cipher.update(Buffer.alloc(64, ' ')), cipher.final(), cipher.getAuthTag()])
    assert.equal(unseal({ ...sealed, ct: forged.toString('base64') }, [one], 'here'), null)
  })

  test('the same values in the same place give the same bytes; lengths and texts do not show', () => {
    const one = key()
    assert.deepEqual(seal(VALUES, [one], 'here'), seal(VALUES, [one], 'here'))
    assert.notEqual(seal(VALUES, [one], 'here').ct, seal(VALUES, [one], 'there').ct)
    assert.notEqual(seal(['Ann'], [one], 'here').pt, seal(['Ann'], [key()], 'here').pt)
    assert.equal(
      seal(['Ann'], [one], 'here').ct.length,
      seal(['a much longer name than that'], [one], 'here').ct.length,
    )
    let last = 0
    for (let bytes = 0; bytes < 5_000; bytes++) {
      const padded = paddedBytes(bytes)
      assert(padded >= bytes && padded >= last && padded <= Math.max(64, bytes * 1.5))
      last = padded
    }
  })
})

describe('sealed documents', () => {
  const one = key()
  const document: JsonObject = { name: 'Ann', age: 7, inner: { a: 'x', b: 'y' }, 'odd/~name': 'z' }
  const places = [
    { path: ['name'], standIn: '[erased]' },
    { path: ['inner', 'b'], standIn: WITHHELD },
    { path: ['odd/~name'], standIn: null },
    { path: ['not', 'there'], standIn: 1 },
  ]
  const text = JSON.stringify(sealDocument(document, places, [one], 'here'))
  const opened = (standing: Standing, from = text) => openDocument(from, () => standing, 'here')

  test('open to the same text; erased, they say by which record; missing is neither', () => {
    assert.deepEqual(opened({ kind: 'live', key: one }), { kind: 'opened', text: JSON.stringify(document) })
    assert.deepEqual(opened({ kind: 'erased', position: 9 }), {
      kind: 'erased',
      text: JSON.stringify({ name: '[erased]', age: 7, inner: { a: 'x', b: { erased: 9 } }, 'odd/~name': null }),
      position: 9,
    })
    assert.deepEqual(opened({ kind: 'missing' }), { kind: 'missing', kids: [one.kid] })
    assert.deepEqual(opened({ kind: 'live', key: key() }), { kind: 'tampered' })
    assert.doesNotMatch(text, /Ann|"y"/)
  })

  test('what only looks sealed is plain', () => {
    assert.deepEqual(opened({ kind: 'missing' }, '{"a":1}'), { kind: 'plain' })
    for (const forged of ['{"$sealed":{}}', '{"$sealed":{"v":1,"kids":["x"]}}', '{"a":{"$sealed":{"v":1}}}'])
      assert.deepEqual(opened({ kind: 'missing' }, forged), { kind: 'plain' })
    assert.equal(sealedPartOf(JSON.parse(text))?.at.join(' '), '/name /inner/b /odd~1~0name')
  })
})
