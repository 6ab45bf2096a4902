/** The outcome of an operation, for whoever asked it: now, or as soon as it changes within a bounded wait. Asking changes nothing. */
import { OUTCOME_WAIT_MAX_MS } from './bounds.ts'
import type { OperationPayload } from './operation-payload.ts'
import type { Parts } from './parts.ts'
import { mayRead } from './reading.ts'
import { readOperation, recordedOutcome, withReceipt } from './recorded-outcome.ts'
import { highest, type Level } from '../model/acknowledgement.ts'
import type { OperationId, PrincipalId } from '../model/ids.ts'
import type { Outcome } from '../model/operation.ts'
import { teamOf, type Credentials } from '../model/principal.ts'
import { Problem, problem } from '../model/problems.ts'

const LOOK_EVERY_MS = 100

/**
 * @throws `no-such-operation`: also for somebody else's, unless the caller may read records, and for one that ended without an outcome;
 * `operation-running` when it is still under way after the wait
 */
export async function outcome(
  parts: Parts,
  credentials: Credentials,
  operation: OperationId,
  waitMs: number,
  acknowledge: Level | null,
  signal: AbortSignal,
): Promise<Outcome> {
  const principal = await parts.identity.authenticate(credentials, signal)
  parts.acknowledgement.require(highest(acknowledge))
  const owner = ownerOf(parts, operation)
  const isNot = () => problem('no-such-operation', `no operation \`${operation}\` of yours is on record`)
  if (owner === null) throw isNot()
  if (owner !== principal.id)
    await mayRead(parts, credentials, { kind: 'operations' }, { outcome: operation }, signal).catch(
      (error: unknown) => {
        throw error instanceof Problem && error.code === 'forbidden' ? isNot() : error
      },
    )
  const asked = Math.min(Math.max(waitMs, 0), OUTCOME_WAIT_MAX_MS)
  if (asked === 0 || !parts.waits.begin(principal.id))
    return await whenThere(parts, teamOf(principal), operation, acknowledge, 0, signal)
  try {
    return await whenThere(parts, teamOf(principal), operation, acknowledge, asked, signal)
  } finally {
    parts.waits.end(principal.id)
  }
}

async function whenThere(
  parts: Parts,
  team: PrincipalId,
  operation: OperationId,
  acknowledge: Level | null,
  waitMs: number,
  signal: AbortSignal,
): Promise<Outcome> {
  const until = parts.clock.nowMs() + waitMs
  for (;;) {
    const recorded = await recordedOutcome(parts, operation, null)
    const leftMs = until - parts.clock.nowMs()
    if (recorded !== null && recorded.kind === 'committed') parts.flows.toldOutcome(team, actionOf(parts, operation))
    if (recorded !== null && (recorded.kind !== 'held' || leftMs <= 0))
      return await parts.acknowledgement.answer(await withReceipt(parts, recorded), acknowledge, leftMs, signal)
    if (recorded === null && !parts.running.has(operation)) throw withoutOutcome(parts, operation)
    if (recorded === null && parts.clock.nowMs() >= until)
      throw problem('operation-running', 'it is under way', { operation })
    await new Promise<void>((resolve, reject) => {
      const timer = setTimeout(done, LOOK_EVERY_MS)
      function done(): void {
        clearTimeout(timer)
        signal.removeEventListener('abort', done)
        if (signal.aborted) reject(signal.reason as Error)
        else resolve()
      }
      signal.addEventListener('abort', done, { once: true })
    })
  }
}

function actionOf(parts: Parts, operation: OperationId): string {
  const stored = parts.reader.operation(operation)
  const record = stored === null ? null : (readOperation(parts, stored.position)?.record ?? null)
  return record?.kind === 'operation' ? record.action : ''
}

/** A fault is no outcome: nothing was written, and the same key tries again. */
function withoutOutcome(parts: Parts, operation: OperationId): Problem {
  const failed = parts.aside.find(operation)?.record
  const { outcome } = failed === undefined ? { outcome: null } : (JSON.parse(failed.body) as OperationPayload)
  const why = outcome?.kind === 'refused' ? `it failed with \`${outcome.code}\`` : 'it was given up'
  return problem('no-such-operation', `${why} and wrote nothing; the same request with the same key tries again`)
}

function ownerOf(parts: Parts, operation: OperationId): string | null {
  const stored = parts.reader.operation(operation)
  if (stored !== null) return readOperation(parts, stored.position)?.record.actor ?? null
  return parts.running.principalOf(operation)?.id ?? parts.aside.find(operation)?.record.principal ?? null
}
