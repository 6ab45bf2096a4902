import assert from 'node:assert/strict'
import { hash } from 'node:crypto'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { test } from 'node:test'
import type { OperationId } from '../../model/ids.ts'
import { BatchMaker } from '../../../test/support/batches.ts'
import { dataDirectory } from '../../../test/support/commits.ts'
import { openSqliteWriter } from './writer.ts'

test('ids whose keys collide are told apart, found again and moved on', () => {
  using dir = dataDirectory()
  const maker = new BatchMaker()
  const writer = openSqliteWriter(dir.path)
  writer.write(maker.batch([{ operation: 'op_other' }]))
  // Nobody finds two ids with equal keys by trying, so the entry of one is put where another belongs.
  const key = Number.parseInt(hash('sha256', 'op_mine', 'hex').slice(0, 13), 16)
  const database = new DatabaseSync(join(dir.path, 'data.db'))
  database.exec(`UPDATE operation SET key = ${key}`)
  database.close()
  const find = (operation: string) => writer.reader.operation(operation as OperationId)?.position
  assert.equal(find('op_mine'), undefined)
  writer.write(maker.batch([{ operation: 'op_mine' }]))
  assert.equal(find('op_mine'), 1)
  writer.write(maker.batch([{ operation: 'op_mine' }]))
  assert.equal(find('op_mine'), 2)
  writer.close()
})
