/** A number for an operation's id: what indexes and filters of many operations hold instead of the id. */
import { hash } from 'node:crypto'
import type { OperationId } from '../model/ids.ts'

const DIGITS = 13 // of hex: 52 bits, which a number holds exactly

/** One more than the greatest digest. */
export const OPERATION_DIGESTS = 2 ** 52

/** The first 52 bits of SHA-256 over the id. */
export const operationDigest = (operation: OperationId): number =>
  Number.parseInt(hash('sha256', operation).slice(0, DIGITS), 16)
