/** Turns `?at=` into a log position: a position as it is, a time into the last record at or before it. */
import type { At } from './engine.ts'
import type { Parts } from './parts.ts'
import type { Position } from '../model/ids.ts'
import { problem } from '../model/problems.ts'

/** @throws `invalid-position` when the log does not reach that far */
export function positionOf(parts: Parts, at: At): Position {
  const head = parts.states.visible
  if (at === null) return head
  if ('position' in at) {
    if (!Number.isSafeInteger(at.position) || at.position < -1 || at.position > head)
      throw problem('invalid-position', `the log ends at position ${head}`, { head })
    return at.position as Position
  }
  if (!Number.isSafeInteger(at.timeMs))
    throw problem('invalid-position', 'a time is a whole number of milliseconds since 1970, or an ISO date and time')
  return Math.min(parts.reader.positionAt(at.timeMs), head) as Position
}
