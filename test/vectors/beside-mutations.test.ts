/**
 * What is kept beside the log's database, changed: the signer's directory, a witness's, the authority folder, releases, the warden's store, the tree over
 * stream heads. Whoever opens it says so, or it does what it did before. What is neither is listed here with its reason.
 */
import assert from 'node:assert/strict'
import { cpSync, existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { basename, dirname, join } from 'node:path'
import { DatabaseSync, type SQLInputValue } from 'node:sqlite'
import { before, test, type TestContext } from 'node:test'
import { HeadsFollower } from '../../src/engine/heads/follow.ts'
import { systemClock } from '../../src/host/clock.ts'
import type { Hash, ReleaseId } from '../../src/model/ids.ts'
import { Problem } from '../../src/model/problems.ts'
import { readRelease } from '../../src/releases/release-files.ts'
import { openHeadsFile } from '../../src/storage/sqlite/heads-file.ts'
import { openSqliteReader } from '../../src/storage/sqlite/reader.ts'
import { openSigner } from '../../src/transparency-log/signer/open-signer.ts'
import { WitnessFault } from '../../src/transparency-log/witness/fault.ts'
import { openWitness } from '../../src/transparency-log/witness/open-witness.ts'
import { openAuthoritySource } from '../../src/warden/source.ts'
import { openWarden } from '../../src/warden/warden.ts'
import { openVault, type WitnessedVault } from '../support/vault-system.ts'
import { logOfKey } from '../../src/transparency-log/cosignature-checkpoint.ts'
import { publishedKey } from '../support/log-key.ts'
import type { Bank } from '../support/bank-system.ts'
import { Enumeration } from './mutation/enumeration.ts'
import { everythingOfABank } from './mutation/everything.ts'

const enumeration = new Enumeration('beside')

let bank: Bank
let vault: WitnessedVault
before(async (context) => {
  bank = await everythingOfABank(context as TestContext)
  vault = await openVault(context as TestContext, { names: ['one'], threshold: 1 })
  await vault.vault.do('put', { box: 'a' }, { acknowledge: 'witnessed' })
  await vault.vault.close()
  for (const { kill } of vault.witnesses) await kill()
})

/** @returns the code of what it says, or the text of what it does */
async function outcome(work: () => Promise<unknown>): Promise<string> {
  try {
    return JSON.stringify(await work())
  } catch (error) {
    if (error instanceof Problem || error instanceof WitnessFault) return error.code
    throw error
  }
}

const scratch = (from: string, name: string): string => {
  const dir = join(dirname(bank.dir), 'beside', name)
  rmSync(dir, { recursive: true, force: true })
  mkdirSync(dirname(dir), { recursive: true })
  cpSync(from, dir, { recursive: true, filter: (path) => !/\.sock(et)?$|-journal$/.test(path) })
  return dir
}

interface Folder {
  readonly name: string
  readonly from: () => string
  readonly open: (dir: string) => Promise<unknown>
  /** An everyday run flips one byte in so many of these files; and a full one. */
  readonly files: readonly (readonly [pattern: RegExp, sampled: number, full: number])[]
  /** Outcomes that are right although something was changed, by file. */
  readonly harmless?: readonly (readonly [pattern: RegExp, why: (before: string, after: string) => boolean])[]
}
const without = (text: string, ...members: readonly string[]): string =>
  JSON.stringify(Object.fromEntries(Object.entries(JSON.parse(text) as object).filter(([name]) => !members.includes(name))))
/** The text of a served checkpoint, with the witness's own line; undefined when it has none to give. */
const textOf = (answer: string): string | undefined => {
  const { status, head } = JSON.parse(answer) as { status: number; head: string }
  return status === 404 ? undefined : head.replace(/(?<=\n\n)[^]*(?=— witness\.example)/, '')
}
const isJson = (text: string): boolean => text.startsWith('{')

const rootKey = (): string => readFileSync(join(bank.dir, 'authority', 'root.vkey'), 'utf8').trim()
/** The snapshot that the log says was adopted last. */
let lastOnRecord: { readonly number: number; readonly hash: Hash } | undefined
async function onRecord() {
  if (lastOnRecord !== undefined) return lastOnRecord
  const source = await openAuthoritySource(join(bank.dir, 'authority'), rootKey(), { clock: systemClock })
  lastOnRecord = { number: source.current().number, hash: source.hash() }
  source.close()
  return lastOnRecord
}

const FOLDERS: readonly Folder[] = [
  {
    name: 'signer',
    from: () => join(bank.dir, 'signer'),
    open: async (dir) => {
      const signer = await openSigner({ dir, origin: bank.installation.origin, lockWaitMs: 1_000, durable: false })
      try {
        const { epoch: _, ...standing } = await signer.standing()
        return standing
      } finally {
        await signer.close()
      }
    },
    files: [
      [/^head$/, 80, 4],
      [/^keys\.json$/, 80, 4],
      [/\.key$/, 24, 4],
    ],
    harmless: [
      // Two slots in turn, each with its checksum: one that was torn by a crash, or by a hand, is passed over. The log shows more then, and the signer follows it.
      [/^head$/, (one, other) => isJson(other) && without(one, 'size', 'rootHash') === without(other, 'size', 'rootHash')],
      // The key that follows was committed to in the log, and each verifier compares it; keys of before only help to read witnesses' answers.
      [/^keys\.json$/, (one, other) => isJson(other) && without(one, 'next', 'retired') === without(other, 'next', 'retired')],
    ],
  },
  {
    name: 'witness',
    from: () => join(vault.folder, 'one'),
    open: async (dir) => {
      const witness = await openWitness({ dir, port: 0, logs: [logOfKey(publishedKey(vault.vault.dir))] })
      try {
        const [head = ''] = readdirSync(join(dir, 'heads'))
        const answer = await fetch(`${witness.url.replace(/\/$/, '')}/${head}/checkpoint`)
        return { vkey: witness.vkey, status: answer.status, head: await answer.text() }
      } finally {
        await witness.close()
      }
    },
    files: [
      [/^heads\//, 24, 1],
      [/^witness\.key$/, 24, 1],
      [/^witness\.vkey$/, 24, 1],
    ],
    harmless: [
      // Its cosignature is over the text: the log's own signature beside it is checked by whoever asks. A head that is gone, like one of before, is known to
      // who holds a newer cosignature.
      [/^heads\//, (one, other) => isJson(other) && [textOf(one), undefined].includes(textOf(other))],
    ],
  },
  {
    name: 'authority',
    from: () => join(bank.dir, 'authority'),
    open: async (dir) => {
      const source = await openAuthoritySource(dir, rootKey(), { clock: systemClock, notBefore: await onRecord() })
      try {
        const past = await Promise.all([1, 2, 3].map(async (number) => (await source.past(number))?.hash))
        return { hash: source.hash(), findings: source.status().findings.length, past }
      } finally {
        source.close()
      }
    },
    files: [[/\.snapshot$/, 400, 20]],
  },
  {
    name: 'releases',
    from: () => bank.dir,
    open: (dir) => readRelease(dir, bank.release.id as ReleaseId),
    files: [[/^releases\//, 4_000, 60]],
  },
]

for (const { name, from, open, files, harmless = [] } of FOLDERS)
  test(`${name}: every byte of every file, flipped; every file gone, cut, empty`, async () => {
    const source = from()
    const sound = await outcome(() => open(scratch(source, name)))
    assert.ok(isJson(sound), sound)
    const faults: string[] = []
    const judge = async (kind: string, what: string, file: string, dir: string): Promise<void> => {
      const said = await outcome(() => open(dir)).catch((error: unknown) => `fault: ${String((error as Error).stack)}`)
      const isHarmless = harmless.some(([pattern, isRight]) => pattern.test(file) && isRight(sound, said))
      if (said.startsWith('fault') || (isJson(said) && said !== sound && !isHarmless)) faults.push(`${what}: ${said.slice(0, 600)}`)
      enumeration.count(kind, isJson(said) ? (said === sound ? 'as before' : 'passed over') : said)
    }
    for (const file of namesIn(source)) {
      const [pattern, sampled, full] = files.find(([one]) => one.test(file)) ?? []
      if (pattern === undefined || sampled === undefined) continue
      const bytes = readFileSync(join(source, file))
      const kind = `${name}: byte of ${file.startsWith('heads/') ? 'a head' : basename(file).replace(/^.*(?=\.(key|snapshot)$)|^rel_.*(?=\.json$)/, '*')}`
      for (let at = 0; at < bytes.length; at++) {
        if (!enumeration.turn(kind, sampled, full)) continue
        const dir = scratch(source, name)
        const changed = Buffer.from(bytes)
        changed[at] = (changed[at] as number) ^ (1 << (at % 8))
        writeFileSync(join(dir, file), changed)
        await judge(kind, `${file}, byte ${at}`, file, dir)
      }
      for (const [what, change] of [
        ['gone', (path: string) => rmSync(path)],
        ['empty', (path: string) => writeFileSync(path, '')],
        ['cut', (path: string) => writeFileSync(path, bytes.subarray(0, bytes.length >> 1))],
      ] as const) {
        if (!enumeration.turn(`${name}: file ${what}`, what === 'gone' ? 1 : 2)) continue
        const dir = scratch(source, name)
        change(join(dir, file))
        await judge(`${name}: file ${what}`, `${file} ${what}`, file, dir)
      }
    }
    assert.deepEqual(faults, [])
  })

test('the warden’s store and the tree over stream heads: every column of every row', async () => {
  const reader = openSqliteReader(bank.dir)
  const warden = (dir: string): Promise<unknown> => {
    const publishDir = join(dir, 'published')
    const opened = openWarden({ dir, publishDir, clock: systemClock, checkPolicies: () => [] })
    try {
      const status = opened.status()
      const published = readdirSync(publishDir).filter((file) => file.endsWith('.snapshot')).sort()
      return Promise.resolve({ ...status, published: published.map((file) => readFileSync(join(publishDir, file), 'utf8')) })
    } finally {
      opened.close()
    }
  }
  const heads = (dir: string): Promise<unknown> => {
    const file = openHeadsFile(dir)
    try {
      for (const follower = new HeadsFollower(reader, file); ;) {
        const statement = follower.advance()
        if (statement !== null) return Promise.resolve(statement)
      }
    } finally {
      file.close()
    }
  }
  const faults: string[] = []
  for (const [name, file, from, open] of [
    ['warden', 'warden.db', join(bank.dir, 'warden'), warden],
    ['heads', 'heads.db', bank.dir, heads],
  ] as const) {
    const copy = (): string => {
      const dir = join(dirname(bank.dir), 'beside', name)
      rmSync(dir, { recursive: true, force: true })
      mkdirSync(dir, { recursive: true })
      for (const one of [file, `${file}-wal`, 'rows.key']) if (existsSync(join(from, one))) cpSync(join(from, one), join(dir, one))
      return dir
    }
    const sound = await outcome(() => open(copy()))
    for (const { table, column, row, work } of changesOf(join(copy(), file))) {
      const kind = `${name}: ${table}: ${column === null ? 'removed' : `column ${column}`}`
      if (!enumeration.turn(kind, 12, table === 'bucket' ? 3 : 1)) continue
      const dir = copy()
      const database = new DatabaseSync(join(dir, file))
      try {
        work(database)
      } catch (error) {
        assert.match(String(error), /UNIQUE|CHECK|NOT NULL|cannot store/)
        continue
      } finally {
        database.close()
      }
      const said = await outcome(() => open(dir)).catch((error: unknown) => `fault: ${String((error as Error).stack)}`)
      enumeration.count(kind, isJson(said) ? (said === sound ? 'as before' : 'passed over') : said)
      const isLast = row === 'last' && name === 'warden' && ['journal', 'snapshot'].includes(table)
      if (said.startsWith('fault') || (isJson(said) && said !== sound && !isLast)) faults.push(`${kind}: ${said.slice(0, 600)}`)
    }
  }
  reader.close()
  assert.deepEqual(faults, [])
})

interface Change {
  readonly table: string
  /** Null: the row is removed. */
  readonly column: string | null
  readonly row: 'last' | 'earlier'
  readonly work: (database: DatabaseSync) => void
}
function changesOf(path: string): readonly Change[] {
  const database = new DatabaseSync(path)
  try {
    const tables = database.prepare("SELECT name FROM sqlite_master WHERE type = 'table'").all()
    return tables.flatMap(({ name }) => {
      const table = String(name)
      const rows = database.prepare(`SELECT * FROM ${table} ORDER BY 1`).all() as Record<string, SQLInputValue>[]
      return rows.flatMap((values, place): Change[] => {
        const where = Object.keys(values).map((column) => `"${column}" IS ?`).join(' AND ')
        const row = place === rows.length - 1 ? 'last' : 'earlier'
        const edited = (column: string): Change => ({
          ...{ table, column, row },
          work: (db) => void db.prepare(`UPDATE ${table} SET "${column}" = ? WHERE ${where}`).run(changed(values[column] ?? null), ...Object.values(values)),
        })
        const removed: Change = {
          ...{ table, column: null, row },
          work: (db) => void db.prepare(`DELETE FROM ${table} WHERE ${where}`).run(...Object.values(values)),
        }
        return [...Object.keys(values).map(edited), removed]
      })
    })
  } finally {
    database.close()
  }
}
function changed(value: SQLInputValue): SQLInputValue {
  if (typeof value === 'number') return value + 1
  if (typeof value === 'string') {
    const at = value.length >> 1
    return value === '' ? 'x' : value.slice(0, at) + (value[at] === 'e' ? 'f' : 'e') + value.slice(at + 1)
  }
  const bytes = Buffer.from(value as Uint8Array)
  bytes[bytes.length >> 1] = (bytes[bytes.length >> 1] as number) ^ 1
  return bytes
}
const namesIn = (dir: string): string[] =>
  readdirSync(dir, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name).slice(dir.length + 1))
