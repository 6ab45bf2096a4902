/** Digests as the data set defines them: null members dropped, numbers rounded to two decimals, RFC 8785 text, SHA-256. */
import { sha256Hex } from '../../src/model/ids.ts'
import { canonicalJson } from '../../src/model/json.ts'

export const digestOf = (value: unknown): string => sha256Hex(canonicalJson(normal(value)))

/** Digest of each record by id, in each collection. */
export type Digests = ReadonlyMap<string, ReadonlyMap<string, string>>

/** One digest over all records of all collections. */
export const stateDigest = (digests: Digests): string =>
  sha256Hex(canonicalJson(Object.fromEntries([...digests].map(([name, byId]) => [name, Object.fromEntries(byId)]))))

function normal(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(normal)
  if (typeof value === 'number') return Math.round(value * 100) / 100
  if (typeof value !== 'object' || value === null) return value
  const members = Object.entries(value).filter(([, member]) => member !== null && member !== undefined)
  return Object.fromEntries(members.map(([name, member]) => [name, normal(member)]))
}
