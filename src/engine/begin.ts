/** Where an operation begins: its id from principal and key, and what is already known of it. */
import { IDEMPOTENCY_KEY_MAX } from './bounds.ts'
import { recordedOutcome, withReceipt } from './recorded-outcome.ts'
import type { Parts } from './parts.ts'
import { operationId, sha256Hex, type Hash, type OperationId } from '../model/ids.ts'
import { canonicalJson } from '../model/json.ts'
import type { Intent, Outcome } from '../model/operation.ts'
import type { Principal } from '../model/principal.ts'
import { problem } from '../model/problems.ts'

export type Begun =
  | { readonly kind: 'new'; readonly operation: OperationId; readonly intentHash: Hash }
  | { readonly kind: 'known'; readonly operation: OperationId; readonly outcome: Promise<Outcome> }

/**
 * @param signal ends the waiting for an operation that is under way; that goes on for whoever else waits
 * @throws `idempotency-key-missing`, `idempotency-key-invalid`, `idempotency-key-reused`
 */
export function begin(parts: Parts, principal: Principal, intent: Intent, signal: AbortSignal): Begun {
  checkKey(intent.idempotencyKey)
  const operation = operationId(principal.id, intent.idempotencyKey)
  const intentHash = hashOfIntent(intent, principal)
  const running = parts.running.join(operation, intentHash, signal)
  if (running !== undefined) return { kind: 'known', operation, outcome: running.then(asReplay) }
  const recorded = recordedOutcome(parts, operation, intentHash)
  if (recorded !== null) {
    const outcome = recorded.then((known) => withReceipt(parts, known)).then(asReplay)
    return { kind: 'known', operation, outcome }
  }
  return { kind: 'new', operation, intentHash }
}

/** What makes two requests the same payload: command, input, run and for whom; not the headers that only trace it. */
export const hashOfIntent = (intent: Intent, principal: Principal): Hash =>
  sha256Hex(canonicalJson([intent.command, intent.input, intent.run, principal.onBehalfOf]))

const asReplay = (outcome: Outcome): Outcome => ({ ...outcome, replayed: true })

function checkKey(key: string): void {
  if (key === '') throw problem('idempotency-key-missing', 'the request has no idempotency key')
  if (key.length > IDEMPOTENCY_KEY_MAX || !/^[\x21-\x7e]+$/.test(key)) {
    throw problem(
      'idempotency-key-invalid',
      `a key is 1 to ${IDEMPOTENCY_KEY_MAX} printable ASCII characters without spaces`,
      { limit: IDEMPOTENCY_KEY_MAX },
    )
  }
}
