/** What a find returned, as one hash: the engine records it, the committer takes it again to see whether the answer still holds. */
import type { Row } from './decision.ts'
import { canonicalJson } from './json.ts'
import { sha256Hex, type Hash } from './ids.ts'

/** SHA-256 over id, key and canonical row of each row, in the order they came back. */
export const findDigest = (rows: readonly Row[]): Hash =>
  sha256Hex(rows.map((row) => canonicalJson([row.id, row.key, row.stored ?? row.row])).join('\n'))
