/** Everything that real systems keep has an answer in the table, and the table names nothing that is not kept. */
import assert from 'node:assert/strict'
import { readdirSync, statSync } from 'node:fs'
import { join, relative } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { test } from 'node:test'
import { openVault } from '../../test/support/vault-system.ts'
import { everythingOfABank, everythingOfAClinic } from '../../test/vectors/mutation/everything.ts'
import { FILES, LOCKS, STORES } from './answers.ts'

/** Kept only where somebody has set it up or something has happened; the tests of those make them. */
const NOT_HERE = [
  'anchors.json',
  'anchors/*.checkpoint',
  'anchors/*.tsr',
  'authority/lease',
  'evidence/*.json',
  'runtime.json',
]

test('every table, column and file that is kept has an answer', async (context) => {
  const bank = await everythingOfABank(context)
  const clinic = await everythingOfAClinic(context)
  const { vault, folder } = await openVault(context)
  await vault.do('put', { box: 'a' }, { acknowledge: 'witnessed' })
  await vault.close()
  const unanswered: string[] = []
  const seen = new Set<string>()
  const look = (dir: string, prefix: string): void => {
    for (const path of filesIn(dir)) {
      const name = `${prefix}${relative(dir, path)}`.replace(/-(wal|shm|journal)$/, '')
      if (STORES[name] !== undefined) for (const column of columnsOf(path)) answered(`${name} ${column}`)
      else if (LOCKS.includes(name)) {
        seen.add(name)
        if (statSync(path).size > 0 && !path.endsWith('-journal'))
          unanswered.push(...columnsOf(path).map((column) => `${name} ${column}`))
      } else answered(Object.keys(FILES).find((pattern) => matches(pattern, name)) ?? name)
    }
  }
  const known = knownColumns()
  function answered(what: string): void {
    seen.add(what)
    if (!known.has(what) && FILES[what] === undefined) unanswered.push(what)
  }
  look(bank.dir, '')
  look(clinic.dir, '')
  look(vault.dir, '')
  look(join(folder, 'one'), 'WITNESS/')
  assert.deepEqual(unanswered, [])
  const kept = [...known, ...LOCKS, ...Object.keys(FILES)].filter((name) => !NOT_HERE.includes(name))
  assert.deepEqual(
    kept.filter((name) => !seen.has(name)),
    [],
  )
})

function knownColumns(): ReadonlySet<string> {
  const known = new Set<string>()
  for (const [file, tables] of Object.entries(STORES))
    for (const [table, { columns }] of Object.entries(tables))
      for (const name of Object.keys(columns).flatMap((names) => names.split(', ')))
        known.add(`${file} ${table}.${name}`)
  return known
}

/** `table.column` of every table; numbers of read models and their columns are `N`. */
function columnsOf(path: string): string[] {
  if (/-(wal|shm|journal)$/.test(path)) return []
  const database = new DatabaseSync(path, { readOnly: true })
  try {
    const tables = database.prepare("SELECT name FROM sqlite_master WHERE type = 'table'").all()
    return tables.flatMap(({ name }) =>
      database
        .prepare(`PRAGMA table_info(${String(name)})`)
        .all()
        .map(
          (column) =>
            `${String(name).replace(/^(rows|past)_\d+$/, '$1_N')}.${String(column['name']).replace(/^c\d+$/, 'cN')}`,
        ),
    )
  } finally {
    database.close()
  }
}

const filesIn = (dir: string): string[] =>
  readdirSync(dir, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name))
const matches = (pattern: string, name: string): boolean =>
  new RegExp(`^${pattern.replaceAll('.', '\\.').replaceAll('*', '[^/]+')}$`).test(name)
