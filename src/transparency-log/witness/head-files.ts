/**
 * What a witness remembers: per origin the last checkpoint that it cosigned, as a file that is that checkpoint with its cosignature. It owns
 * the directory (`heads/<hash of the origin>`, `lock`); it owns no rule about what may follow what.
 *
 * H1 A head that `put` has returned for is on the disk, whole, and no crash brings an older one back.
 * H2 One process at a time: the lock goes with the process, however it ends.
 * H3 A head that is read was cosigned with this witness's key, for the origin that its file is named for; anything else is refused, because
 *    guessing an older one would let a log go back.
 *
 * Not to be seen from here: a head file, or the whole directory, put back as it was earlier. Whoever can do that has every old head with a
 * valid cosignature. Only somebody who holds a newer cosignature can tell: `witness.ts` asks its callers for that, and `--floor` the operator.
 */
import { createHash } from 'node:crypto'
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { parseNote } from '../../model/signed-note.ts'
import type { Checkpoint } from '../checkpoint.ts'
import { parseAnyCheckpoint } from '../cosignature-checkpoint.ts'
import { verifyCosignatures, type CosignatureVerifier } from '../cosignature.ts'
import { replaceDurably, syncFolder, UNFINISHED } from './durable-files.ts'
import { WitnessFault } from './fault.ts'

export interface Head {
  readonly checkpoint: Checkpoint
  /** When this witness cosigned it. */
  readonly timeSeconds: number
  /** Signed note: signatures of the log that were verified, and this witness's cosignature. */
  readonly note: string
}

/** Lower-case hex of SHA-256 of the origin: how a witness's heads are asked for. Source: tlog-witness. */
export const originHash = (origin: string): string => createHash('sha256').update(origin).digest('hex')

export class HeadFiles {
  readonly #folder: string
  readonly #lock: DatabaseSync
  readonly #heads: Map<string, Head>

  private constructor(folder: string, lock: DatabaseSync, heads: Map<string, Head>) {
    this.#folder = folder
    this.#lock = lock
    this.#heads = heads
  }

  /** @param lock let go of by `close` @throws WitnessFault `state-damaged` */
  static open(dir: string, lock: DatabaseSync, verifier: CosignatureVerifier): HeadFiles {
    const folder = join(dir, 'heads')
    return new HeadFiles(folder, lock, readHeads(folder, verifier))
  }

  get(origin: string): Head | null {
    return this.#heads.get(originHash(origin)) ?? null
  }
  byHash(hash: string): Head | null {
    return this.#heads.get(hash) ?? null
  }
  all(): readonly Head[] {
    return [...this.#heads.values()]
  }
  /** Callers take care that no two run at once for one origin. @throws whatever the disk says: what is on it is then not known */
  async put(head: Head): Promise<void> {
    const name = originHash(head.checkpoint.origin)
    await replaceDurably(join(this.#folder, name), head.note)
    this.#heads.set(name, head)
  }
  close(): void {
    this.#lock.close()
  }
}

/** Before the key: a directory with a key and without this folder is one that has lost it. */
export function makeHeadsFolder(dir: string): void {
  mkdirSync(join(dir, 'heads'), { recursive: true, mode: 0o700 })
  syncFolder(dir)
}
export const headsFolderExists = (dir: string): boolean => existsSync(join(dir, 'heads'))
export const headsFolderIsEmpty = (dir: string): boolean => readdirSync(join(dir, 'heads')).length === 0

/**
 * An open transaction of an empty database: the one lock here that the kernel takes back from a process that was killed.
 * @throws WitnessFault `directory-in-use`
 */
export function takeLock(dir: string): DatabaseSync {
  const lock = new DatabaseSync(join(dir, 'lock'), { timeout: 0 })
  try {
    lock.exec('BEGIN EXCLUSIVE')
    return lock
  } catch (error) {
    lock.close()
    throw new WitnessFault('directory-in-use', `another witness runs in \`${dir}\``, { cause: error })
  }
}

function readHeads(folder: string, verifier: CosignatureVerifier): Map<string, Head> {
  const heads = new Map<string, Head>()
  for (const name of readdirSync(folder)) {
    const path = join(folder, name)
    if (name.endsWith(UNFINISHED)) {
      rmSync(path, { recursive: true })
      continue
    }
    const head = readHead(readFileSync(path, 'utf8'), verifier, path)
    if (originHash(head.checkpoint.origin) !== name)
      throw new WitnessFault('state-damaged', `\`${path}\` holds the head of another log`)
    heads.set(name, head)
  }
  return heads
}

/** @throws WitnessFault `state-damaged` */
export function readHead(note: string, verifier: CosignatureVerifier, path: string): Head {
  try {
    const [cosignature] = verifyCosignatures(note, [verifier])
    if (cosignature === undefined) throw new Error(`it has no cosignature of \`${verifier.name}\``)
    return { checkpoint: parseAnyCheckpoint(parseNote(note).text), timeSeconds: cosignature.timeSeconds, note }
  } catch (error) {
    const why = error instanceof Error ? error.message : String(error)
    throw new WitnessFault('state-damaged', `\`${path}\` is not a head that this witness cosigned: ${why}`, {
      cause: error,
    })
  }
}
