/** A store as somebody makes it who can write the database and reads the key of its seals: a record re-attributed, and all that is stored of it made to fit. */
import type { DatabaseSync } from 'node:sqlite'
import type { Hash } from '../../../src/model/ids.ts'
import { Frontier, leafHash } from '../../../src/model/merkle.ts'
import { packCommit, unpackCommit } from '../../../src/storage/sqlite/packed-commit.ts'
import {
  commitOf,
  hexOf,
  LOG_COLUMNS,
  sealCommit,
  sealHead,
  type HeadRow,
  HEAD,
  type LogRow,
} from '../../../src/storage/sqlite/rows.ts'
import { openSealer } from '../../../src/storage/sqlite/seal.ts'
import { edit } from '../../vectors/store/world.ts'
import { reattributed } from './forged.ts'

/** @param withRoot the head’s root, and its seal, as well; the tiles of a small log are none */
export function resealed(dir: string, withRoot: boolean): void {
  const sealer = openSealer(dir)
  edit(dir, (database: DatabaseSync) => {
    const rows = database.prepare(`SELECT ${LOG_COLUMNS} FROM log ORDER BY first`).all() as unknown as LogRow[]
    const records = rows.flatMap((row) => unpackCommit(commitOf(row)))
    const forged = reattributed(records, records.length >> 1).map((record) => ({
      ...record,
      leaf: leafHash(record.line),
    }))
    for (const row of rows) {
      const of = forged.filter(({ position }) => position >= row.first && position < row.first + Number(row.count))
      const { leaves, sizes, body } = packCommit({ records: of as never })
      const said = {
        first: row.first,
        count: Number(row.count),
        at: Number(row.at),
        operation: String(row.operation),
        sizes,
      }
      const seal = sealCommit(sealer, said, hexOf(row.intent), of.map(({ leaf }) => leaf).join(''))
      database
        .prepare('UPDATE log SET leaves = ?, sizes = ?, body = ?, seal = ? WHERE first = ?')
        .run(leaves, sizes, body, seal, row.first)
    }
    if (!withRoot) return
    const tree = new Frontier()
    for (const { leaf } of forged) tree.append(leaf)
    const root: Hash = tree.rootHash()
    const head = database.prepare(HEAD).get() as unknown as HeadRow
    const content = head.content ?? ''
    const sealed = {
      position: head.position,
      treeSize: head.size,
      rootHash: root,
      recordedAtMs: head.at,
      effects: head.effects,
    }
    database.prepare('UPDATE head SET root = ?').run(root)
    database.prepare('UPDATE tally SET seal = ?').run(sealHead(sealer, sealed, content))
  })
}
