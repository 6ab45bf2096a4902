/** Opens a signer on its directory: lock, keys, last head; and says when it must not sign. */
import { existsSync, mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { EMPTY_ROOT } from '../../model/merkle.ts'
import { problem } from '../../model/problems.ts'
import { parseVerifierKey } from '../../model/signed-note.ts'
import { lockDirectory } from './directory-lock.ts'
import { fileKeys } from './file-keys.ts'
import { HeadFile } from './head-file.ts'
import type { KeyBackEnd } from './key-back-end.ts'
import { KeyRing } from './key-ring.ts'
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
    if (!KeyRing.exists(dir)) {
      // The head first: keys without it are never a first start that was cut short.
      if (!existsSync(headPath)) HeadFile.create(headPath, origin, { size: 0, rootHash: EMPTY_ROOT, epoch: 0 })
      await KeyRing.create(dir, origin, backEnds, { inUse: options.key ?? null, next: options.nextKey ?? null })
    } else if (!existsSync(headPath))
      throw problem('signer-state-damaged', `\`${dir}\` has keys, but not what they signed last`)
    const keys = await KeyRing.open(dir, backEnds)
    if (keys.origin !== origin)
      throw problem('usage', `the signer in \`${dir}\` signs for \`${keys.origin}\`, not for \`${origin}\``)
    const heads = HeadFile.open(headPath, origin, durable)
    const policy = options.witnessPolicy ?? null
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

function closing(signer: Signer, unlock: () => void): Signer {
  const close = signer.close.bind(signer)
  return Object.assign(signer, {
    close: async (): Promise<void> => {
      await close()
      unlock()
    },
  })
}
