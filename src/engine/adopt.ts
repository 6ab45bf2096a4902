/**
 * A new authority snapshot comes into force: first in the committer (so that nothing revoked can commit any more), then for what is under way
 * (told to stop), then on record in the log.
 */
import { AUTHORITY } from './engine-streams.ts'
import { recordOnce } from './record-once.ts'
import type { Parts } from './parts.ts'
import { streamId, type PrincipalId } from '../model/ids.ts'
import { problem } from '../model/problems.ts'
import type { AuthoritySnapshot } from '../warden/authority.ts'

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
