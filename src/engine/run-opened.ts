/**
 * To whom a run is open. It belongs to the agent that calls under it first, or rather to that agent's team: the topmost agent among its owners and
 * all agents below. The first call puts this on record before anything is read or decided, so that what was attested for the run, what its limits
 * leave and what it has taken in are nobody else's. Who has attested for a run may call under it too, and opens it for nobody by doing so.
 */
import { ATTEMPTS_MAX } from './bounds.ts'
import { commitPlan } from './engine-operation.ts'
import { oneEvent } from './engine-plan.ts'
import { runOpenedStream, runStream } from './engine-streams.ts'
import type { Parts } from './parts.ts'
import { ENGINE } from './record-once.ts'
import { loadEvents } from '../event-log/load.ts'
import { operationId, sha256Hex, type Position, type PrincipalId, type RunId } from '../model/ids.ts'
import { teamOf, type Principal } from '../model/principal.ts'
import { Problem, problem, type ProblemCode } from '../model/problems.ts'
import { parseRecord } from '../model/record-line.ts'

export const OPEN_RUN = 'plinth.open-run'
/** Attestations of one run among which a front door is looked for. */
const ATTESTED_MAX = 200
/** While these last, changes are turned down and reads are answered. */
const NOTHING_IS_WRITTEN: ReadonlySet<ProblemCode> = new Set([
  'signer-unconfirmed',
  'signer-unavailable',
  'signer-refused',
  'signer-fenced',
  'signer-state-damaged',
  'log-behind-signer',
  'log-forked',
  'log-stopped',
  'storage-unavailable',
])

/**
 * Opens the run to this caller, unless it is open to somebody already.
 * @throws `run-of-another`; what a commit throws, when it is the first call
 */
export async function enterRun(
  parts: Parts,
  principal: Principal,
  run: RunId | null,
  signal: AbortSignal,
): Promise<void> {
  if (run === null) return
  const team = teamOf(principal)
  let opened = await openedBy(parts, run, signal)
  if (opened === team || hasAttested(parts, run, principal.id)) return
  opened ??= await open(parts, run, team, signal)
  if (opened !== team)
    throw problem('run-of-another', `\`${principal.id}\` may not call under the run \`${run}\``, { run })
}

/**
 * The same for a read, which is answered also while nothing can be written: then a run that nobody has opened is nobody's, and what was attested for
 * it is not shown.
 * @returns the run, or null when it could not be opened @throws `run-of-another`
 */
export async function enterRunToRead(
  parts: Parts,
  principal: Principal,
  run: RunId | null,
  signal: AbortSignal,
): Promise<RunId | null> {
  try {
    await enterRun(parts, principal, run, signal)
    return run
  } catch (error) {
    if (error instanceof Problem && NOTHING_IS_WRITTEN.has(error.code)) return null
    throw error
  }
}

/**
 * Opens the run before its first call, to the team of the agent that a front door names, so that nobody else can be first.
 * @throws `invalid-input` for an agent that is not there; `run-of-another`
 */
export async function openRunTo(parts: Parts, agent: PrincipalId, run: RunId, signal: AbortSignal): Promise<void> {
  const team = teamOf(agentNamed(parts, agent))
  const opened = (await openedBy(parts, run, signal)) ?? (await open(parts, run, team, signal))
  if (opened !== team) throw problem('run-of-another', `the run \`${run}\` is not open to \`${agent}\``, { run })
}

function agentNamed({ identity }: Parts, agent: PrincipalId): Principal {
  try {
    return identity.byId(agent)
  } catch (error) {
    if (!(error instanceof Problem)) throw error
    throw problem('invalid-input', `the run cannot be opened to \`${agent}\`: ${error.detail}`)
  }
}

async function openedBy(parts: Parts, run: RunId, signal: AbortSignal): Promise<PrincipalId | null> {
  const { state } = await parts.states.at(runOpenedStream(run), parts.states.visible, signal)
  return state === null ? null : (JSON.parse(state) as { readonly by: PrincipalId }).by
}

/** Once, whoever else tries at the same time: the stream takes one first event. @returns to whom it is open then */
async function open(parts: Parts, run: RunId, by: PrincipalId, signal: AbortSignal): Promise<PrincipalId> {
  const obstacle = parts.firstRecords.obstacle(parts)
  if (obstacle !== null) throw obstacle
  const stream = runOpenedStream(run)
  const idempotencyKey = `${OPEN_RUN}:${run}`
  const input = { run, by }
  const untraced = { run: null, correlation: null, causation: null }
  const proposal = {
    operation: operationId(ENGINE.id, idempotencyKey),
    intentHash: sha256Hex(idempotencyKey),
    principal: ENGINE,
    intent: { command: OPEN_RUN, input, idempotencyKey, ...untraced },
    input,
    approvals: [],
    resumed: null,
  }
  for (let attempt = 1; attempt <= ATTEMPTS_MAX; attempt++) {
    await commitPlan(parts, proposal, null, oneEvent(stream, { version: 0, state: null }, 'opened', { by }, null))
    signal.throwIfAborted()
    const opened = await openedBy(parts, run, signal)
    if (opened !== null) return opened
  }
  throw problem('stream-contended', `tried ${ATTEMPTS_MAX} times to open the run \`${run}\``, {
    operation: proposal.operation,
    attempts: ATTEMPTS_MAX,
  })
}

function hasAttested({ reader, states }: Parts, run: RunId, principal: PrincipalId): boolean {
  const attested = loadEvents(reader, runStream(run), 0, states.visible as Position, ATTESTED_MAX)
  return attested.some(({ line }) => parseRecord(line)?.actor === principal)
}
