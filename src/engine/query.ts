/** The read path: the same gates as a change, without impact and events. Leaves an access record. */
import { admitQuery } from './admit-query.ts'
import { positionOf } from './at.ts'
import { attestedFor } from './attested.ts'
import type { At, QueryOutcome, Timed } from './engine.ts'
import { payloadOf, type StoredOutcome } from './operation-payload.ts'
import type { Parts } from './parts.ts'
import { whereOf } from './proposal.ts'
import { ReadSession } from './read-session.ts'
import { readQuery, type QueryCall } from './read-query.ts'
import { recordFailure } from './failed.ts'
import { isForbidden, titleOf } from './refused.ts'
import { enterRunToRead } from './run-opened.ts'
import { Stopwatch } from './stopwatch.ts'
import { passSwitches } from './switches.ts'
import type { Admission } from '../model/admission.ts'
import { readOperationId, sha256Hex, type RunId } from '../model/ids.ts'
import { canonicalJson, type Json } from '../model/json.ts'
import { obliged } from '../model/obligations.ts'
import { teamOf, type Credentials } from '../model/principal.ts'
import { problem } from '../model/problems.ts'

/**
 * Answers one query as of now or of a position, with the checkpoint it is answered under.
 * @throws the faults of src/model/problems.ts; refused and denied are answers
 */
export async function query(
  parts: Parts,
  credentials: Credentials,
  request: { readonly query: string; readonly input: Json; readonly run: RunId | null; readonly at: At },
  signal: AbortSignal,
): Promise<Timed<QueryOutcome>> {
  const { query: name } = request
  const watch = new Stopwatch(parts.clock)
  const principal = await parts.identity.authenticate(credentials, signal)
  watch.lap('authenticate')
  const action = parts.release.manifest.queries[name]
  if (action === undefined || !parts.policy.inScope(principal, name))
    throw problem('no-such-query', `there is no query \`${name}\` here`)
  passSwitches(parts, principal, { command: name, run: request.run }, 'read')
  const input = parts.validators.queryInput(name, request.input)
  const operation = readOperationId(parts.random.bytes(16))
  const recorded = {
    intent: { command: name, run: request.run },
    input,
    intentHash: sha256Hex(canonicalJson([name, input])),
    principal,
  }
  const run = await enterRunToRead(parts, principal, request.run, signal).catch((error: unknown) => {
    recordFailure(parts, { ...recorded, operation }, error)
    throw error
  })
  const session = new ReadSession(parts, positionOf(parts, request.at), 'committed', signal)
  // What was attested counts as of now: looking at the past does not bring back old permissions.
  const attested = await attestedFor(new ReadSession(parts, parts.states.visible, 'committed', signal), run)
  const call: QueryCall = { name, action, input, principal, attested, operation, run: request.run }
  watch.lap('begin')
  const answer = await readQuery(parts, call, session, signal)
  watch.lap('decide')
  if (answer.kind === 'answered') {
    parts.validators.output(name, answer.result)
    if (action.facts !== null && answer.facts === null)
      throw problem('application-output-invalid', `query \`${name}\` declares facts and stated none`)
  }
  const admission = await admitQuery(parts, call, answer.facts, request.at !== null, signal)
  watch.lap('admit')
  const ground = { session, facts: answer.facts, attested, usage: answer.usage }
  /** Beside the log: who read what, on which grounds, and under which admission. */
  const record = (kind: 'read' | 'refused' | 'denied', admission: Admission | null, outcome: StoredOutcome): void => {
    const payload = payloadOf(recorded, ground, { admission, impact: null, attempts: 1, outcome })
    parts.aside.record(kind, principal, operation, payload, whereOf(parts, recorded))
  }
  const flow = { run, team: teamOf(principal), action: name, input, attested }
  const timed = (outcome: QueryOutcome): Timed<QueryOutcome> => ({ answer: outcome, timings: watch.timings() })
  const forbidden = admission.kind === 'denied' && answer.facts !== null && isForbidden(admission)
  if (answer.kind === 'refused' && !forbidden) {
    const { code, detail } = answer
    const title = titleOf(parts, name, code)
    record('refused', null, { kind: 'refused', code, title, detail })
    parts.flows.answered(flow, detail)
    return timed({ kind: 'refused', code, title, detail, operation })
  }
  if (admission.kind !== 'admitted' || answer.kind === 'refused') {
    // There is nothing to park in a read: what a rule would hold is denied until it is so.
    const { rules } = admission.authority
    record('denied', admission, { kind: 'denied', rules })
    return timed({ kind: 'denied', rules, operation })
  }
  record('read', admission, { kind: 'committed', result: null })
  parts.flows.answered(flow, answer.result)
  const checkpoint = await parts.committer.checkpointOver(session.position)
  const result = obliged(answer.result, admission.authority.obligations)
  return timed({ kind: 'answered', result, asOf: session.position, checkpoint, operation })
}
