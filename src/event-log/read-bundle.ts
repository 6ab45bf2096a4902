/**
 * Reads an exported bundle from front to back, in the order in which it was written (export.ts), for looking through its records again. It takes the
 * one form that there is; whether hashes and signatures hold is for whoever asks, and for the stand-alone verifier.
 */
import { open } from 'node:fs/promises'
import type { Hash, Position } from '../model/ids.ts'
import { problem } from '../model/problems.ts'
import type { StoredRecord } from '../storage/storage.ts'
import { BUNDLE_FORMAT } from './export.ts'
import { TAR_BLOCK_BYTES } from './export-tar.ts'

export type BundlePart =
  | { readonly kind: 'checkpoint'; readonly text: string }
  /** A signed snapshot, by its number. */
  | { readonly kind: 'snapshot'; readonly number: number; readonly note: string }
  /** Canonical JSON of `{bundle, manifest}`. */
  | { readonly kind: 'release'; readonly id: string; readonly text: string }
  | { readonly kind: 'records'; readonly records: readonly StoredRecord[] }
  /** Payloads of the effects of the records before it, in order; null where the store had none. */
  | { readonly kind: 'effects'; readonly payloads: readonly (string | null)[] }
  /** Leaf hashes as the bundle's tile of this index holds them. */
  | { readonly kind: 'leaves'; readonly first: number; readonly hashes: readonly Hash[] }

/** Of one file in a bundle: 256 records and their payloads fit many times over. */
const FILE_BYTES_MAX = 2 ** 30
const PAYLOAD_MISSING = 0xffffffff

/** @throws `usage` when the file cannot be read, or is no bundle of this format */
export async function* readBundle(path: string, signal: AbortSignal): AsyncGenerator<BundlePart> {
  const file = await open(path, 'r').catch((cause: unknown) => {
    throw problem('usage', `\`${path}\` cannot be read`, {}, cause)
  })
  try {
    let at = 0
    let position = 0
    let lines: string[] | null = null
    for (let place = 0; ; place++) {
      signal.throwIfAborted()
      const header = await take(file, at, TAR_BLOCK_BYTES)
      if (header[0] === 0) return
      const name = header.toString('latin1', 0, 100).replace(/\0.*$/s, '')
      const size = Number.parseInt(header.toString('latin1', 124, 135), 8)
      if (!Number.isSafeInteger(size) || size > FILE_BYTES_MAX) throw notABundle(path, `\`${name}\` has no fit size`)
      const content = await take(file, at + TAR_BLOCK_BYTES, size)
      at += TAR_BLOCK_BYTES * (1 + Math.ceil(size / TAR_BLOCK_BYTES))
      if (place === 0 && (name !== 'format' || content.toString() !== `${BUNDLE_FORMAT}\n`))
        throw notABundle(path, `its format is not \`${BUNDLE_FORMAT}\``)
      const [kind = '', ...rest] = name.split('/')
      if (name === 'checkpoint') yield { kind: 'checkpoint', text: content.toString() }
      else if (kind === 'authority') yield { kind: 'snapshot', number: Number(rest[0]), note: content.toString() }
      else if (kind === 'release') yield { kind: 'release', id: rest[0] ?? '', text: content.toString() }
      else if (name.startsWith('tile/entries/')) lines = entriesOf(content)
      else if (kind === 'payload' && lines !== null) {
        const payloads = payloadsOf(content)
        if (payloads.length !== lines.length) throw notABundle(path, 'records and payloads do not go together')
        const first = position
        yield {
          kind: 'records',
          records: lines.map((line, i) => ({ position: (first + i) as Position, line, payload: payloads[i] ?? null })),
        }
        position += lines.length
        lines = null
      } else if (kind === 'effect') yield { kind: 'effects', payloads: payloadsOf(content) }
      else if (name.startsWith('tile/0/')) {
        const hashes = content.toString('hex').match(/.{64}/g) ?? []
        yield { kind: 'leaves', first: indexOf(name) * 256, hashes: hashes as Hash[] }
      }
    }
  } catch (error) {
    if (error instanceof RangeError) throw notABundle(path, 'it ends early', error)
    throw error
  } finally {
    await file.close()
  }
}

async function take(file: Awaited<ReturnType<typeof open>>, at: number, bytes: number): Promise<Buffer> {
  const buffer = Buffer.allocUnsafe(bytes)
  for (let got = 0; got < bytes;) {
    const { bytesRead } = await file.read(buffer, got, bytes - got, at + got)
    if (bytesRead === 0) throw new RangeError('the bundle ends early')
    got += bytesRead
  }
  return buffer
}

/** Lines without their final newline. @throws RangeError */
function entriesOf(content: Buffer): string[] {
  const lines: string[] = []
  for (let at = 0; at < content.length;) {
    const end = at + 2 + content.readUInt16BE(at)
    if (end > content.length) throw new RangeError('a record is cut off')
    lines.push(content.toString('utf8', at + 2, end - 1))
    at = end
  }
  return lines
}

function payloadsOf(content: Buffer): (string | null)[] {
  const payloads: (string | null)[] = []
  for (let at = 0; at < content.length;) {
    const length = content.readUInt32BE(at)
    const end = at + 4 + (length === PAYLOAD_MISSING ? 0 : length)
    if (end > content.length) throw new RangeError('a payload is cut off')
    payloads.push(length === PAYLOAD_MISSING ? null : content.toString('utf8', at + 4, end))
    at = end
  }
  return payloads
}

/** `tile/0/x001/234.p/7` → 1234. */
const indexOf = (name: string): number =>
  Number(
    name
      .slice('tile/0/'.length)
      .replace(/\.p\/\d+$/, '')
      .replaceAll(/[^0-9]/g, ''),
  )

const notABundle = (path: string, why: string, cause?: unknown) =>
  problem('usage', `\`${path}\` is no bundle: ${why}`, {}, cause)
