/** The read path: the same gates as a change, without impact and events. Leaves an access record. */
import { positionOf } from './at.ts'
import { attestedFor } from './attested.ts'
import type { At, QueryOutcome, Timed } from './engine.ts'
import type { OperationPayload, StoredOutcome } from './operation-payload.ts'
import type { Parts } from './parts.ts'
import { ReadSession } from './read-session.ts'
import { isForbidden, titleOf } from './refused.ts'
import { recordFailure } from './failed.ts'
import { enterRunToRead } from './run-opened.ts'
import { Stopwatch } from './stopwatch.ts'
import { passSwitches } from './switches.ts'
import type { Admission } from '../model/admission.ts'
import type { CellReading } from '../model/decision.ts'
import { base32, sha256Hex, type OperationId, type RunId } from '../model/ids.ts'
import { canonicalJson, type Json, type JsonObject } from '../model/json.ts'
import { obliged } from '../model/obligations.ts'
import { teamOf, type Credentials } from '../model/principal.ts'
import { problem } from '../model/problems.ts'
import type { CellAnswer } from '../sandbox/sandbox.ts'

export async function query(
  parts: Parts,
  credentials: Credentials,
  request: { readonly query: string; readonly input: Json; readonly run: RunId | null; readonly at: At },
  signal: AbortSignal,
): Promise<Timed<QueryOutcome>> {
  const { release, policy, sandbox, states, validators } = parts
  const watch = new Stopwatch(parts.clock)
  const principal = await parts.identity.authenticate(credentials, signal)
  watch.lap('authenticate')
  const manifest = release.manifest.queries[request.query]
  if (manifest === undefined || !policy.inScope(principal, request.query))
    throw problem('no-such-query', `there is no query \`${request.query}\` here`)
  passSwitches(parts, principal, { command: request.query, run: request.run }, 'read')
  const input = validators.queryInput(request.query, request.input)
  const operation = `op_${base32(parts.random.bytes(16))}` as OperationId
  const intentHash = sha256Hex(canonicalJson([request.query, input]))
  const run = await enterRunToRead(parts, principal, request.run, signal).catch((error: unknown) => {
    const intent = { command: request.query, run: request.run }
    recordFailure(parts, { operation, intentHash, principal, intent, input: input as JsonObject }, error)
    throw error
  })
  const session = new ReadSession(parts, positionOf(parts, request.at), 'committed', signal)
  // What was attested counts as of now: looking at the past does not bring back old permissions.
  const attested = await attestedFor(new ReadSession(parts, states.visible, 'committed', signal), run)
  watch.lap('begin')
  const read = async (at: ReadSession): Promise<Exclude<CellAnswer<CellReading>, { kind: 'failed' }>> => {
    const answer = await sandbox.read(
      {
        release: release.id,
        name: request.query,
        input: JSON.stringify(input),
        nowMs: parts.clock.nowMs(),
        seed: operation,
        principal: { id: principal.id, kind: principal.kind, onBehalfOf: principal.onBehalfOf },
        attested,
        prefetched: await at.prefetch(manifest.targets, input),
      },
      at,
      signal,
    )
    signal.throwIfAborted()
    if (!parts.identity.isLive(principal))
      throw problem('principal-revoked', 'the principal, or one it depends on, was revoked while this was under way')
    passSwitches(parts, principal, { command: request.query, run: request.run }, 'read', operation)
    if (answer.kind === 'failed')
      throw problem(answer.code, answer.detail, {
        operation,
        ...(answer.limit === undefined ? {} : { limit: answer.limit, observed: answer.observed ?? null }),
      })
    if (answer.facts !== null) validators.facts(request.query, answer.facts)
    return answer
  }
  const answer = await read(session)
  watch.lap('decide')
  if (answer.kind === 'answered') {
    validators.output(request.query, answer.result)
    if (manifest.facts !== null && answer.facts === null)
      throw problem('application-output-invalid', `query \`${request.query}\` declares facts and stated none`)
  }
  const remember = (kind: 'read' | 'refused' | 'denied', admission: Admission | null, outcome: StoredOutcome): void => {
    const payload: OperationPayload = {
      command: request.query,
      input,
      intentHash,
      principal: { kind: principal.kind, roles: principal.roles },
      reads: session.readSet(),
      facts: answer.facts,
      attested,
      impact: null,
      authority: admission?.authority ?? null,
      request: admission?.request ?? null,
      usage: answer.usage,
      attempts: 1,
      hold: null,
      outcome,
    }
    parts.aside.record(kind, principal, operation, payload, { release: parts.release.id, run: request.run })
  }
  const done = (outcome: QueryOutcome): Timed<QueryOutcome> => ({ answer: outcome, timings: watch.timings() })
  const asked = {
    ...{ run, team: teamOf(principal), action: request.query, input: input as JsonObject, attested },
  }
  const target = manifest.targets[0]
  const targetId = target === undefined ? undefined : (input as JsonObject)[target.member]
  const admit = (facts: JsonObject | null): Admission =>
    policy.admit({
      principal,
      action: request.query,
      resource: target !== undefined && typeof targetId === 'string' ? { entity: target.entity, id: targetId } : null,
      input,
      facts,
      impact: null,
      attested,
      approvals: [],
    })
  let admission = admit(answer.facts)
  if (request.at !== null && admission.kind === 'admitted' && manifest.facts !== null) {
    // Nor do old facts: what was open to everybody then may be closed to this principal now.
    const { facts } = await read(new ReadSession(parts, states.visible, 'committed', signal))
    const now = facts === null ? admission : admit(facts)
    if (now.kind !== 'admitted') admission = now
  }
  watch.lap('admit')
  const forbidden = admission.kind === 'denied' && answer.facts !== null && isForbidden(admission)
  if (answer.kind === 'refused' && !forbidden) {
    const { code, detail } = answer
    const title = titleOf(parts, request.query, code)
    remember('refused', null, { kind: 'refused', code, title, detail })
    parts.flows.answered(asked, detail)
    return done({ kind: 'refused', code, title, detail, operation })
  }
  if (admission.kind !== 'admitted' || answer.kind === 'refused') {
    // There is nothing to park in a read: what a rule would hold is denied until it is so.
    const { rules } = admission.authority
    remember('denied', admission, { kind: 'denied', rules })
    return done({ kind: 'denied', rules, operation })
  }
  remember('read', admission, { kind: 'committed', result: null })
  parts.flows.answered(asked, answer.result)
  const checkpoint = await parts.committer.checkpointOver(session.position)
  const result = obliged(answer.result, admission.authority.obligations)
  return done({ kind: 'answered', result, asOf: session.position, checkpoint, operation })
}
