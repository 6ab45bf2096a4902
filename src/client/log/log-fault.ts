/** What a log has done to whoever watches it. */
import type { HeadEvidence } from '../../transparency-log/head-evidence.ts'

export type LogFaultCode =
  /** It has signed two histories: the evidence proves it to anybody. */
  | 'log-equivocation'
  /** It has shown a smaller tree than before: restored from a backup, or cut. */
  | 'log-rollback'
  /** What came with the answer proves nothing: unsigned, not in the tree, of another operation, or not shown to go on from what is kept. */
  | 'log-proof-invalid'
  /** The client's own memory of heads cannot be read; it is not guessed. */
  | 'log-heads-damaged'

/** Nothing that comes with this error should be relied on: ask the operator, show the evidence. */
export class LogFault extends Error {
  override readonly name = 'LogFault'
  readonly code: LogFaultCode
  readonly detail: string
  /** Both signed notes, as `verifier/verify.ts evidence` judges them. Null where no two signed heads are at hand. */
  readonly evidence: HeadEvidence | null
  /** Where the evidence was kept; null when nowhere. */
  readonly file: string | null
  /** The answer that came with it, as it came. The change that it speaks of may have been made. */
  answer: unknown = null
  constructor(
    code: LogFaultCode,
    detail: string,
    found: { readonly evidence: HeadEvidence; readonly file: string | null } | null = null,
    cause?: unknown,
  ) {
    super(`${code}: ${detail}`, cause === undefined ? undefined : { cause })
    this.code = code
    this.detail = detail
    this.evidence = found?.evidence ?? null
    this.file = found?.file ?? null
  }
}
