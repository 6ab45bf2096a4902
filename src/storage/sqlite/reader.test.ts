/** What a reader says of a log that somebody has cut a piece out of. */
import assert from 'node:assert/strict'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { test } from 'node:test'
import { BatchMaker } from '../../../test/support/batches.ts'
import { openSqliteAuditReader, openSqliteReader } from './reader.ts'
import { openSqliteWriter } from './writer.ts'

test('the position of a time is found, and a gap in the way is damage: it is not looked for without end', (context) => {
  const dir = mkdtempSync(join(tmpdir(), 'plinth-reader-'))
  context.after(() => rmSync(dir, { recursive: true }))
  const writer = openSqliteWriter(dir)
  const maker = new BatchMaker()
  for (let i = 1; i <= 20; i++) {
    maker.recordedAtMs = i * 1_000
    writer.write(maker.batch([{ events: [{ stream: 'a/1' }] }])) // two records each
  }
  writer.close()
  const whole = openSqliteReader(dir)
  for (let i = 1; i <= 20; i++) assert.equal(whole.positionAt(i * 1_000 + 500), 2 * i - 1)
  assert.equal(whole.positionAt(0), -1)
  whole.close()
  const database = new DatabaseSync(join(dir, 'data.db'))
  database.exec('DROP TRIGGER log_kept; DELETE FROM log WHERE first BETWEEN 16 AND 22')
  database.close()
  const reader = openSqliteReader(dir)
  assert.throws(() => reader.positionAt(10_500), { code: 'storage-damaged' })
  reader.close()
  const lenient = openSqliteAuditReader(dir)
  assert.equal(lenient.positionAt(10_500), 15)
  lenient.close()
})
