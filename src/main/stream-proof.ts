/**
 * Writes one stream to a file that shows, without any other stream, that it is all of it, or that there is no such stream: the latest statement of
 * stream heads with its proof, the path from there, and the stream's events. `verifier/verify.ts stream` checks it.
 */
import { writeFile } from 'node:fs/promises'
import type { StreamProof } from '../doors/cli/composition.ts'
import { HEADS, readStatement, type HeadsStatement } from '../engine/heads/statement.ts'
import { readCheckpoint } from '../event-log/export.ts'
import { loadEvents } from '../event-log/load.ts'
import type { Position, StreamId } from '../model/ids.ts'
import type { Json } from '../model/json.ts'
import { leafHash } from '../model/merkle.ts'
import { problem } from '../model/problems.ts'
import { sketchLine } from '../model/record-line.ts'
import { readHeadsFile } from '../storage/sqlite/heads-file.ts'
import { openSqliteReader } from '../storage/sqlite/reader.ts'
import type { StorageReader, StoredEvent } from '../storage/storage.ts'
import {
  HeadsTree,
  memoryBuckets,
  rootOfPath,
  type HeadOfStream,
  type HeadPath,
} from '../transparency-log/heads-tree.ts'
import { inclusionProof } from '../transparency-log/proofs.ts'
import { TILE_WIDTH } from '../transparency-log/tiles.ts'
import { formatTlogProof } from '../transparency-log/tlog-proof.ts'
import { Tree } from '../transparency-log/tree.ts'
import { isDataDirectory } from './data-directory.ts'

const FORMAT = 'plinth-stream/v1'
const PAGE = 1_000
/** A verifier reads the file at once; about 60 MB. */
const CHARACTERS_MAX = 60_000_000

/**
 * @param checkpoint signed by the log, as its door gives it; null takes the stored one
 * @throws `usage`, `invalid-position` when nothing is stated yet, `limit-exceeded` for a stream that is too long, `storage-damaged`
 */
export async function writeStreamProof(
  dir: string,
  stream: string,
  file: string,
  checkpoint: string | null,
): Promise<StreamProof> {
  if (!isDataDirectory(dir)) throw problem('usage', `\`${dir}\` is not a data directory`)
  if (!/^[^/]+\/./s.test(stream) || !stream.isWellFormed())
    throw problem('usage', `a stream is named \`ENTITY/ID\`, not \`${stream}\``)
  const reader = openSqliteReader(dir)
  try {
    const signed = checkpoint ?? reader.meta('checkpoint')
    if (signed === null) throw problem('invalid-position', 'no checkpoint has been stored yet: start the system once')
    const { size } = readCheckpoint(reader, signed)
    const { event, statement } = latestStatement(reader, size)
    const id = stream as StreamId
    const path = pathFromFile(dir, id, statement) ?? pathFromLog(reader, id, statement)
    if (rootOfPath(id, path) !== statement.root)
      throw problem('storage-damaged', `the stated heads of streams are not those of the log at ${statement.position}`)
    const records = allEvents(reader, id, statement.position)
    const { position, line: record, data: payload } = event
    const proof = formatTlogProof({ index: position, hashes: inclusion(reader, position, size), checkpoint: signed })
    const text = JSON.stringify({ format: FORMAT, stream, statement: { record, payload, proof }, path, records })
    await writeFile(file, `${text}\n`, { flag: 'wx', mode: 0o600 }).catch((cause: unknown) => {
      throw problem('usage', `\`${file}\` could not be written: ${(cause as Error).message}`, {}, cause)
    })
    return { file, stream, events: records.length, asOf: statement.position, streams: statement.streams }
  } finally {
    reader.close()
  }
}

function latestStatement(reader: StorageReader, size: number): { event: StoredEvent; statement: HeadsStatement } {
  const at = (size - 1) as Position
  const { version } = reader.streamHead(HEADS, at)
  const [event] = version === 0 ? [] : loadEvents(reader, HEADS, version - 1, at, 1)
  const statement = event === undefined ? null : readStatement(JSON.parse(event.data) as Json)
  if (event === undefined || statement === null)
    throw problem(
      'invalid-position',
      'the heads of streams have not been stated yet: they are some seconds after a change',
    )
  return { event, statement }
}

/** From the tree that the running system keeps; null when it is not as of this statement. */
function pathFromFile(dir: string, stream: StreamId, { position, root }: HeadsStatement): HeadPath | null {
  const file = readHeadsFile(dir)
  if (file === null) return null
  try {
    return file.reading(() => {
      const progress = file.progress()
      if (progress.position !== position || progress.root !== root) return null
      const tree = new HeadsTree(file, file.hashes())
      return tree.rootHash() === root ? tree.path(stream) : null
    })
  } catch {
    return null // it is derived: the log tells the same
  } finally {
    file.close()
  }
}

function pathFromLog(reader: StorageReader, stream: StreamId, { position }: HeadsStatement): HeadPath {
  const tree = new HeadsTree(memoryBuckets())
  for (let from = 0; from <= position;) {
    const records = reader.records(from as Position, Math.min(PAGE, position + 1 - from))
    if (records.length === 0) throw problem('storage-damaged', `the record at ${from} is missing`)
    const heads = new Map<StreamId, HeadOfStream>()
    for (const { line } of records) {
      const event = sketchLine(line)?.event
      if (event != null) heads.set(event.stream, { version: event.version, leaf: leafHash(line) })
    }
    tree.update(heads)
    from += records.length
  }
  return tree.path(stream)
}

function allEvents(reader: StorageReader, stream: StreamId, at: Position): { record: string; payload: string }[] {
  const all: { record: string; payload: string }[] = []
  let characters = 0
  for (let version = 0; ;) {
    const events = loadEvents(reader, stream, version, at, PAGE)
    for (const { line, data } of events) {
      all.push({ record: line, payload: data })
      characters += line.length + data.length
    }
    if (characters > CHARACTERS_MAX)
      throw problem('limit-exceeded', 'the stream is too long for one file: export the log instead', {
        limit: 'streamProofCharacters',
        max: CHARACTERS_MAX,
      })
    const last = events.at(-1)
    if (last === undefined) return all
    version = last.version
  }
}

function inclusion(reader: StorageReader, index: number, size: number) {
  const stored = (level: number, tile: number): Uint8Array => {
    const bytes = reader.tile(level, tile)
    if (bytes === null) throw problem('storage-damaged', `tile ${level}/${tile} is missing`)
    return bytes
  }
  const tree = Tree.restore(size, stored, reader.leafHashes(size - (size % TILE_WIDTH), size))
  return inclusionProof(tree, index, size)
}
