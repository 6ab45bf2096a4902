import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import fc from '../../../test/support/property.ts'
import { leafHash } from '../../model/merkle.ts'
import { BatchMaker } from '../../../test/support/batches.ts'
import { packCommit, unpackCommit } from './packed-commit.ts'

const packed = (lines: readonly (readonly [line: string, payload: string | null])[]) => {
  const records = lines.map(([line, payload]) => ({ line, payload, leaf: leafHash(line) }))
  const row = { first: 40, count: records.length, ...packCommit({ records }) }
  return { row, records: records.map((record, place) => ({ ...record, position: 40 + place })) }
}

describe('packed commit', () => {
  test('any lines and payloads come back byte for byte, all of them or some', () => {
    const text = fc.string({ unit: 'binary' })
    fc.assert(
      fc.property(
        fc.array(fc.tuple(text, fc.option(text)), { minLength: 1, maxLength: 5 }),
        fc.nat(4),
        (lines, from) => {
          const { row, records } = packed(lines)
          assert.deepEqual(unpackCommit(row), records)
          assert.deepEqual(unpackCommit(row, from, lines.length), records.slice(from))
        },
      ),
    )
  })

  test('lines of one commit are stored without what they share', () => {
    const events = Array.from({ length: 12 }, (_, place) => ({ stream: `order/${place}`, data: `{"place":${place}}` }))
    const [commit] = new BatchMaker().batch([{ events }]).commits
    assert(commit !== undefined)
    const row = { first: 0, count: 13, ...packCommit(commit) }
    assert.deepEqual(
      unpackCommit(row).map(({ line }) => line),
      commit.records.map(({ line }) => line),
    )
    const bytes = commit.records.reduce((sum, { line }) => sum + line.length, 0)
    assert(row.body.length < bytes / 1.3, `${row.body.length} of ${bytes}`)
  })

  test('a line that says another place, or shares nothing, is stored whole', () => {
    const line = (i: number, t: number, rest: string): string =>
      `{"v":1,"tx":{"i":${i},"n":3},"t":${t},"payload":{"hash":"${rest}"}`
    for (const lines of [
      [line(0, 1, 'a'), line(1, 1, 'b'), line(2, 1, 'c')],
      [line(0, 1, 'a'), line(2, 1, 'b'), line(1, 1, 'c')],
      [line(0, 1, 'a'), line(1, 2, 'b'), line(2, 1, '')],
      ['', line(1, 1, 'b')],
      [line(0, 1, 'a'), ''],
    ]) {
      const { row, records } = packed(lines.map((one) => [one, null]))
      assert.deepEqual(unpackCommit(row), records)
    }
  })
})
