/**
 * Writes a log, up to one of its checkpoints, as a bundle that anybody can verify without us (verifier/README.md says what is in it).
 * The same log and checkpoint give the same bytes. Memory is that of 256 records, whatever the size of the log.
 */
import type { Hash, Position } from '../model/ids.ts'
import { Frontier, leafHash } from '../model/merkle.ts'
import { problem } from '../model/problems.ts'
import { parseRecord } from '../model/record-line.ts'
import { parseNote } from '../model/signed-note.ts'
import type { StorageReader, StoredRecord } from '../storage/storage.ts'
import { GroundsWriter, type Grounds } from './export-grounds.ts'
import { TAR_END, tarHeader, tarPadding } from './export-tar.ts'

export const BUNDLE_FORMAT = 'plinth-bundle/v1'
/** Records in one file of a bundle, as in C2SP tlog-tiles. */
export const GROUP_RECORDS = 256
const PAYLOAD_MISSING = 0xffffffff // in place of a length: the store has no payload for this record
const EFFECTS_PAGE = 1_000

const NO_GROUNDS: Grounds = { snapshot: () => Promise.resolve(null), release: () => Promise.resolve(null) }

/** Takes the next bytes of the bundle; a promise holds the export back until they are taken. */
export type ByteSink = (bytes: Uint8Array) => void | Promise<void>

export interface Exported {
  readonly records: number
  readonly bytes: number
  /** Root over the exported lines. A bundle of a damaged log is still written: it is evidence. */
  readonly rootHash: Hash
  /** Whether that is the root that the checkpoint names. */
  readonly matchesCheckpoint: boolean
}

/**
 * @param checkpoint signed by the log, cosignatures and all: its size says how many records are exported
 * @param grounds what the admissions rest on; without them the bundle holds the records alone
 * @param anchors of this log, in any order; those of larger sizes are left out
 * @throws `invalid-position` when the log is shorter than its checkpoint, `storage-damaged` when a record is missing, NoteError
 */
export async function exportBundle(
  reader: StorageReader,
  checkpoint: string,
  out: ByteSink,
  signal?: AbortSignal,
  grounds: Grounds = NO_GROUNDS,
  anchors: readonly ExportedAnchor[] = [],
): Promise<Exported> {
  const { size, rootHash } = readCheckpoint(reader, checkpoint)
  const bundle = new Archive(out)
  await bundle.file('format', Buffer.from(`${BUNDLE_FORMAT}\n`))
  await bundle.file('checkpoint', Buffer.from(checkpoint))
  await writeAnchors(bundle, anchors, size)
  const tree = new Frontier()
  const tiles = new TileWriter(bundle)
  const effects = new EffectPages(reader)
  const needed = new GroundsWriter(grounds)
  for (let first = 0; first < size; first += GROUP_RECORDS) {
    signal?.throwIfAborted()
    const group = readGroup(reader, first, Math.min(GROUP_RECORDS, size - first))
    const path = groupPath(first / GROUP_RECORDS, group.length)
    for (const [name, content] of await needed.before(group)) await bundle.file(name, Buffer.from(content))
    await bundle.file(`tile/entries/${path}`, Buffer.concat(group.flatMap(({ line }) => entryOf(line))))
    await bundle.file(`payload/${path}`, Buffer.concat(group.flatMap(({ payload }) => payloadOf(payload))))
    const sent = group.flatMap((record) => effects.of(record))
    if (sent.length > 0) await bundle.file(`effect/${path}`, Buffer.concat(sent.flatMap(payloadOf)))
    const leaves = group.map(({ line }) => leafHash(line))
    for (const leaf of leaves) tree.append(leaf)
    await tiles.add(0, leaves)
  }
  await tiles.finish()
  await bundle.end()
  return {
    records: size,
    bytes: bundle.bytes,
    rootHash: tree.rootHash(),
    matchesCheckpoint: tree.rootHash() === rootHash,
  }
}

/** A checkpoint that was stamped, and the reply of the time authority. */
export interface ExportedAnchor {
  readonly size: number
  /** Name of the authority: lower-case letters and digits. */
  readonly anchor: string
  readonly checkpoint: string
  readonly proof: Uint8Array
}

/** One for each size and authority, in order; a list of them first, so that a reader knows what follows. */
async function writeAnchors(bundle: Archive, anchors: readonly ExportedAnchor[], size: number): Promise<void> {
  const byName = new Map<string, ExportedAnchor>()
  for (const one of anchors) if (one.size <= size) byName.set(`${one.size} ${one.anchor}`, one)
  const sorted = [...byName.values()].sort((a, b) => a.size - b.size || (a.anchor < b.anchor ? -1 : 1))
  if (sorted.length === 0) return
  await bundle.file('anchor/index', Buffer.from(sorted.map((one) => `${one.size} ${one.anchor}\n`).join('')))
  for (const { size: over, anchor, checkpoint, proof } of sorted) {
    await bundle.file(`anchor/${over}-${anchor}.checkpoint`, Buffer.from(checkpoint))
    await bundle.file(`anchor/${over}-${anchor}.tsr`, proof)
  }
}

/** Size and root that a checkpoint of this log names. Its signature is for the verifier to judge. */
export function readCheckpoint(
  reader: StorageReader,
  checkpoint: string,
): { readonly size: number; readonly rootHash: Hash } {
  const [, sizeText = '', root = ''] = parseNote(checkpoint).text.split('\n')
  const size = Number(sizeText)
  if (!/^[0-9]+$/.test(sizeText) || size > reader.head().treeSize)
    throw problem('invalid-position', `the checkpoint is over ${sizeText} records, there are ${reader.head().treeSize}`)
  return { size, rootHash: Buffer.from(root, 'base64').toString('hex') as Hash }
}

/** Path of a group of records, as C2SP tlog-tiles writes it: `x001/234`, with `.p/7` for one that is not full. */
function groupPath(index: number, width: number): string {
  const digits = String(index)
  const groups = digits.padStart(Math.ceil(digits.length / 3) * 3, '0').match(/.{3}/g) ?? []
  const path = groups.map((group, place) => (place < groups.length - 1 ? `x${group}` : group)).join('/')
  return width === GROUP_RECORDS ? path : `${path}.p/${width}`
}

/** An entry of C2SP tlog-tiles: two bytes of length, then the bytes that are hashed. */
function entryOf(line: string): Buffer[] {
  const bytes = Buffer.from(`${line}\n`)
  const length = Buffer.alloc(2)
  length.writeUInt16BE(bytes.length)
  return [length, bytes]
}

function payloadOf(payload: string | null): Buffer[] {
  const length = Buffer.alloc(4)
  const bytes = Buffer.from(payload ?? '')
  length.writeUInt32BE(payload === null ? PAYLOAD_MISSING : bytes.length)
  return [length, bytes]
}

/** Records [first, first + count), all of them. @throws `storage-damaged` */
export function readGroup(reader: StorageReader, first: number, count: number): StoredRecord[] {
  const group: StoredRecord[] = []
  while (group.length < count) {
    const page = reader.records((first + group.length) as Position, count - group.length)
    for (const record of page) {
      if (record.position !== first + group.length) break
      group.push(record)
    }
    if (page.length === 0 || page.at(-1)?.position !== first + group.length - 1)
      throw problem('storage-damaged', `the record at ${first + group.length} is missing`)
  }
  return group
}

/** Payloads of the effects that the lines name, read a page at a time. Records must be asked about in rising order. */
export class EffectPages {
  readonly #reader: StorageReader
  #page: { readonly position: number; readonly ordinal: number; readonly payload: string }[] = []
  #after = -1
  #done = false

  constructor(reader: StorageReader) {
    this.#reader = reader
  }
  /** One for each effect that the line names, in its order; null for one that the store no longer has. */
  of({ position, line }: StoredRecord): (string | null)[] {
    const count = effectCount(line)
    if (count === 0) return []
    while (!this.#done && (this.#page.at(-1)?.position ?? -1) <= position) this.#fill()
    const later = this.#page.findIndex((effect) => effect.position > position)
    const taken = this.#page.splice(0, later < 0 ? this.#page.length : later)
    const mine = new Map(
      taken.filter((effect) => effect.position === position).map((effect) => [effect.ordinal, effect]),
    )
    return Array.from({ length: count }, (_, ordinal) => mine.get(ordinal)?.payload ?? null)
  }
  // The last record of a full page may have more effects than the page holds: it is read again, whole, with the next.
  #fill(): void {
    for (let limit = EFFECTS_PAGE; ; limit *= 2) {
      const page = this.#reader.effects(this.#after as Position, limit)
      this.#done = page.length < limit
      const last = page.at(-1)?.position
      const whole = this.#done ? page : page.filter(({ position }) => position !== last)
      if (whole.length === 0 && !this.#done) continue
      this.#page.push(...whole)
      this.#after = whole.at(-1)?.position ?? this.#after
      return
    }
  }
}

function effectCount(line: string): number {
  if (line.endsWith('"effects":[]}')) return 0
  const record = parseRecord(line)
  return record?.kind === 'operation' ? record.effects.length : 0
}

/** Cuts the tree into tiles as it grows: a tile is written when it is full, and those at the right edge at the end. */
class TileWriter {
  readonly #bundle: Archive
  readonly #levels: { index: number; hashes: Hash[] }[] = []

  constructor(bundle: Archive) {
    this.#bundle = bundle
  }
  async add(level: number, hashes: readonly Hash[]): Promise<void> {
    const tile = (this.#levels[level] ??= { index: 0, hashes: [] })
    tile.hashes.push(...hashes)
    if (tile.hashes.length < GROUP_RECORDS) return
    const full = tile.hashes
    tile.hashes = []
    await this.#write(level, tile.index++, full)
    await this.add(level + 1, [rootOf(full)])
  }
  async finish(): Promise<void> {
    for (const [level, { index, hashes }] of this.#levels.entries())
      if (hashes.length > 0) await this.#write(level, index, hashes)
  }
  #write(level: number, index: number, hashes: readonly Hash[]): Promise<void> {
    return this.#bundle.file(
      `tile/${level}/${groupPath(index, hashes.length)}`,
      Buffer.concat(hashes.map((hash) => Buffer.from(hash, 'hex'))),
    )
  }
}

function rootOf(hashes: readonly Hash[]): Hash {
  const tree = new Frontier()
  for (const hash of hashes) tree.append(hash)
  return tree.rootHash()
}

class Archive {
  readonly #out: ByteSink
  bytes = 0

  constructor(out: ByteSink) {
    this.#out = out
  }
  async file(name: string, content: Uint8Array): Promise<void> {
    await this.#write(tarHeader(name, content.length))
    await this.#write(content)
    await this.#write(tarPadding(content.length))
  }
  async end(): Promise<void> {
    await this.#write(TAR_END)
  }
  async #write(bytes: Uint8Array): Promise<void> {
    if (bytes.length === 0) return
    this.bytes += bytes.length
    await this.#out(bytes)
  }
}
