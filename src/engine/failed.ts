/**
 * What ended an operation without an answer: a fault of the application's code or of its limits, a switch, a breaker, a revocation, the deadline. On
 * record all the same, so that `why` can show it. Nothing was written.
 */
import { payloadUndecided } from './operation-payload.ts'
import type { Parts } from './parts.ts'
import { keptOf } from './personal/code-text.ts'
import { whereOf, type Proposal } from './proposal.ts'
import { SWITCHED } from './switches.ts'
import { Problem, type ProblemCode } from '../model/problems.ts'

const ON_RECORD: ReadonlySet<ProblemCode> = new Set([
  'limit-exceeded',
  'application-failed',
  'application-output-invalid',
  'sandbox-unavailable',
  'stream-contended',
  'principal-revoked',
  'deadline-exceeded',
  'authority-expired',
  'breaker-open',
  'run-of-another',
  ...SWITCHED,
])

/** What is recorded of who asked for what. */
type Failed = Pick<Proposal, 'input' | 'intentHash' | 'principal' | 'operation'> & {
  readonly intent: Pick<Proposal['intent'], 'command' | 'run'>
}

export function recordFailure(parts: Parts, proposal: Failed, error: unknown): void {
  if (!(error instanceof Problem) || !ON_RECORD.has(error.code)) return
  const { intent, principal, operation } = proposal
  const payload = payloadUndecided({ ...proposal, intent: { command: intent.command } }, null, {
    kind: 'refused',
    code: error.code,
    title: error.spec.title,
    detail: keptOf(parts, error),
  })
  parts.aside.record('failed', principal, operation, payload, whereOf(parts, proposal))
}
