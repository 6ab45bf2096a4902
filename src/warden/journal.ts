/**
 * The warden's own store: one SQLite file that nobody else opens. A hash-linked journal of every request, signature, refusal and publication; the
 * signed snapshots; and the root keys. What is published anywhere can be published again from here.
 *
 * J1 An entry names the hash of the one before; opening checks all of them.
 * J2 A publication, its snapshot and a new root key become durable together or not at all.
 * J3 One process has the file open.
 */
import { chmodSync, existsSync, mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { sha256Hex, type Hash } from '../model/ids.ts'
import { canonicalJson, type JsonObject } from '../model/json.ts'
import { problem } from '../model/problems.ts'

export const WARDEN_FILE = 'warden.db'

export interface JournalEntry extends JsonObject {
  readonly index: number
  /** Hash of the entry before, '' for the first. */
  readonly previous: string
  readonly atMs: number
  readonly kind: 'created' | 'opened' | 'requested' | 'signed' | 'refused' | 'published' | 'drilled'
}

/** Nothing that follows for what is no entry any more. */
function parsed(entry: string): Partial<JournalEntry> {
  try {
    return (JSON.parse(entry) ?? {}) as JournalEntry
  } catch {
    return {}
  }
}

export class Journal {
  readonly #database: DatabaseSync
  #next = 0
  #hash: Hash | '' = ''

  /** @throws `warden-unavailable` when another process has it open, or it is not there; `storage-damaged` when an entry does not follow */
  static open(dir: string, create = false): Journal {
    if (!create && !existsSync(join(dir, WARDEN_FILE)))
      throw problem('warden-unavailable', `there is no warden in \`${dir}\``)
    if (create) mkdirSync(dir, { recursive: true, mode: 0o700 })
    let database: DatabaseSync | undefined
    try {
      database = new DatabaseSync(join(dir, WARDEN_FILE))
      chmodSync(join(dir, WARDEN_FILE), 0o600)
      database.exec(
        'PRAGMA locking_mode = EXCLUSIVE; PRAGMA synchronous = FULL; PRAGMA busy_timeout = 0; PRAGMA secure_delete = ON',
      )
      database.exec('BEGIN EXCLUSIVE') // takes the lock, and keeps it until the file is closed
      database.exec(`
        CREATE TABLE IF NOT EXISTS journal (idx INTEGER PRIMARY KEY, entry TEXT NOT NULL) STRICT;
        CREATE TABLE IF NOT EXISTS snapshot (number INTEGER PRIMARY KEY, note TEXT NOT NULL) STRICT;
        CREATE TABLE IF NOT EXISTS root_key (from_number INTEGER PRIMARY KEY, vkey TEXT NOT NULL, pem TEXT NOT NULL) STRICT;
        COMMIT`)
      return new Journal(database)
    } catch (error) {
      database?.close()
      if ((error as { errcode?: number }).errcode === 5)
        throw problem('warden-unavailable', `another process has the warden in \`${dir}\` open`, {}, error)
      throw error
    }
  }

  private constructor(database: DatabaseSync) {
    this.#database = database
    for (const { entry } of database.prepare('SELECT entry FROM journal ORDER BY idx').iterate() as Iterable<{
      entry: string
    }>) {
      const { index, previous } = parsed(entry)
      if (index !== this.#next || previous !== this.#hash)
        throw problem('storage-damaged', `entry ${this.#next} of the warden's journal does not follow the one before`)
      this.#hash = sha256Hex(entry)
      this.#next += 1
    }
  }

  /** Entries written so far, and the hash of the last. */
  get head(): { readonly count: number; readonly hash: string } {
    return { count: this.#next, hash: this.#hash }
  }

  /** Durable when it returns, with whatever `also` writes. */
  append(kind: JournalEntry['kind'], atMs: number, members: JsonObject, also: () => void = () => {}): void {
    const entry = canonicalJson({ ...members, index: this.#next, previous: this.#hash, atMs, kind })
    this.#database.exec('BEGIN IMMEDIATE')
    try {
      this.#database.prepare('INSERT INTO journal (idx, entry) VALUES (?, ?)').run(this.#next, entry)
      also()
      this.#database.exec('COMMIT')
    } catch (error) {
      this.#database.exec('ROLLBACK')
      throw error
    }
    this.#next += 1
    this.#hash = sha256Hex(entry)
  }

  /** As stored: what the hashes are over. */
  texts(from: number, limit: number): readonly string[] {
    const rows = this.#database
      .prepare('SELECT entry FROM journal WHERE idx >= ? ORDER BY idx LIMIT ?')
      .all(from, limit) as unknown as readonly { entry: string }[]
    return rows.map(({ entry }) => entry)
  }
  /** Newest first, until `stop` says so. */
  *backwards(): Generator<JournalEntry> {
    for (let at = this.#next - 1; at >= 0; at--) yield JSON.parse(this.texts(at, 1)[0] as string) as JournalEntry
  }

  /** Inside `append` only. */
  putSnapshot(number: number, note: string): void {
    this.#database.prepare('INSERT INTO snapshot (number, note) VALUES (?, ?)').run(number, note)
  }
  snapshot(number: number): string | null {
    const row = this.#database.prepare('SELECT note FROM snapshot WHERE number = ?').get(number)
    return (row?.['note'] as string | undefined) ?? null
  }
  newest(): number {
    return (this.#database.prepare('SELECT max(number) AS newest FROM snapshot').get()?.['newest'] as number) ?? 0
  }

  /** The key that signs snapshots from this number on; those before it are forgotten. Inside `append` only. */
  putRootKey(from: number, vkey: string, pem: string): void {
    this.#database.exec(`UPDATE root_key SET pem = ''`)
    this.#database.prepare('INSERT INTO root_key (from_number, vkey, pem) VALUES (?, ?, ?)').run(from, vkey, pem)
  }
  rootKey(number: number): { readonly vkey: string; readonly pem: string } {
    const row = this.#database
      .prepare('SELECT vkey, pem FROM root_key WHERE from_number <= ? ORDER BY from_number DESC LIMIT 1')
      .get(number)
    if (row === undefined) throw problem('storage-damaged', `the warden has no root key for snapshot ${number}`)
    return { vkey: row['vkey'] as string, pem: row['pem'] as string }
  }

  close(): void {
    if (this.#database.isOpen) this.#database.close()
  }
}
