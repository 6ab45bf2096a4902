/** Bundles as somebody would make them who can write anything, with or without the log's key. */
import { createHash, generateKeyPairSync, sign } from 'node:crypto'
import { exportBundle } from '../../../src/event-log/export.ts'
import { TAR_END, tarHeader, tarPadding } from '../../../src/event-log/export-tar.ts'
import type { Hash, Position } from '../../../src/model/ids.ts'
import { Frontier, leafHash } from '../../../src/model/merkle.ts'
import { formatVerifierKey, noteSigner, type NoteSigner } from '../../../src/model/signed-note.ts'
import type { StorageReader } from '../../../src/storage/storage.ts'
import { signCheckpoint } from '../../../src/transparency-log/checkpoint.ts'
import { parseKey, verifyBundle, type Key, type Report, type Trust } from '../../../verifier/verify.ts'

export interface Raw {
  readonly line: string
  readonly payload: string | null
  /** Payloads of the effects that the line names. */
  readonly effects: readonly string[]
}

/** Everything that a log's reader would give, from an array. */
export function readerOf(records: readonly Raw[]): StorageReader {
  const tree = rootOf(records)
  const part = {
    head: () => ({ position: (records.length - 1) as Position, treeSize: records.length, rootHash: tree, recordedAtMs: 0 }),
    records: (from: number, limit: number) =>
      records.slice(from, from + limit).map((record, place) => ({ ...record, position: (from + place) as Position })),
    effects: (after: number, limit: number) =>
      records
        .flatMap(({ effects }, position) =>
          effects.map((payload, ordinal) => ({ position: position as Position, ordinal, effect: '', payload })),
        )
        .filter(({ position }) => position > after)
        .slice(0, limit),
  }
  return part as unknown as StorageReader
}

export function rootOf(records: readonly Raw[]): Hash {
  const tree = new Frontier()
  for (const { line } of records) tree.append(leafHash(line))
  return tree.rootHash()
}

/** Checkpoint over the records, with the log's signature and those of the witnesses. */
export function checkpointOf(records: readonly Raw[], origin: string, log: NoteSigner, witnesses: readonly Witness[] = []): string {
  const note = signCheckpoint({ origin, size: records.length, rootHash: rootOf(records) }, log)
  return note + witnesses.map((witness) => witness.cosign(note)).join('')
}

export async function bundleOf(records: readonly Raw[], checkpoint: string): Promise<Buffer> {
  const parts: Uint8Array[] = []
  await exportBundle(readerOf(records), checkpoint, (bytes) => void parts.push(bytes))
  return Buffer.concat(parts)
}

/** A C2SP cosignature/v1 witness that signs whatever it is shown. */
export class Witness {
  readonly vkey: string
  readonly #signer: NoteSigner
  readonly #keyHash: Buffer

  constructor(name: string) {
    this.#signer = noteSigner(name, generateKeyPairSync('ed25519').privateKey)
    const raw = Buffer.from(formatVerifierKey(this.#signer).split('+').slice(2).join('+'), 'base64')
    raw[0] = 4
    this.#keyHash = createHash('sha256').update(`${name}\n`).update(raw).digest().subarray(0, 4)
    this.vkey = `${name}+${this.#keyHash.toString('hex')}+${raw.toString('base64')}`
  }
  get name(): string {
    return this.#signer.name
  }
  cosign(note: string, time = 1_800_000_000): string {
    const text = note.slice(0, note.lastIndexOf('\n\n') + 1)
    const seconds = Buffer.alloc(8)
    seconds.writeBigUInt64BE(BigInt(time))
    const signature = sign(null, Buffer.from(`cosignature/v1\ntime ${time}\n${text}`), this.#signer.privateKey)
    return `— ${this.name} ${Buffer.concat([this.#keyHash, seconds, signature]).toString('base64')}\n`
  }
}

export interface Member {
  readonly name: string
  readonly content: Buffer
  /** Where its header begins. */
  readonly at: number
}
export function unpack(bundle: Buffer): Member[] {
  const members: Member[] = []
  for (let at = 0; bundle[at] !== 0;) {
    const name = bundle.toString('latin1', at, at + 100).replace(/\0+$/, '')
    const size = Number.parseInt(bundle.toString('latin1', at + 124, at + 135), 8)
    members.push({ name, content: bundle.subarray(at + 512, at + 512 + size), at })
    at += 512 + Math.ceil(size / 512) * 512
  }
  return members
}
export const pack = (members: readonly Pick<Member, 'name' | 'content'>[]): Buffer =>
  Buffer.concat([
    ...members.flatMap(({ name, content }) => [tarHeader(name, content.length), content, tarPadding(content.length)]),
    TAR_END,
  ])

export function verifyBytes(bundle: Buffer, trust: Trust): Report {
  let at = 0
  return verifyBundle((into) => {
    const copied = bundle.copy(into, 0, at)
    at += copied
    return copied
  }, trust)
}

export const keyOf = (signer: NoteSigner): Key => parseKey(formatVerifierKey(signer))
