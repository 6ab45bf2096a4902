/** Opens a signer on its directory: lock, keys, last head; and says when it must not sign. */
import { existsSync, mkdirSync } from 'node:fs'
import { join } from 'node:path'
import type { Hash } from '../../model/ids.ts'
import type { LogEpoch } from '../../model/log-keys.ts'
import { EMPTY_ROOT } from '../../model/merkle.ts'
import { problem } from '../../model/problems.ts'
import { parseVerifierKey } from '../../model/signed-note.ts'
import { lockDirectory } from './directory-lock.ts'
import { fileKeys } from './file-keys.ts'
import { HeadFile } from './head-file.ts'
import type { KeyBackEnd } from './key-back-end.ts'
import { KeyRing, type OpeningEpoch } from './key-ring.ts'
import type { LogSigner } from './log-signer.ts'
import { Signer } from './signer.ts'
import { witnessedHead } from './witnessed-head.ts'

export interface OpenSignerOptions {
  /** Holds the key's reference, the last head and nothing else; made when it is not there. */
  readonly dir: string
  /** Name of the log, and of its keys. */
  readonly origin: string
  /** For the first start: references of the key and of the one that may follow; null makes a file. */
  readonly key?: string | null
  readonly nextKey?: string | null
  /** Text of a tlog-policy: its witnesses are asked for the last size after each start. Null: nobody is asked. */
  readonly witnessPolicy?: string | null
  /** Beside files. */
  readonly backEnds?: readonly KeyBackEnd[]
  /** Only tests weaken it. */
  readonly durable?: boolean
  /** For the directory's lock. */
  readonly lockWaitMs?: number
}

export const HEAD_FILE = 'head'

/** @throws `data-directory-locked`, `log-key-invalid`, `signer-state-damaged`, `usage` */
export async function openSigner(options: OpenSignerOptions): Promise<Signer & LogSigner> {
  const { dir, origin, durable = true } = options
  mkdirSync(dir, { recursive: true, mode: 0o700 })
  const unlock = lockDirectory(dir, options.lockWaitMs)
  try {
    const backEnds = [fileKeys(dir), ...(options.backEnds ?? [])]
    const headPath = join(dir, HEAD_FILE)
    const isNew = !KeyRing.exists(dir)
    if (isNew) {
      // The head first: keys without it are never a first start that was cut short.
      if (!existsSync(headPath)) HeadFile.create(headPath, origin, { size: 0, rootHash: EMPTY_ROOT, epoch: 0 })
      refuseKeyless(headPath, origin)
      await KeyRing.create(dir, origin, backEnds, { inUse: options.key ?? null, next: options.nextKey ?? null })
    } else if (!existsSync(headPath))
      throw problem('signer-state-damaged', `\`${dir}\` has keys, but not what they signed last`)
    const opening = KeyRing.openingOf(dir)
    if (opening?.origin === origin) {
      HeadFile.create(headPath, origin, { size: 0, rootHash: EMPTY_ROOT, epoch: 0 })
      KeyRing.finishEpoch(dir)
    } else if (opening !== null)
      throw problem('log-recovery-refused', 'a recovery was begun and not finished: run `plinth log recover` again')
    const keys = await KeyRing.open(dir, backEnds)
    if (keys.origin !== origin)
      throw problem('usage', `the signer in \`${dir}\` signs for \`${keys.origin}\`, not for \`${origin}\``)
    const heads = HeadFile.open(headPath, origin, durable)
    // A key that was made here and now has signed nothing that anybody could remember.
    const policy = isNew && (options.key ?? null) === null ? null : (options.witnessPolicy ?? null)
    return closing(
      new Signer({
        ...{ heads, keys },
        witnessed:
          policy === null ? null : () => witnessedHead(policy, keys.verifier, keys.retired.map(parseVerifierKey)),
      }),
      unlock,
    )
  } catch (error) {
    unlock()
    throw error
  }
}

/** What has signed something had keys: they are not made anew, as if nothing had been. */
function refuseKeyless(headPath: string, origin: string): void {
  const heads = HeadFile.open(headPath, origin)
  const { size } = heads.head
  heads.close()
  if (size > 0)
    throw problem(
      'signer-state-damaged',
      `\`${headPath}\` says that ${size} records were signed, and the keys are gone`,
    )
}

/**
 * Opens the next epoch of a log, of which not all that was signed is there any more. The signer must not run; afterwards it signs under the new name,
 * once it is opened with that, and nothing under the old one.
 * @param kept what is there @throws `log-recovery-refused` when all that was signed is there, and what `openSigner` throws
 */
export async function openEpoch(
  options: OpenSignerOptions,
  kept: LogEpoch['kept'],
  rootAt: (size: number) => Hash,
  reason: string,
): Promise<OpeningEpoch> {
  const begun = KeyRing.exists(options.dir) ? KeyRing.openingOf(options.dir) : null
  if (begun !== null) return begun
  const signer = await openSigner(options)
  let previous: LogEpoch['previous']
  try {
    previous = await signer.confirmed()
  } finally {
    await signer.close()
  }
  if (previous.size <= kept.size && rootAt(previous.size) === previous.rootHash)
    throw problem(
      'log-recovery-refused',
      `all of the ${previous.size} records that have been signed are here: start it`,
    )
  const unlock = lockDirectory(options.dir, options.lockWaitMs)
  try {
    const keys = await KeyRing.open(options.dir, [fileKeys(options.dir), ...(options.backEnds ?? [])])
    try {
      return await keys.prepareEpoch({ previous, kept, reason })
    } finally {
      keys.close()
    }
  } finally {
    unlock()
  }
}

function closing(signer: Signer, unlock: () => void): Signer {
  const close = signer.close.bind(signer)
  return Object.assign(signer, {
    close: async (): Promise<void> => {
      await close()
      unlock()
    },
  })
}
