/** The tree of a stored log at start, checked against the stored head: what was hashed is what is there. */
import { leafHash } from '../../model/merkle.ts'
import type { Position } from '../../model/ids.ts'
import { problem } from '../../model/problems.ts'
import type { StorageReader } from '../../storage/storage.ts'
import { TILE_WIDTH } from '../../transparency-log/tiles.ts'
import { Tree } from '../../transparency-log/tree.ts'

/** Reads the tiles below the right edge and hashes the records behind the last full tile anew. @throws `storage-damaged` */
export function recoverTree(reader: StorageReader): Tree {
  const head = reader.head()
  const from = head.treeSize - (head.treeSize % TILE_WIDTH)
  const leaves = reader.leafHashes(from, head.treeSize)
  const records = reader.records(from as Position, TILE_WIDTH + 1)
  if (records.length !== head.treeSize - from)
    throw problem('storage-damaged', `the log's head is at ${head.position}, but its records end elsewhere`)
  for (const [place, record] of records.entries())
    if (leafHash(record.line) !== leaves[place])
      throw problem('storage-damaged', `the record at ${record.position} does not match its leaf`)
  const tree = Tree.restore(head.treeSize, (level, index) => storedTile(reader, level, index), leaves)
  if (tree.rootHash() !== head.rootHash)
    throw problem('storage-damaged', `the tree of ${head.treeSize} records does not have the root that the head names`)
  return tree
}

function storedTile(reader: StorageReader, level: number, index: number): Uint8Array {
  const tile = reader.tile(level, index)
  if (tile === null || tile.length !== TILE_WIDTH * 32)
    throw problem('storage-damaged', `tile ${level}/${index} is missing`)
  return tile
}
