/**
 * A new authority snapshot comes into force: first in the committer (so that nothing revoked can commit any more), then for what is under way
 * (told to stop), then on record in the log.
 */
import { commitPlan } from './engine-operation.ts'
import { AUTHORITY, foldEngineStream, RELEASE } from './engine-streams.ts'
import type { Parts } from './parts.ts'
import type { Proposal } from './proposal.ts'
import { operationId, sha256Hex, streamId, type PrincipalId, type StreamId } from '../model/ids.ts'
import { canonicalJson, type JsonObject } from '../model/json.ts'
import type { Principal } from '../model/principal.ts'
import { problem } from '../model/problems.ts'
import type { AuthoritySnapshot } from '../warden/authority.ts'

/** The engine as the actor of what nobody asked for: no chain, so nothing can be done in its name. */
const ENGINE: Principal = {
  id: 'plinth' as PrincipalId,
  kind: 'service',
  roles: [],
  chain: [],
  onBehalfOf: null,
  tenant: 'default',
}

const SNAPSHOTS = streamId(AUTHORITY, 'snapshots')

/** Revoked principals have no epoch that could match. */
export const epochsOf = (snapshot: AuthoritySnapshot): ReadonlyMap<PrincipalId, number> =>
  new Map(snapshot.principals.map(({ id, epoch, revoked }) => [id, revoked ? -1 : epoch]))

export async function enforce(parts: Parts, snapshot: AuthoritySnapshot): Promise<number> {
  await parts.committer.adoptEpochs(snapshot.number, epochsOf(snapshot))
  const live = epochsOf(snapshot)
  return parts.running.stopWhere(
    ({ chain }) => chain.some(({ principal, epoch }) => live.get(principal) !== epoch),
    (operation) =>
      problem('principal-revoked', 'the principal, or one it depends on, was revoked while this was under way', {
        operation,
      }),
  )
}

/**
 * At opening: what is current now must be the snapshot last acted on, or follow from it.
 * @throws `authority-invalid` for one that is older, or of another history
 */
export async function refuseOlder(parts: Parts, signal: AbortSignal): Promise<void> {
  const { state } = await parts.states.at(SNAPSHOTS, parts.states.visible, signal)
  if (state === null) return
  const { snapshot, hash } = JSON.parse(state) as { readonly snapshot: number; readonly hash: string }
  const { number } = parts.authority.current()
  if (number < snapshot)
    throw problem('authority-invalid', `the newest snapshot is ${number}, but ${snapshot} has been acted on`, {
      reason: 'older',
    })
  if ((await parts.authority.past(snapshot))?.hash !== hash)
    throw problem('authority-invalid', `snapshot ${snapshot} is not the one that has been acted on`, {
      reason: 'forked',
    })
}

/** One record for each snapshot that was in force, with its hash: what an admission names by number can be found again. */
export function recordAuthority(parts: Parts): Promise<void> {
  const { number } = parts.authority.current()
  const hash = parts.authority.hash()
  return recordOnce(parts, SNAPSHOTS, 'plinth.adopt', `authority:${number}:${hash}`, 'adopted', {
    snapshot: number,
    hash,
  })
}

/** One record for each release that became the active one. */
export async function recordRelease(parts: Parts, signal: AbortSignal): Promise<void> {
  const { id, manifest, bundle } = parts.release
  const stream = streamId(RELEASE, manifest.name)
  const { version, state } = await parts.states.at(stream, parts.states.visible, signal)
  if (state !== null && (JSON.parse(state) as JsonObject)['release'] === id) return
  const data = { release: id, manifest: sha256Hex(canonicalJson(manifest)), bundle: sha256Hex(bundle) }
  await recordOnce(parts, stream, 'plinth.activate', `release:${id}:${version}`, 'activated', data)
}

async function recordOnce(
  parts: Parts,
  stream: StreamId,
  command: string,
  key: string,
  type: string,
  data: JsonObject,
): Promise<void> {
  const operation = operationId(ENGINE.id, key)
  if (parts.reader.operation(operation) !== null) return
  const proposal: Proposal = {
    operation,
    intentHash: sha256Hex(key),
    principal: ENGINE,
    intent: { command, input: data, idempotencyKey: key, run: null, correlation: null, causation: null },
    input: data,
    approvals: [],
    resumed: null,
  }
  const text = canonicalJson(data)
  for (;;) {
    const { version, state } = await parts.states.at(stream, parts.states.visible, AbortSignal.timeout(10_000))
    const after = foldEngineStream('', state, [{ data: text }])
    const result = await commitPlan(parts, proposal, null, {
      streams: [{ stream, version }],
      events: [{ stream, version: version + 1, type, data: text }],
      rows: [],
      after: new Map([[stream, after]]),
      result: null,
    })
    if (result.kind !== 'moved') return
  }
}
