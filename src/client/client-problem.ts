/** What went wrong with a call: the server's problem by its stable code, or that no answer came. */
import type { JsonObject } from '../model/json.ts'
import type { ProblemCode } from '../model/problems.ts'

/** `unreachable`: no answer came. `unexpected-answer`: one that this client does not know. All others are the server's. */
export type ClientProblemCode = ProblemCode | 'unreachable' | 'unexpected-answer'

export class ClientProblem extends Error {
  readonly code: ClientProblemCode
  /** HTTP status; 0 when no answer came. */
  readonly status: number
  /** The problem object as it came (RFC 9457), or empty. */
  readonly problem: JsonObject
  /** Key of the change: with it, the same call asks for its outcome, or makes it once. Null for a query. */
  readonly key: string | null
  constructor(
    code: ClientProblemCode,
    detail: string,
    at: { readonly status: number; readonly key: string | null; readonly problem?: JsonObject },
    cause?: unknown,
  ) {
    super(`${code}: ${detail}`, cause === undefined ? undefined : { cause })
    this.name = 'ClientProblem'
    this.code = code
    this.status = at.status
    this.problem = at.problem ?? {}
    this.key = at.key
  }
}
