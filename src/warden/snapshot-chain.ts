/** How one snapshot follows another: signed by the key that was pinned or handed over to, numbered next, naming the hash of the one before. Reading half. */
import type { AuthoritySnapshot } from './authority.ts'
import { problem } from '../model/problems.ts'
import { NoteError, parseVerifierKey, type NoteVerifier } from '../model/signed-note.ts'
import { openSnapshot, type VerifiedSnapshot } from './snapshot.ts'

/** Which key signs which snapshots: the pinned one from the first on, and then each that was handed over to. */
export class RootKeys {
  readonly #keys: { readonly from: number; readonly verifier: NoteVerifier }[]
  constructor(first: NoteVerifier) {
    this.#keys = [{ from: 1, verifier: first }]
  }
  for(number: number): NoteVerifier {
    return (this.#keys.findLast(({ from }) => from <= number) as { verifier: NoteVerifier }).verifier
  }
  /** What a verified snapshot says of those after it. */
  follow({ number, nextRootKey }: AuthoritySnapshot): void {
    if (nextRootKey !== null) this.#keys.push({ from: number + 1, verifier: parseVerifierKey(nextRootKey) })
  }
}

/** @param pinnedVkey as `name+hash+key` @throws `authority-invalid` when it is no key */
export function rootKeys(pinnedVkey: string): RootKeys {
  try {
    return new RootKeys(parseVerifierKey(pinnedVkey.trim()))
  } catch (error) {
    if (!(error instanceof NoteError)) throw error
    throw problem('authority-invalid', `the pinned key: ${error.message}`, {}, error)
  }
}

/** Opens a note as the successor of `previous`, null for the first. @throws `authority-invalid` */
export function openSuccessor(
  note: string,
  number: number,
  previous: VerifiedSnapshot | null,
  keys: RootKeys,
): VerifiedSnapshot {
  const opened = openSnapshot(note, keys.for(number))
  if (opened.snapshot.number !== number)
    throw problem('authority-invalid', `the file of snapshot ${number} holds ${opened.snapshot.number}`, {
      reason: 'malformed',
    })
  if (opened.snapshot.previous !== (previous?.hash ?? ''))
    throw problem('authority-invalid', `snapshot ${number} does not follow the one before it`, { reason: 'forked' })
  keys.follow(opened.snapshot)
  return opened
}
