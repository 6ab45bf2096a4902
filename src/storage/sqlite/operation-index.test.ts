import assert from 'node:assert/strict'
import { hash } from 'node:crypto'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { describe, test } from 'node:test'
import type { OperationId } from '../../model/ids.ts'
import { BatchMaker } from '../../../test/support/batches.ts'
import { dataDirectory } from '../../../test/support/commits.ts'
import { openSqliteWriter } from './writer.ts'

describe('operation index', () => {
  test('every operation is found at its latest record, however far its entry has moved', () => {
    using dir = dataDirectory()
    const maker = new BatchMaker()
    let writer = openSqliteWriter(dir.path, { synchronous: 'OFF' })
    const latest = new Map<string, number>()
    for (let batch = 0; batch < 130; batch++) {
      if (batch % 50 === 25) {
        writer.close()
        writer = openSqliteWriter(dir.path, { synchronous: 'OFF' })
      }
      // Every third operation is one that has a record already.
      const plans = Array.from({ length: 100 }, (_, place) => {
        const number = batch * 100 + place
        return { operation: `op_${number % 3 === 0 ? Math.floor(number / 7) : number}` }
      })
      writer.write(maker.batch(plans))
      for (const [place, { operation }] of plans.entries()) latest.set(operation, batch * 100 + place)
    }
    for (const [operation, position] of latest)
      assert.equal(writer.reader.operation(operation as OperationId)?.position, position, operation)
    assert.equal(writer.reader.operation('op_none' as OperationId), null)
    writer.close()
    const database = new DatabaseSync(join(dir.path, 'data.db'))
    for (const table of ['operation_new', 'operation_middle', 'operation_old'])
      assert.notEqual(
        database.prepare(`SELECT count(*) AS count FROM ${table}`).get()?.['count'],
        0,
        `${table} is used`,
      )
    database.close()
  })

  test('ids whose keys collide are told apart; an entry that leads to an operation of another key is damage', () => {
    using dir = dataDirectory()
    const writer = openSqliteWriter(dir.path)
    writer.write(
      new BatchMaker().batch([{ operation: 'op_other' }, { operation: 'op_mine' }, { operation: 'op_third' }]),
    )
    // Nobody finds ids with equal keys by trying, so all entries are given the key of one.
    const key = Number.parseInt(hash('sha256', 'op_mine', 'hex').slice(0, 13), 16)
    const database = new DatabaseSync(join(dir.path, 'data.db'))
    database.exec(`UPDATE operation_new SET key = ${key}`)
    database.close()
    const audit = writer.reader.forAudit()
    assert.equal(audit.operation('op_mine' as OperationId)?.position, 1)
    assert.equal(audit.operation('op_third' as OperationId), null)
    assert.throws(() => writer.reader.operation('op_mine' as OperationId), { code: 'storage-damaged' })
    writer.close()
  })
})
