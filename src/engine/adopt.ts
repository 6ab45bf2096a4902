/**
 * A new authority snapshot comes into force: first in the committer (so that nothing revoked or switched off can commit any more), then for what
 * is under way (told to stop), then on record in the log: the snapshot itself, and what became of each operation that was stopped.
 */
import { AUTHORITY } from './engine-streams.ts'
import { recordOnce } from './record-once.ts'
import { adoptLimits } from './history/adopt-limits.ts'
import type { Parts } from './parts.ts'
import type { UnderWay } from './running.ts'
import { followStop } from './stop-reports.ts'
import { subjectOf, switchedProblem } from './switches.ts'
import { streamId, type Hash, type PrincipalId } from '../model/ids.ts'
import { problem, type Problem } from '../model/problems.ts'
import type { AuthoritySnapshot } from '../warden/authority.ts'
import { reaches } from '../warden/switches.ts'

const SNAPSHOTS = streamId(AUTHORITY, 'snapshots')
const OWNERS_MAX = 8 // as in a snapshot's owner chains

/** Whoever is revoked, or owned by somebody who is, has no epoch that could match. */
export function epochsOf(snapshot: AuthoritySnapshot): ReadonlyMap<PrincipalId, number> {
  const byId = new Map(snapshot.principals.map((entry) => [entry.id, entry]))
  const isRevoked = (id: PrincipalId | null): boolean => {
    for (let entry = byId.get(id as PrincipalId), links = 0; entry !== undefined && links < OWNERS_MAX; links++) {
      if (entry.revoked) return true
      entry = byId.get(entry.owner as PrincipalId)
    }
    return false
  }
  return new Map(snapshot.principals.map(({ id, epoch }) => [id, isRevoked(id) ? -1 : epoch]))
}

/** @returns how many operations were told to stop */
export async function enforce(parts: Parts, snapshot: AuthoritySnapshot): Promise<number> {
  const startedUs = parts.clock.monotonicUs()
  await adoptInCommitter(parts, snapshot)
  const epochs = epochsOf(snapshot)
  const before = parts.authority.current()
  const doom = (entry: UnderWay): Problem | null =>
    revokedBy(epochs, before, snapshot, entry) ?? stoppedBy(parts, snapshot, entry)
  const stopped = [...parts.running.stopWhere(doom), ...parts.pauses.stopWhere(doom)]
  followStop(parts, snapshot, stopped, startedUs)
  await adoptLimits(parts, snapshot) // last: it may read the log, and stopping does not wait for that
  return stopped.length
}

/** Also when only the lease was renewed. */
export function adoptInCommitter(parts: Parts, snapshot = parts.authority.current()): Promise<void> {
  return parts.committer.adoptEpochs(snapshot.number, epochsOf(snapshot), {
    switches: snapshot.switches,
    leaseUntilMs: parts.authority.leaseUntilMs(),
    application: parts.release.manifest.name,
  })
}

/** Somebody in the chain, or the one it acts for, is not who they were. */
function revokedBy(
  epochs: ReadonlyMap<PrincipalId, number>,
  before: AuthoritySnapshot,
  now: AuthoritySnapshot,
  { operation, principal: { chain, onBehalfOf } }: UnderWay,
): Problem | null {
  const epochIn = (snapshot: AuthoritySnapshot): number | undefined =>
    snapshot.principals.find(({ id }) => id === onBehalfOf)?.epoch
  const dead =
    chain.find(({ principal, epoch }) => epochs.get(principal) !== epoch)?.principal ??
    (onBehalfOf !== null && ((epochs.get(onBehalfOf) ?? 0) < 0 || epochIn(before) !== epochIn(now)) ? onBehalfOf : null)
  if (dead === null) return null
  return problem('principal-revoked', 'the principal, or one it depends on, was revoked while this was under way', {
    operation,
    principal: dead,
  })
}

/** Only `stop` ends what is under way; what is paused or contained runs on until its commit is turned down, and what is paused then waits. */
function stoppedBy(
  parts: Parts,
  { switches }: AuthoritySnapshot,
  { operation, principal, command, run }: UnderWay,
): Problem | null {
  if (switches.length === 0) return null
  const subject = subjectOf(parts, principal, { command, run })
  const found = switches.find(({ action, scope }) => action === 'stop' && reaches(scope, subject))
  return found === undefined ? null : switchedProblem(found, operation)
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

/** One record for each snapshot that was in force, with its hash: what an admission names by number can be found again, and no other put in its place. */
export class AdoptionRecords {
  readonly #parts: Parts
  readonly #stopListening: () => void
  /** In order; a snapshot is about to be adopted, not yet in force, when the listener hears of it. */
  #heard: { readonly number: number; readonly hash: Hash }[] = []

  constructor(parts: Parts, onHeard: () => void) {
    this.#parts = parts
    this.#stopListening = parts.authority.onAdopt(({ number }, hash) => {
      this.#heard.push({ number, hash })
      onHeard()
    })
  }
  /**
   * Records those that are in force now or were meanwhile. After that, not before: so that whatever is decided at a position behind the record
   * rests on that snapshot or a later one, and an audit can tell.
   */
  async write(): Promise<void> {
    for (let next = this.#heard[0]; next !== undefined; next = this.#heard[0]) {
      if (next.number > this.#parts.authority.current().number) return
      await recordAdoption(this.#parts, next.number, next.hash)
      this.#heard.shift()
    }
    await recordAuthority(this.#parts)
  }
  stop(): void {
    this.#stopListening()
  }
}

export const recordAuthority = (parts: Parts): Promise<void> =>
  recordAdoption(parts, parts.authority.current().number, parts.authority.hash())

const recordAdoption = (parts: Parts, number: number, hash: Hash): Promise<void> =>
  recordOnce(parts, SNAPSHOTS, 'plinth.adopt', `authority:${number}:${hash}`, 'adopted', { snapshot: number, hash })
