/** What a seal of each table is over. */
import type { Hash } from '../../model/ids.ts'
import type { CommitRow } from './packed-commit.ts'
import type { Seal, Sealer } from './seal.ts'

/** A row of `log`, as it comes from the file: of whatever types somebody has put there. */
export interface LogRow {
  readonly first: number
  readonly count: unknown
  readonly at: unknown
  readonly operation: unknown
  readonly intent: unknown
  readonly leaves: unknown
  readonly sizes: unknown
  readonly body: unknown
  readonly seal: unknown
}
export const LOG_COLUMNS = 'first, count, at, operation, intent, leaves, sizes, body, seal'
/** The log's head, with the tally that is sealed together with it. */
export const HEAD =
  'SELECT position, size, root, at, effects, content, seal FROM head LEFT JOIN tally ON tally.id = head.id'
export interface HeadRow {
  readonly position: number
  readonly size: number
  readonly root: string
  readonly at: number
  readonly effects: number
  readonly content: string | null
  readonly seal: string | null
}
export const isHeadSealed = (sealer: Sealer, { position, size, root, at, effects, content, seal }: HeadRow): boolean =>
  content !== null &&
  seal === sealHead(sealer, { position, treeSize: size, rootHash: root, recordedAtMs: at, effects }, content)
export const sealHead = (
  sealer: Sealer,
  head: { position: number; treeSize: number; rootHash: string; recordedAtMs: number; effects: number },
  content: string,
): Seal => sealer.seal('tally', head.position, head.treeSize, head.rootHash, head.recordedAtMs, head.effects, content)

const LOG_SEAL_CHARACTERS = 32 // 128 bits: nothing is summed over these

/** Over everything but the body, which its leaves are over. */
export const sealCommit = (
  sealer: Sealer,
  row: {
    readonly first: number
    readonly count: number
    readonly at: number
    readonly operation: string
    readonly sizes: string
  },
  intent: string,
  leaves: string,
): Seal =>
  sealer
    .seal('log', row.first, row.count, row.at, row.operation, row.sizes, intent, leaves)
    .slice(0, LOG_SEAL_CHARACTERS)

export const isCommitSealed = (sealer: Sealer, row: LogRow): boolean =>
  typeof row.count === 'number' &&
  typeof row.at === 'number' &&
  typeof row.operation === 'string' &&
  typeof row.sizes === 'string' &&
  row.seal ===
    sealCommit(
      sealer,
      { first: row.first, count: row.count, at: row.at, operation: row.operation, sizes: row.sizes },
      hexOf(row.intent),
      hexOf(row.leaves),
    )

/** Something that can be taken apart, whatever the row holds. */
export function commitOf({ first, count, leaves, sizes, body }: LogRow): CommitRow {
  const bytes = leaves instanceof Uint8Array ? leaves : new Uint8Array()
  return {
    first,
    count: Math.max(0, Math.min(Number(count) || 0, Math.floor(bytes.length / 32))),
    leaves: bytes,
    sizes: typeof sizes === 'string' ? sizes : '',
    body: typeof body === 'string' ? body : '',
  }
}
export const hexOf = (bytes: unknown): Hash =>
  (bytes instanceof Uint8Array
    ? Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('hex')
    : `!${typeof bytes}`) as Hash

export const sealSnapshot = (
  sealer: Sealer,
  stream: string,
  {
    version,
    position,
    leaf,
    release,
    state,
  }: { version: number; position: number; leaf: string; release: string; state: string },
): Seal => sealer.seal('snapshot', stream, version, position, leaf, release, state)

export const sealSide = (
  sealer: Sealer,
  id: number,
  row: {
    kind: string
    principal: string
    operation: string | null
    action: string
    recordedAtMs: number
    body: string
  },
): Seal => sealer.seal('side', id, row.kind, row.principal, row.operation, row.action, row.recordedAtMs, row.body)

/** @param until null for a row that holds now */
export const sealRow = (
  sealer: Sealer,
  no: number,
  id: string,
  key: string,
  since: number,
  until: number | null,
  row: string,
): Seal => sealer.seal('row', no, id, key, since, until, row)

export const sealModel = (sealer: Sealer, no: number, name: string, definition: string): Seal =>
  sealer.seal('read_model', no, name, definition)

/** Counted, not stored: nothing is decided on these rows alone. */
export const sealSubjectKey = (sealer: Sealer, kid: string, stream: number, derived: number): Seal =>
  sealer.seal('subject_key', kid, stream, derived)
