/**
 * A new authority snapshot comes into force: first in the committer (so that nothing revoked can commit any more), then for what is under way
 * (told to stop), then on record in the log.
 */
import { AUTHORITY } from './engine-streams.ts'
import { recordOnce } from './record-once.ts'
import type { Parts } from './parts.ts'
import { streamId, type Hash, type PrincipalId } from '../model/ids.ts'
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
