/** Records what did not change anything: refusals, denials, failures, reads. Apart from the log, bounded, written lazily. */
import type { OperationPayload } from './operation-payload.ts'
import type { Parts } from './parts.ts'
import type { OperationId } from '../model/ids.ts'
import type { Principal } from '../model/principal.ts'
import { SIDE_BODY_BYTES_MAX, type SideRecord } from '../storage/storage.ts'

export function recordAside(
  parts: Parts,
  kind: SideRecord['kind'],
  principal: Principal,
  operation: OperationId,
  payload: OperationPayload,
): void {
  let body = JSON.stringify(payload)
  if (body.length > SIDE_BODY_BYTES_MAX) {
    // The verdict and its grounds matter more than a long input: leave out what the caller sent, and say so.
    body = JSON.stringify({
      ...payload,
      input: { omittedCharacters: JSON.stringify(payload.input).length },
      request: null,
      reads: null,
      facts: null,
    })
  }
  if (body.length > SIDE_BODY_BYTES_MAX)
    body = JSON.stringify({
      ...payload,
      input: null,
      request: null,
      reads: null,
      facts: null,
      attested: {},
      impact: null,
      outcome: { kind: 'denied', rules: [] },
    })
  parts.committer.writeSide(
    [{ operation, kind, principal: principal.id, action: payload.command, recordedAtMs: parts.clock.nowMs(), body }],
    [],
  )
}
