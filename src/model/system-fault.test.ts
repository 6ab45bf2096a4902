import assert from 'node:assert/strict'
import { mkdtempSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { after, test } from 'node:test'
import { storageFault, systemFault } from './system-fault.ts'

const folder = mkdtempSync(join(tmpdir(), 'plinth-fault-'))
after(() => rmSync(folder, { recursive: true, force: true }))
const file = join(folder, 'file')
writeFileSync(file, '')

for (const [name, work, said] of [
  ['a folder where a file is', () => mkdirSync(file), /file`: something else is there \(EEXIST\)/],
  ['a folder below a file', () => mkdirSync(join(file, 'sub')), /a file is where a folder has to be \(ENOTDIR\)/],
  ['a file that is not there', () => readFileSync(join(folder, 'none')), /none`: it is not there \(ENOENT\)/],
  ['a folder that is read', () => readFileSync(folder), /(a folder is where a file has to be|EISDIR)/],
  ['a database without a folder', () => new DatabaseSync(join(folder, 'no', 'data.db')), /cannot be opened/],
] as const)
  test(`${name} is no bug`, () => {
    const error = thrownBy(work)
    const fault = systemFault(error)
    if (name === 'a folder that is read' && fault === null) return // Node names no path of a descriptor
    assert.equal(fault?.code, 'files-unusable')
    assert.match(fault.detail, said)
    assert.equal(fault.cause, error)
  })

test('a database that has no room says so, without its path', () => {
  const database = new DatabaseSync(join(folder, 'full.db'))
  database.exec('CREATE TABLE one(text); PRAGMA max_page_count=2')
  const error = thrownBy(() => database.prepare('INSERT INTO one VALUES (?)').run('x'.repeat(100_000)))
  database.close()
  assert.equal(storageFault(error), 'there is no space left for the database')
  assert.equal(systemFault(error)?.detail, storageFault(error))
  for (const other of [new Error('x'), thrownBy(() => readFileSync(join(folder, 'none')))])
    assert.equal(storageFault(other), null)
})

test('what is not about files stays what it is', () => {
  for (const error of [
    new Error('x'),
    Object.assign(new Error('connect ENOENT /run/x'), { code: 'ENOENT' }),
    Object.assign(new Error('spawn nope ENOENT'), { code: 'ENOENT', path: 'nope' }),
    Object.assign(new Error('constraint'), { code: 'ERR_SQLITE_ERROR', errcode: 19 }),
    'text',
    null,
  ])
    assert.equal(systemFault(error), null)
})

function thrownBy(work: () => unknown): unknown {
  try {
    work()
  } catch (error) {
    return error
  }
  assert.fail('it did not throw')
}
