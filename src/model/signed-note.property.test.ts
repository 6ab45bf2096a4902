import assert from 'node:assert/strict'
import { generateKeyPairSync } from 'node:crypto'
import { describe, test } from 'node:test'
import fc from '../../test/support/property.ts'
import {
  formatVerifierKey,
  NOTE_BYTES_MAX,
  noteSigner,
  noteVerifier,
  parseNote,
  parseVerifierKey,
  signNote,
  verifyNote,
} from './signed-note.ts'

const key = () => generateKeyPairSync('ed25519').privateKey
const [one, two] = [noteSigner('one.example/key', key()), noteSigner('two', key())]
const rejected = { name: 'NoteError' }
const line = fc.string({ unit: 'binary', maxLength: 20 }).map((text) => text.replace(/[\0-\x1f]/g, '') || 'x')
const text = fc.array(line, { minLength: 1, maxLength: 4 }).map((lines) => `${lines.join('\n')}\n`)

describe('signed notes', () => {
  test('what is signed verifies for each signer, and comes back as it was', () => {
    fc.assert(
      fc.property(text, (signed) => {
        const note = signNote(signed, [one, two])
        assert.deepEqual(verifyNote(note, [two, one]), { text: signed, signedBy: [one, two] })
        assert.deepEqual(
          verifyNote(note, [two]).signedBy.map(({ name }) => name),
          ['two'],
        )
      }),
      { numRuns: 50 },
    )
  })

  test('a note with any one character changed does not verify', () => {
    fc.assert(
      fc.property(text, fc.nat(), fc.string({ minLength: 1, maxLength: 1 }), (signed, place, other) => {
        const note = signNote(signed, [one])
        const at = place % note.length
        const changed = note.slice(0, at) + other + note.slice(at + 1)
        if (changed !== note) assert.throws(() => verifyNote(changed, [one]), rejected)
      }),
      { numRuns: 100 },
    )
  })

  test('any text at all is read or refused, nothing else', () => {
    fc.assert(
      fc.property(fc.oneof(fc.string({ unit: 'binary' }), text), (anything) => {
        try {
          parseNote(anything)
        } catch (error) {
          assert((error as Error).name === 'NoteError')
        }
      }),
    )
    assert.throws(() => parseNote(`${'x'.repeat(NOTE_BYTES_MAX)}\n\n— a aaaaaaaa\n`), rejected)
  })

  test('verifier keys print back to the same text, and belong to one name', () => {
    const printed = formatVerifierKey(one)
    assert.equal(formatVerifierKey(parseVerifierKey(printed)), printed)
    for (const other of [
      `${printed} `,
      ` ${printed}`,
      `${printed}=`,
      printed.replace('one', 'two'),
      printed.replace('+', ' '),
      '',
    ])
      assert.throws(() => parseVerifierKey(other), rejected)
  })

  test('a key of another type and a name that no note can carry are refused', () => {
    const { publicKey } = generateKeyPairSync('x25519')
    assert.throws(() => noteVerifier('name', publicKey), rejected)
    for (const name of ['', 'a b', 'a+b', 'a\nb', 'a\u00a0b', '\ud800'])
      assert.throws(() => noteSigner(name, key()), rejected)
  })
})
