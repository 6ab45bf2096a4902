/** The one answer to "what is the system's current state". */
import { acknowledgementStatus } from './acknowledgement-status.ts'
import { APPROVALS_MODEL } from './approval-request.ts'
import type { Self } from './engine.ts'
import type { Parts } from './parts.ts'
import { mayRead } from './reading.ts'
import { FIND_LIMIT_MAX } from '../model/decision.ts'
import type { Credentials } from '../model/principal.ts'

const BREAKERS_SHOWN = 100

/** Declared states in which the system does less than it was asked to; none on a good day. */
function degradedStates(parts: Parts): Self['degraded'] {
  const untilMs = parts.authority.leaseUntilMs()
  const { state, sinceMs } = parts.committer.signing()
  return [
    ...(untilMs === null || parts.clock.nowMs() <= untilMs
      ? []
      : [{ state: 'read-only', code: 'authority-expired', sinceMs: untilMs } as const]),
    ...(state === 'unconfirmed'
      ? [{ state: 'read-only', code: 'signer-unconfirmed', sinceMs: sinceMs ?? parts.clock.nowMs() } as const]
      : []),
  ]
}

export async function self(
  parts: Parts,
  origin: string,
  startedAtMs: number,
  credentials: Credentials,
  signal: AbortSignal,
): Promise<Self> {
  await mayRead(parts, credentials, { kind: 'self' }, { self: true }, signal)
  const head = parts.reader.head()
  const snapshot = parts.authority.current()
  const held = parts.reader.find({
    model: APPROVALS_MODEL,
    where: { open: true },
    order: [],
    limit: FIND_LIMIT_MAX,
    after: null,
  }).length
  return {
    application: parts.release.manifest.name,
    release: parts.release.id,
    position: head.position,
    treeSize: head.treeSize,
    rootHash: head.rootHash,
    origin,
    checkpoint: await parts.committer.checkpoint(),
    authority: {
      snapshot: snapshot.number,
      policySet: parts.policy.status().policySet,
      principals: snapshot.principals.length,
      leaseUntilMs: parts.authority.leaseUntilMs(),
      findings: parts.authority.status().findings,
    },
    switches: snapshot.switches,
    ceilings: snapshot.ceilings,
    protected: snapshot.protected.length,
    breakers: parts.breakers.list(parts, BREAKERS_SHOWN),
    degraded: degradedStates(parts),
    sandbox: parts.sandbox.status(),
    acknowledgement: acknowledgementStatus(parts),
    anchors: parts.anchoring.states(head.treeSize),
    signer: parts.committer.signing(),
    queues: {
      running: parts.running.count,
      paused: parts.pauses.count,
      held,
      outbox: parts.reader.effectCount(),
      lost: parts.committer.sideLost,
    },
    startedAtMs,
  }
}
