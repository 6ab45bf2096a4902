/**
 * What the engine's own actions may write: an attestation exactly what was stated, an approval exactly what its approver signed, an import the opening
 * events of its importer. A runtime that writes anything else under their name has admitted what nobody asked for.
 */
import type { Standing } from './standing.ts'
import type { AuditedEvent, Transaction } from './transactions.ts'
import { ATTEST } from '../attest.ts'
import { APPROVE } from '../decide-approval.ts'
import { ERASE } from '../erase.ts'
import { approvalStream, GRANT, grantStream, isEngineEntity, runStream, streamOfErasures } from '../engine-streams.ts'
import { IMPORT } from '../import-records.ts'
import type { OperationPayload } from '../operation-payload.ts'
import { streamParts, type ApprovalId } from '../../model/ids.ts'
import { canonicalJson, type JsonObject } from '../../model/json.ts'
import type { Manifest } from '../../model/manifest.ts'
import type { Erasure } from '../../model/personal.ts'
import type { Principal } from '../../model/principal.ts'
import { Problem } from '../../model/problems.ts'
import type { OperationRecord } from '../../model/record.ts'
import { verifyApproval, verifyGrant } from '../../warden/approval-decision.ts'
import type { AuthoritySnapshot } from '../../warden/authority.ts'

type Written = Transaction & { readonly record: OperationRecord; readonly payload: OperationPayload }

/** Why the events of an operation are not ones that its action may write; null when they are. */
export function writtenFault(
  written: Written,
  principal: Principal,
  manifest: Manifest,
  snapshot: AuthoritySnapshot,
  standing: Standing,
): string | null {
  const { record, payload, events } = written
  if (record.action === ATTEST) return attestFault(record, payload, events)
  if (record.action === ERASE) return eraseFault(payload, events)
  if (record.action === APPROVE) return approveFault(payload, events, principal, snapshot, standing)
  const declared =
    record.action === IMPORT ? importedBy(payload, manifest) : (manifest.commands[record.action]?.appends ?? [])
  const approval = record.state === 'held' ? payload.hold?.approval : standing.waiting(record.op)?.approval?.approval
  const own = approval === undefined ? null : approvalStream(approval as ApprovalId)
  const wrong = events.find(({ record: { stream } }) => {
    const { entity } = streamParts(stream)
    if (payload.authority?.approvals[0]?.approval.startsWith('grt_') === true && entity === GRANT)
      return stream !== grantStream(record.actor, record.action)
    return isEngineEntity(entity) ? stream !== own : !declared.includes(entity)
  })
  return wrong === undefined ? null : `\`${record.action}\` may not append to \`${wrong.record.stream}\``
}

const importedBy = ({ input }: OperationPayload, { importers }: Manifest): readonly string[] => {
  const name = (input as JsonObject | null)?.['importer']
  return typeof name === 'string' && Object.hasOwn(importers, name) ? [importers[name]?.of ?? ''] : []
}

/** The keys that an erasure names are the store's to say: subject, tenant and reason are what was asked. */
function eraseFault({ input }: OperationPayload, events: readonly AuditedEvent[]): string | null {
  const [event, ...more] = events
  const { subject, tenant } = (input ?? {}) as Partial<Erasure>
  const asAsked =
    more.length === 0 &&
    typeof tenant === 'string' &&
    typeof subject === 'string' &&
    event?.record.stream === streamOfErasures(tenant, subject) &&
    ['subject', 'tenant', 'reason', 'basis'].every(
      (member) =>
        canonicalJson(event.data?.[member] ?? null) === canonicalJson(((input ?? {}) as JsonObject)[member] ?? null),
    )
  return asAsked ? null : 'what it erased is not what was asked'
}

function attestFault(
  { run }: OperationRecord,
  { input }: OperationPayload,
  events: readonly AuditedEvent[],
): string | null {
  const [event, ...more] = events
  const asStated =
    more.length === 0 &&
    run !== null &&
    event?.record.stream === runStream(run) &&
    canonicalJson(event.data) === canonicalJson(input)
  return asStated ? null : 'what it attested is not what was stated'
}

function approveFault(
  { input }: OperationPayload,
  events: readonly AuditedEvent[],
  approver: Principal,
  snapshot: AuthoritySnapshot,
  standing: Standing,
): string | null {
  if ((input as JsonObject)['verdict'] === 'grant') return grantFault(input as JsonObject, events, approver, snapshot)
  if ((input as JsonObject)['verdict'] === 'withdraw')
    return withdrawalFault(input as JsonObject, events, approver, standing)
  const { decisions, verdict, action, ...single } = input as JsonObject
  const decided = Array.isArray(decisions)
    ? (decisions as readonly JsonObject[])
    : [{ ...single, verdict: verdict ?? '' }]
  // Policy was asked with these two members, so they must be what was decided.
  const other = decided.some(
    (one) => one['verdict'] !== verdict || standing.approval(String(one['approval']))?.action !== action,
  )
  if (other) return 'policy was asked about another decision than was made'
  if (events.length !== decided.length) return 'it wrote to another approval request than was decided'
  return (
    decided
      .map((one, place) => decisionFault(one, events[place] as AuditedEvent, approver, snapshot, standing))
      .find((fault) => fault !== null) ?? null
  )
}

/** A grant is written down exactly as its approver signed it, unused. */
function grantFault(
  { signature, action, ...grant }: JsonObject,
  events: readonly AuditedEvent[],
  approver: Principal,
  snapshot: AuthoritySnapshot,
): string | null {
  try {
    const { by, to, command } = verifyGrant(snapshot, { decision: canonicalJson(grant), signature: String(signature) })
    if (action !== command) return 'policy was asked about another grant than was given'
    if (by !== approver.id || approver.kind === 'agent' || approver.chain.some(({ principal }) => principal === to))
      return 'it was granted by who would use it, or by an agent'
    const [event, ...more] = events
    const written = { ...grant, chain: approver.chain, uses: 0, spent: 0 }
    const asSigned =
      more.length === 0 &&
      event?.record.stream === grantStream(to, command) &&
      canonicalJson(event.data) === canonicalJson({ [String(grant['grant'])]: written })
    return asSigned ? null : 'what was put on record is not what was granted'
  } catch (error) {
    if (!(error instanceof Problem)) throw error
    return `the grant is not its approver’s: ${error.detail}`
  }
}

/** A grant that is taken back stays as it was but for that. */
function withdrawalFault(
  { grant, to, action, reason }: JsonObject,
  events: readonly AuditedEvent[],
  { id, kind }: Principal,
  standing: Standing,
): string | null {
  const [event, ...more] = events
  const known = standing.grant(String(grant))
  const withdrawn = known === undefined ? null : { ...known, withdrawn: { by: id, reason } }
  const asAsked =
    kind !== 'agent' &&
    more.length === 0 &&
    known?.withdrawn === undefined &&
    event?.record.stream === grantStream(String(to), String(action)) &&
    canonicalJson(event.data) === canonicalJson({ [String(grant)]: withdrawn } as unknown as JsonObject)
  return asAsked ? null : 'what it took back is not a grant as it was'
}

function decisionFault(
  { signature, ...decision }: JsonObject,
  event: AuditedEvent,
  approver: Principal,
  snapshot: AuthoritySnapshot,
  standing: Standing,
): string | null {
  const { by, verdict, binds, approval } = decision
  if (event.record.stream !== approvalStream(approval as ApprovalId))
    return 'it wrote to another approval request than was decided'
  try {
    verifyApproval(snapshot, { decision: canonicalJson(decision), signature: String(signature) })
  } catch (error) {
    if (!(error instanceof Problem)) throw error
    return `the decision is not its approver’s: ${error.detail}`
  }
  const request = standing.approval(String(approval))
  if (by !== approver.id || request === undefined || request.state !== 'pending' || request.binds !== binds)
    return 'the decision is not about what waited for it'
  const asks = (id: string): boolean => id === request.actor || id === request.onBehalfOf
  if (approver.kind === 'agent' || approver.chain.some(({ principal }) => asks(principal)))
    return 'it was decided by who had asked, or by an agent'
  if ((event.record.type === 'approved') !== (verdict === 'approve')) return 'the decision was the other one'
  const before = request.approvedBy.length
  const given = ((event.data?.['approvedBy'] ?? request.approvedBy) as typeof request.approvedBy).slice(before)
  const unfit = given.find(
    ({ by: who, role }) => who !== by || !approver.roles.includes(role) || !request.requires.includes(role),
  )
  if (unfit !== undefined) return `\`${unfit.by}\` could not approve as \`${unfit.role}\``
  const all = [...request.approvedBy, ...given]
  if (event.data?.['state'] === 'approved' && !request.requires.every((role) => all.some((one) => one.role === role)))
    return 'it counts as approved before everybody had approved'
  return null
}
