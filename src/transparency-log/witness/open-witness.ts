/** Starts a witness in its directory: key, heads, socket; and says when it must not start. */
import { createPrivateKey, generateKeyPairSync } from 'node:crypto'
import { existsSync, mkdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { systemClock, type Clock } from '../../host/clock.ts'
import type { PinnedLog } from '../cosignature-checkpoint.ts'
import {
  cosignatureSigner,
  formatCosignatureKey,
  parseCosignatureKey,
  type CosignatureSigner,
  type CosignatureVerifier,
} from '../cosignature.ts'
import { replaceDurablySync } from './durable-files.ts'
import type { EquivocationProof } from './equivocation.ts'
import { fileEvidence } from './evidence.ts'
import { WitnessFault } from './fault.ts'
import { HeadFiles, headsFolderExists, headsFolderIsEmpty, makeHeadsFolder, readHead, takeLock } from './head-files.ts'
import { LIMITS, serve, type WitnessLimits } from './server.ts'
import { checkClock, checkFloor, ROLLED_BACK_MARK, Witness } from './witness.ts'

export interface OpenWitnessOptions {
  /** Holds the key and the heads of this witness and nothing else; made when it is not there. */
  readonly dir: string
  /** Name of the key, like `witness.example/one`. Needed for the first start; afterwards it must be the same or left out. */
  readonly name?: string
  readonly logs: readonly PinnedLog[]
  /** Default 127.0.0.1. */
  readonly host?: string
  /** 0 takes a free one. */
  readonly port: number
  /** Notes with this witness's own cosignature, kept elsewhere: below them it does not start. */
  readonly floors?: readonly string[]
  readonly limits?: Partial<WitnessLimits>
  readonly clock?: Clock
  readonly onEquivocation?: (proof: EquivocationProof, path: string | null) => void
  readonly onFault?: (fault: WitnessFault) => void
}

export interface RunningWitness {
  readonly url: string
  readonly port: number
  readonly vkey: string
  readonly signer: CosignatureSigner
  /** Why it has stopped signing; null while it signs. */
  fault(): WitnessFault | null
  /** Takes no more requests, answers those in work, and lets go of the directory. */
  close(): Promise<void>
}

const KEY_FILE = 'witness.key'
const VKEY_FILE = 'witness.vkey'

/** @throws WitnessFault */
export async function openWitness(options: OpenWitnessOptions): Promise<RunningWitness> {
  const { dir, clock = systemClock } = options
  mkdirSync(dir, { recursive: true, mode: 0o700 })
  const limits = { ...LIMITS, ...options.limits }
  const lock = takeLock(dir)
  try {
    const signer = openKey(dir, options.name)
    const heads = HeadFiles.open(dir, lock, signer)
    checkStart(options, heads, signer, clock)
    const witness = new Witness({
      signer,
      logs: logsByOrigin(options.logs),
      heads,
      clock,
      dir,
      perOriginPerSecond: limits.perOriginPerSecond,
      onEquivocation: (proof) => {
        const path = fileEvidence(dir, proof) // kept whether or not anybody listens
        options.onEquivocation?.(proof, path)
      },
      onFault: (fault) => options.onFault?.(fault),
    })
    const door = await serve(witness, options.host ?? '127.0.0.1', options.port, clock, limits)
    const close = async (): Promise<void> => {
      await door.close()
      await witness.idle()
      heads.close()
    }
    let closed: Promise<void> | null = null
    return {
      url: door.url,
      port: door.port,
      vkey: formatCosignatureKey(signer),
      signer,
      fault: () => witness.fault,
      close: () => (closed ??= close()),
    }
  } catch (error) {
    lock.close()
    throw error
  }
}

function checkStart(options: OpenWitnessOptions, heads: HeadFiles, signer: CosignatureSigner, clock: Clock): void {
  const mark = join(options.dir, ROLLED_BACK_MARK)
  if (existsSync(mark))
    throw new WitnessFault('state-rolled-back', `\`${mark}\` shows a cosignature newer than the state: retire the key`)
  checkClock(heads.all(), clock.nowMs())
  for (const [index, floor] of (options.floors ?? []).entries())
    checkFloor(heads, readHead(floor, signer, `floor ${index + 1}`))
}

/** The folder of heads is made before the key, so that a key without it is never a first start that was cut short. */
function openKey(dir: string, name: string | undefined): CosignatureSigner {
  const [keyPath, vkeyPath] = [join(dir, KEY_FILE), join(dir, VKEY_FILE)]
  const hasKey = existsSync(keyPath)
  if (hasKey && !headsFolderExists(dir))
    throw new WitnessFault(
      'state-incomplete',
      `\`${dir}\` has a key but no heads: what it cosigned is lost, retire the key`,
    )
  if (!hasKey && headsFolderExists(dir) && !headsFolderIsEmpty(dir))
    throw new WitnessFault('state-incomplete', `\`${dir}\` has heads but no key`)
  const known = existsSync(vkeyPath) ? readVkey(vkeyPath) : null
  const keyName = name ?? known?.name
  if (keyName === undefined) throw new WitnessFault('bad-option', 'the first start of a witness needs its name')
  if (!hasKey) {
    makeHeadsFolder(dir)
    const { privateKey } = generateKeyPairSync('ed25519')
    replaceDurablySync(keyPath, privateKey.export({ format: 'pem', type: 'pkcs8' }).toString(), 0o600)
  }
  const signer = readKey(keyName, keyPath)
  if (known !== null && known.keyHash !== signer.keyHash)
    throw new WitnessFault('bad-option', `the witness in \`${dir}\` is \`${known.name}\` with another name or key`)
  if (known === null) replaceDurablySync(vkeyPath, `${formatCosignatureKey(signer)}\n`)
  return signer
}

function readKey(name: string, path: string): CosignatureSigner {
  try {
    return cosignatureSigner(name, createPrivateKey(readFileSync(path)))
  } catch (error) {
    throw new WitnessFault('bad-option', `\`${path}\` and the name \`${name}\` make no key`, { cause: error })
  }
}

function readVkey(path: string): CosignatureVerifier {
  try {
    return parseCosignatureKey(readFileSync(path, 'utf8').trimEnd())
  } catch (error) {
    throw new WitnessFault('state-damaged', `\`${path}\` is not a witness key`, { cause: error })
  }
}

function logsByOrigin(logs: readonly PinnedLog[]): ReadonlyMap<string, PinnedLog> {
  const byOrigin = new Map<string, PinnedLog>()
  for (const { origin, keys } of logs)
    byOrigin.set(origin, { origin, keys: [...(byOrigin.get(origin)?.keys ?? []), ...keys] })
  return byOrigin
}
