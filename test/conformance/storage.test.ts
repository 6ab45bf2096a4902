/** The SQLite adapter under the suite of the port, and what only it can be asked. */
import assert from 'node:assert/strict'
import { existsSync, mkdtempSync, rmSync, statSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { describe, test } from 'node:test'
import { openSqliteReader } from '../../src/storage/sqlite/reader.ts'
import { openSqliteWriter } from '../../src/storage/sqlite/writer.ts'
import { BatchMaker } from '../support/batches.ts'
import { storageConformance, type OpenStorage } from './storage.ts'

const directory = (): string => mkdtempSync(join(tmpdir(), 'plinth-storage-'))

function openAt(dir: string): OpenStorage {
  const writer = openSqliteWriter(dir)
  const reader = openSqliteReader(dir)
  const closeBoth = (): void => {
    reader.close()
    writer.close()
  }
  return {
    writer,
    reader,
    async reopen() {
      closeBoth()
      return openAt(dir)
    },
    async close() {
      closeBoth()
      rmSync(dir, { recursive: true })
    },
  }
}
storageConformance('sqlite', async () => openAt(directory()))

describe('storage: sqlite alone', () => {
  test('S3: the log cannot be edited through any connection', () => {
    const dir = directory()
    const writer = openSqliteWriter(dir)
    writer.write(new BatchMaker().batch([{ events: [{ stream: 'a/1' }] }]))
    const other = new DatabaseSync(join(dir, 'data.db'))
    assert.throws(() => other.exec("UPDATE log SET body = ''"), /never edited/)
    assert.throws(() => other.exec('DELETE FROM log'), /never edited/)
    other.close()
    writer.close()
    rmSync(dir, { recursive: true })
  })

  test('a second writer is told that the directory is locked, until the first closes', () => {
    const dir = directory()
    const first = openSqliteWriter(dir)
    assert.throws(() => openSqliteWriter(dir), { code: 'data-directory-locked' })
    first.close()
    openSqliteWriter(dir).close()
    rmSync(dir, { recursive: true })
  })

  test('the data are readable by their owner alone', () => {
    const dir = directory()
    const writer = openSqliteWriter(join(dir, 'new'))
    assert.equal(statSync(join(dir, 'new')).mode & 0o777, 0o700)
    for (const file of ['data.db', 'data.db-wal'])
      if (existsSync(join(dir, 'new', file))) assert.equal(statSync(join(dir, 'new', file)).mode & 0o077, 0, file)
    writer.close()
    rmSync(dir, { recursive: true })
  })

  test('a reader opens a directory that nobody writes to, and cannot write', () => {
    const dir = directory()
    const writer = openSqliteWriter(dir)
    const batch = new BatchMaker().batch([{ events: [{ stream: 'a/1' }] }])
    writer.write(batch)
    writer.close()
    const reader = openSqliteReader(dir)
    assert.deepEqual(reader.head(), batch.head)
    reader.close()
    rmSync(dir, { recursive: true })
  })
})
