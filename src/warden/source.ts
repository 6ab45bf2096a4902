/**
 * The runtime's eye on the authority folder: finds the newest snapshot, verifies signature and chain against the pinned key, adopts newer ones.
 * Reading half: it holds no key that could sign, and never writes. The writing half is publish.ts, which no door can reach.
 *
 * Invariants:
 * 1. `current()` is always authentic, and never older than any that was current before.
 * 2. A file that is forged, malformed, forked or behind a gap changes nothing; `status()` names it.
 * 3. Every listener has seen a snapshot before `current()` returns it; a listener that fails keeps the old one in force. Snapshots that arrive
 *    together are adopted one after the other, so that nobody revoked and reinstated in between is missed.
 * 4. The key that verifies a snapshot is the pinned one, or one that a snapshot before it handed over to.
 * 5. A lease counts only for the snapshot in force; one for a newer number shows that a snapshot is being withheld.
 */
import { watch, type FSWatcher } from 'node:fs'
import { open, readdir } from 'node:fs/promises'
import { join } from 'node:path'
import type { Clock } from '../host/clock.ts'
import type { Hash } from '../model/ids.ts'
import type { NoteVerifier } from '../model/signed-note.ts'
import { Problem, problem } from '../model/problems.ts'
import type { AuthorityFinding, AuthoritySnapshot, AuthoritySource, AuthorityStatus } from './authority.ts'
import { CLOCK_SKEW_MS_MAX, LEASE_FILE, openLease, type Lease } from './lease.ts'
import { openSuccessor, rootKeys, type RootKeys } from './snapshot-chain.ts'
import { openSnapshot, SNAPSHOT_BYTES_MAX, SNAPSHOT_FILE, snapshotFile, type VerifiedSnapshot } from './snapshot.ts'

const POLL_MS = 2_000 // behind fs.watch, which some file systems do not serve
const FINDINGS_MAX = 16 // lines that status() keeps

export interface AuthoritySourceOptions {
  readonly clock: Clock
  readonly pollMs?: number
  /** The last snapshot that the engine has on record: one that is older or differs is refused at opening. */
  readonly notBefore?: { readonly number: number; readonly hash: Hash }
}

export interface FolderAuthoritySource extends AuthoritySource {
  /** Looks at the folder now; resolves when what it found is adopted or passed over. */
  refresh(): Promise<void>
  /** A snapshot of the past by its number, verified again, for replaying what was decided on it. Undefined when it is not there. */
  past(number: number): Promise<VerifiedSnapshot | undefined>
  /** Until when changes may be made; null when the snapshot in force asks for no lease. */
  leaseUntilMs(): number | null
  /** Called when `leaseUntilMs` has changed. Returns an unsubscribe. */
  onLease(listener: () => void): () => void
}

/**
 * @param pinnedVkey the operator's public key as `name+hash+key`; never read from the folder by this function
 * @throws `authority-unavailable` when there is no snapshot; `authority-invalid` when any of them does not verify or does not follow its predecessor
 */
export async function openAuthoritySource(
  dir: string,
  pinnedVkey: string,
  options: AuthoritySourceOptions,
): Promise<FolderAuthoritySource> {
  const keys = rootKeys(pinnedVkey)
  const first = await openChain(dir, keys)
  refuseOlder(first, options.notBefore)
  const source = watchFolder(dir, keys, first, options)
  await source.refresh() // reads the lease
  return source
}

/** The newest snapshot of a folder, verified from the first on. @throws as `openAuthoritySource` */
export async function readAuthority(
  dir: string,
  pinnedVkey: string,
): Promise<VerifiedSnapshot & { readonly rootKey: NoteVerifier }> {
  const keys = rootKeys(pinnedVkey)
  const head = await openChain(dir, keys)
  return { ...head, rootKey: keys.for(head.snapshot.number + 1) }
}

/** All snapshots from the first on, each following the one before it; the newest is returned. */
async function openChain(dir: string, keys: RootKeys): Promise<VerifiedSnapshot> {
  const numbers = await numbersIn(dir)
  const last = numbers.at(-1)
  if (last === undefined) throw problem('authority-unavailable', `there is no snapshot in \`${dir}\``)
  let head: VerifiedSnapshot | null = null
  for (let number = 1; number <= last; number++) head = await openNext(dir, number, head, keys)
  if (head === null) throw problem('authority-unavailable', `there is no snapshot in \`${dir}\``)
  return head
}

function refuseOlder(head: VerifiedSnapshot, notBefore: AuthoritySourceOptions['notBefore']): void {
  if (notBefore === undefined) return
  const { number } = head.snapshot
  if (number < notBefore.number)
    throw problem('authority-invalid', `the newest snapshot is ${number}, but ${notBefore.number} has been acted on`, {
      reason: 'older',
    })
  if (number === notBefore.number && head.hash !== notBefore.hash)
    throw problem('authority-invalid', `snapshot ${number} is not the one that has been acted on`, { reason: 'forked' })
}

/** Opens one snapshot as the successor of `previous`. @throws `authority-invalid` */
async function openNext(
  dir: string,
  number: number,
  previous: VerifiedSnapshot | null,
  keys: RootKeys,
): Promise<VerifiedSnapshot> {
  const note = await readBounded(join(dir, snapshotFile(number)))
  if (note === null) throw problem('authority-invalid', `snapshot ${number} is missing`, { reason: 'gap' })
  return openSuccessor(note, number, previous, keys)
}

function watchFolder(
  dir: string,
  keys: RootKeys,
  first: VerifiedSnapshot,
  options: AuthoritySourceOptions,
): FolderAuthoritySource {
  const listeners = new Set<(snapshot: AuthoritySnapshot, hash: Hash) => void | Promise<void>>()
  let current = first
  let adoptedAtMs = options.clock.nowMs()
  // The newest authentic snapshot; ahead of `current` only while a listener refuses it.
  let head = first
  let leaseUntilMs = 0
  let leaseIssuedMs = 0
  const leaseListeners = new Set<() => void>()
  let findings: readonly AuthorityFinding[] = []
  let watcher: FSWatcher | null = null
  let looking: Promise<void> | null = null
  let lookAgain = false
  let closed = false

  async function look(): Promise<void> {
    const found: AuthorityFinding[] = []
    try {
      if (head !== current) await adopt(found) // refused at the last look
      await advanceHead(found)
      await renewLease(found)
    } catch (error) {
      found.push({ file: dir, reason: 'malformed', detail: messageOf(error) })
    }
    findings = found.slice(0, FINDINGS_MAX)
  }

  async function advanceHead(found: AuthorityFinding[]): Promise<void> {
    const numbers = await numbersIn(dir)
    const stored = await readBounded(join(dir, snapshotFile(head.snapshot.number)))
    if (stored === null)
      found.push(finding(head.snapshot.number, 'gap', 'the snapshot in force is gone from the folder'))
    else if (!isSame(stored, head, keys))
      found.push(finding(head.snapshot.number, 'forked', 'the snapshot in force was replaced in the folder'))
    for (const number of numbers) {
      if (number <= head.snapshot.number) continue
      if (number !== head.snapshot.number + 1) {
        found.push(finding(number, 'gap', `snapshot ${head.snapshot.number + 1} is missing or was passed over`))
        continue
      }
      try {
        head = await openNext(dir, number, head, keys)
      } catch (error) {
        found.push(finding(number, reasonOf(error), messageOf(error)))
        continue
      }
      await adopt(found)
    }
  }

  async function renewLease(found: AuthorityFinding[]): Promise<void> {
    const before = leaseOf(current, leaseUntilMs)
    try {
      const note = await readBounded(join(dir, LEASE_FILE))
      const { number } = head.snapshot
      const lease = note === null ? null : openLease(note, keys.for(number + 1), options.clock.nowMs())
      if (lease !== null && lease.snapshot > number)
        found.push(finding(lease.snapshot, 'withheld', `the warden has published ${lease.snapshot}; it is not here`))
      else if (lease !== null && lease.snapshot === number && lease.hash !== head.hash)
        found.push(finding(number, 'forked', `the lease is for another snapshot ${number}`))
      else if (lease !== null && lease.snapshot === number && head === current) takeLease(lease)
    } catch (error) {
      found.push({ file: LEASE_FILE, reason: reasonOf(error), detail: messageOf(error).slice(0, 500) })
    }
    if (leaseOf(current, leaseUntilMs) !== before) for (const listener of leaseListeners) listener()
  }

  /** The one that was issued last counts: a lease that was made shorter holds from then on. */
  function takeLease(lease: Pick<Lease, 'issuedAtMs' | 'untilMs'>): void {
    if (lease.issuedAtMs < leaseIssuedMs) return
    leaseIssuedMs = lease.issuedAtMs
    leaseUntilMs = lease.untilMs
  }

  /** A new snapshot is a sign of life itself, so that asking for a lease stops nobody until the first note comes. */
  function takeSignOfLife({ createdAtMs, leaseMs }: AuthoritySnapshot): void {
    if (leaseMs !== null && createdAtMs <= adoptedAtMs + CLOCK_SKEW_MS_MAX)
      takeLease({ issuedAtMs: createdAtMs, untilMs: createdAtMs + leaseMs })
  }

  async function adopt(found: AuthorityFinding[]): Promise<void> {
    const next = head
    try {
      for (const listener of listeners) await listener(next.snapshot, next.hash)
    } catch (error) {
      found.push(finding(next.snapshot.number, 'refused', messageOf(error)))
      return
    }
    const lease = leaseOf(current, leaseUntilMs)
    current = next
    adoptedAtMs = options.clock.nowMs()
    takeSignOfLife(next.snapshot)
    if (leaseOf(current, leaseUntilMs) !== lease) for (const listener of leaseListeners) listener()
  }

  async function lookUntilQuiet(): Promise<void> {
    try {
      do {
        lookAgain = false
        await look()
      } while (lookAgain && !closed)
    } finally {
      looking = null // in the same step as the last test of lookAgain: nobody's wish to look again falls in between
    }
  }

  // One look at a time; a change during a look is answered by one more.
  function refresh(): Promise<void> {
    if (closed) return Promise.resolve()
    if (looking !== null) {
      lookAgain = true
      return looking
    }
    looking = lookUntilQuiet()
    return looking
  }

  const timer = setInterval(() => void refresh(), options.pollMs ?? POLL_MS)
  timer.unref()
  try {
    watcher = watch(dir, { persistent: false }, () => void refresh())
    watcher.on('error', () => {
      watcher?.close()
      watcher = null
    })
  } catch {
    watcher = null
  }

  return {
    current: () => current.snapshot,
    hash: () => current.hash,
    status: (): AuthorityStatus => ({
      number: current.snapshot.number,
      hash: current.hash,
      adoptedAtMs,
      findings,
      watching: watcher === null ? 'polling' : 'events',
    }),
    onAdopt(listener) {
      listeners.add(listener)
      return () => void listeners.delete(listener)
    },
    refresh,
    async past(number) {
      if (!Number.isSafeInteger(number) || number < 1 || number > head.snapshot.number) return undefined
      const note = await readBounded(join(dir, snapshotFile(number)))
      if (note === null) return undefined
      const opened = openSnapshot(note, keys.for(number))
      return opened.snapshot.number === number ? opened : undefined
    },
    leaseUntilMs: () => leaseOf(current, leaseUntilMs),
    onLease(listener) {
      leaseListeners.add(listener)
      return () => void leaseListeners.delete(listener)
    },
    close() {
      closed = true
      clearInterval(timer)
      watcher?.close()
      watcher = null
      listeners.clear()
      leaseListeners.clear()
    },
  }
}

const leaseOf = ({ snapshot }: VerifiedSnapshot, untilMs: number): number | null =>
  snapshot.leaseMs === null ? null : untilMs

function isSame(note: string, held: VerifiedSnapshot, keys: RootKeys): boolean {
  try {
    return openSnapshot(note, keys.for(held.snapshot.number)).hash === held.hash
  } catch {
    return false
  }
}

const finding = (number: number, reason: AuthorityFinding['reason'], detail: string): AuthorityFinding => ({
  file: snapshotFile(number),
  reason,
  detail: detail.slice(0, 500),
})

function reasonOf(error: unknown): AuthorityFinding['reason'] {
  const reason = error instanceof Problem ? error.members['reason'] : undefined
  return reason === 'forged' || reason === 'forked' || reason === 'gap' ? reason : 'malformed'
}

const messageOf = (error: unknown): string =>
  error instanceof Problem ? error.detail : error instanceof Error ? error.message : String(error)

/** Numbers of the snapshot files, ascending. */
export async function numbersIn(dir: string): Promise<readonly number[]> {
  const names = await readdir(dir).catch((error: unknown) => {
    throw problem('authority-unavailable', `the folder \`${dir}\` cannot be read`, {}, error)
  })
  return names
    .map((name) => SNAPSHOT_FILE.exec(name)?.[1])
    .filter((digits) => digits !== undefined)
    .map(Number)
    .sort((a, b) => a - b)
}

/** The text of a file, or null when there is none. @throws `authority-invalid` for one that is too long or not a file */
export async function readBounded(path: string): Promise<string | null> {
  const file = await open(path, 'r').catch((error: unknown) => {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return null
    throw problem('authority-unavailable', `\`${path}\` cannot be read`, {}, error)
  })
  if (file === null) return null
  try {
    const stat = await file.stat()
    if (!stat.isFile() || stat.size > SNAPSHOT_BYTES_MAX)
      throw problem('authority-invalid', `\`${path}\` is not a file of at most ${SNAPSHOT_BYTES_MAX} bytes`)
    return await file.readFile('utf8')
  } finally {
    await file.close()
  }
}
