/**
 * Puts an exported log back: the same records, in the same transactions, with the same tree over them. What is derived (rows, indexes) is made anew,
 * here or by the next start. Keys are not in a log: without the key store of data subjects, what is sealed stays sealed.
 */
import { existsSync } from 'node:fs'
import { rm } from 'node:fs/promises'
import { join } from 'node:path'
import type { Position } from '../model/ids.ts'
import { problem } from '../model/problems.ts'
import type { PreparedCommit } from '../storage/storage.ts'
import { openSqliteWriter } from '../storage/sqlite/writer.ts'
import { Tree } from '../transparency-log/tree.ts'
import { commitOf, COMMITS_PER_BATCH, exportedTransactions, IMPORTED, RECORDS_PER_BATCH } from './exported-commits.ts'

export interface ImportedLog {
  readonly records: number
  readonly origin: string
  readonly rootHash: string
}

/**
 * @param root root hash that must come out, hex; null takes what comes
 * @throws `usage` when the directory holds a log already, `storage-damaged` with the line's number; then nothing is left
 */
export async function importLog(
  dir: string,
  file: string,
  root: string | null,
  signal: AbortSignal,
): Promise<ImportedLog> {
  if (existsSync(join(dir, 'data.db')))
    throw problem('usage', `\`${dir}\` holds a log already: import into another folder`)
  const writer = openSqliteWriter(dir)
  try {
    const imported = await read(writer, file, signal)
    if (root !== null && root !== imported.rootHash)
      throw problem(
        'storage-damaged',
        `the root is ${imported.rootHash}, not ${root}: this is another log, or not all of it`,
      )
    writer.setMeta('origin', imported.origin)
    writer.setMeta(IMPORTED, String(imported.records - 1))
    writer.close()
    return imported
  } catch (error) {
    writer.close()
    for (const end of ['', '-wal', '-shm']) await rm(join(dir, `data.db${end}`), { force: true })
    throw error
  }
}

async function read(
  writer: ReturnType<typeof openSqliteWriter>,
  file: string,
  signal: AbortSignal,
): Promise<ImportedLog> {
  const tree = Tree.restore(0, () => new Uint8Array(), [])
  let origin = ''
  const batch = new CommitBatch(writer, tree)
  for await (const transaction of exportedTransactions(file, signal)) {
    origin = transaction.origin
    batch.add(commitOf(transaction))
  }
  if (tree.size === 0) throw problem('usage', `\`${file}\` holds no records`)
  batch.flush()
  return { records: tree.size, origin, rootHash: tree.rootHash() }
}

/** Gathers commits, and writes them with the tree over them: each write leaves a whole log. */
export class CommitBatch {
  readonly #writer: Pick<ReturnType<typeof openSqliteWriter>, 'write'>
  readonly #tree: Tree
  #commits: PreparedCommit[] = []
  #records = 0

  constructor(writer: Pick<ReturnType<typeof openSqliteWriter>, 'write'>, tree: Tree) {
    this.#writer = writer
    this.#tree = tree
  }

  add(commit: PreparedCommit): void {
    for (const { leaf } of commit.records) this.#tree.append(leaf)
    this.#commits.push(commit)
    this.#records += commit.records.length
    if (this.#commits.length >= COMMITS_PER_BATCH || this.#records >= RECORDS_PER_BATCH) this.flush()
  }
  flush(): void {
    const last = this.#commits.at(-1)
    if (last === undefined) return
    const head = {
      position: (this.#tree.size - 1) as Position,
      treeSize: this.#tree.size,
      rootHash: this.#tree.rootHash(),
      recordedAtMs: last.recordedAtMs,
    }
    this.#writer.write({ commits: this.#commits, tiles: this.#tree.takeFullTiles(), head })
    this.#commits = []
    this.#records = 0
  }
}
