/**
 * The tree over stream heads, in a file of its own beside the data: derived, so that it may be deleted, and written without waiting for the disk.
 * What a crash takes of it is read from the log again. How far it goes carries a seal (seal.ts), and its root is over all of it: what somebody else has
 * written into it is never stated.
 */
import { existsSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import type { Hash, Position } from '../../model/ids.ts'
import { problem } from '../../model/problems.ts'
import { Database } from './database.ts'
import { openSealer, type Seal, type Sealer } from './seal.ts'

export const HEADS_FILE = 'heads.db'
const BUSY_TIMEOUT_MS = 5_000

/** How far the tree goes. */
export interface HeadsProgress {
  /** Every record up to this one is in it; -1 for none. */
  readonly position: Position
  /** Leaf of the record at that position: shows that the file belongs to this log. */
  readonly leaf: string
  readonly root: string
  readonly streams: number
}
const NONE: HeadsProgress = { position: -1 as Position, leaf: '', root: '', streams: 0 }

export class HeadsFile {
  readonly #database: Database
  readonly #sealer: Sealer
  constructor(database: Database, sealer: Sealer) {
    this.#database = database
    this.#sealer = sealer
  }
  get(bucket: number): Uint8Array | null {
    return (
      this.#database.one<{ entries: Uint8Array }>('SELECT entries FROM bucket WHERE no = ?', bucket)?.entries ?? null
    )
  }
  set(bucket: number, entries: Uint8Array, hash: Uint8Array): void {
    this.#database.run('INSERT OR REPLACE INTO bucket VALUES (?, ?, ?)', bucket, entries, hash)
  }
  hashes(): readonly { readonly bucket: number; readonly hash: Uint8Array }[] {
    return this.#database.all('SELECT no AS bucket, hash FROM bucket')
  }
  /** @throws `storage-damaged` when somebody else has written it */
  progress(): HeadsProgress {
    const row = this.#database.one<{ position: number; leaf: string; root: string; streams: number; seal: Seal }>(
      'SELECT position, leaf, root, streams, seal FROM progress',
    )
    if (row === undefined) return NONE
    const progress = { ...row, position: row.position as Position, leaf: row.leaf as Hash }
    if (row.seal !== this.#sealed(progress))
      throw problem('storage-damaged', 'how far the heads of streams go is not what was written')
    return progress
  }
  setProgress(progress: HeadsProgress): void {
    const { position, leaf, root, streams } = progress
    const write = 'INSERT OR REPLACE INTO progress VALUES (1, ?, ?, ?, ?, ?)'
    this.#database.run(write, position, leaf, root, streams, this.#sealed(progress))
  }
  #sealed({ position, leaf, root, streams }: HeadsProgress): Seal {
    return this.#sealer.seal('heads', position, leaf, root, streams)
  }
  clear(): void {
    this.writing(() => this.#database.exec('DELETE FROM bucket; DELETE FROM progress'))
  }
  writing<Result>(work: () => Result): Result {
    return this.#database.writing(work)
  }
  /** Runs several reads on one state of the file. */
  reading<Result>(work: () => Result): Result {
    return this.#database.reading(work)
  }
  close(): void {
    this.#database.close()
  }
}

/** For its one writer. A file that is none, or is broken, or not what was written, is begun anew: it is derived. */
export function openHeadsFile(directory: string): HeadsFile {
  const sealer = openSealer(directory)
  const open = (): HeadsFile => {
    const database = new Database(new DatabaseSync(join(directory, HEADS_FILE), { timeout: BUSY_TIMEOUT_MS }))
    database.exec(
      'PRAGMA journal_mode=WAL; PRAGMA synchronous=OFF;' +
        'CREATE TABLE IF NOT EXISTS bucket(no INTEGER PRIMARY KEY, entries BLOB NOT NULL, hash BLOB NOT NULL);' +
        'CREATE TABLE IF NOT EXISTS progress(id INTEGER PRIMARY KEY CHECK(id = 1), position INTEGER NOT NULL, leaf TEXT NOT NULL,' +
        ' root TEXT NOT NULL, streams INTEGER NOT NULL, seal TEXT NOT NULL)',
    )
    return new HeadsFile(database, sealer)
  }
  try {
    const file = open()
    file.progress()
    return file
  } catch {
    for (const suffix of ['', '-wal', '-shm']) rmSync(join(directory, `${HEADS_FILE}${suffix}`), { force: true })
    return open()
  }
}

/** Read-only, beside its writer; null when there is none. */
export function readHeadsFile(directory: string): HeadsFile | null {
  const path = join(directory, HEADS_FILE)
  if (!existsSync(path)) return null
  const database = new Database(new DatabaseSync(path, { readOnly: true, timeout: BUSY_TIMEOUT_MS }))
  return new HeadsFile(database, openSealer(directory))
}
