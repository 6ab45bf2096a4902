/** Page cursors: opaque to callers, pinned to a log position, refused when they are not ours. */
import type { PageRequest } from './engine.ts'
import { PAGE_LIMIT_MAX } from './engine.ts'
import { problem } from '../model/problems.ts'

const CURSOR_CHARACTERS_MAX = 2_048

export function encodeCursor(kind: string, place: readonly (string | number | null)[]): string {
  return Buffer.from(JSON.stringify([kind, ...place])).toString('base64url')
}

/** @returns the place after which to go on, null for the first page. @throws `invalid-cursor`, `malformed-request` for a limit out of bounds */
export function decodeCursor(
  kind: string,
  { after, limit }: PageRequest,
  width: number,
): readonly (string | number | null)[] | null {
  if (!Number.isInteger(limit) || limit < 1 || limit > PAGE_LIMIT_MAX)
    throw problem('malformed-request', `a page holds 1 to ${PAGE_LIMIT_MAX} items`, { limit: PAGE_LIMIT_MAX })
  if (after === null) return null
  const wrong = problem('invalid-cursor', 'the cursor of this page is not one that this list gave')
  if (after.length > CURSOR_CHARACTERS_MAX) throw wrong
  let place: unknown
  try {
    place = JSON.parse(Buffer.from(after, 'base64url').toString('utf8'))
  } catch {
    throw wrong
  }
  if (!Array.isArray(place) || place.length !== width + 1 || place[0] !== kind) throw wrong
  const rest: unknown[] = place.slice(1)
  if (!rest.every((part) => part === null || typeof part === 'string' || Number.isSafeInteger(part))) throw wrong
  return rest as (string | number | null)[]
}
