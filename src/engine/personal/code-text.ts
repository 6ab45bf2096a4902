/**
 * What is kept of an error that an application's code has worded. It may quote whatever the code has read of anybody, and nobody knows of whom: where
 * personal data is held the words reach the caller and go on no record, which an erasure could not find.
 */
import type { Parts } from '../parts.ts'
import type { JsonObject } from '../../model/json.ts'
import type { Problem, ProblemCode } from '../../model/problems.ts'

const WORDED_BY_CODE: ReadonlySet<ProblemCode> = new Set(['application-failed', 'application-output-invalid'])
const NOT_KEPT = 'told to the caller and not kept: it may quote personal data'

/** Detail of a recorded outcome. */
export const keptOf = ({ personal }: Pick<Parts, 'personal'>, { code, detail, members }: Problem): JsonObject =>
  personal !== null && WORDED_BY_CODE.has(code) ? { error: NOT_KEPT } : { ...members, error: detail }
