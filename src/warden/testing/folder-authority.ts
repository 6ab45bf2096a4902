/**
 * Signed snapshots in a folder without a warden, for tests of those who read them: whoever holds the key publishes what they like, as an attacker
 * with a stolen root key would. A snapshot appears under its number in one step (link), so of two writers only one gets the number.
 */
import { createPrivateKey } from 'node:crypto'
import { link, mkdir, open, unlink } from 'node:fs/promises'
import { join } from 'node:path'
import { formatVerifierKey, noteSigner, type NoteSigner } from '../../model/signed-note.ts'
import { problem } from '../../model/problems.ts'
import type { AuthoritySnapshot } from '../authority.ts'
import type { Change } from '../changes.ts'
import { checkedSnapshot, firstAuthority, type FirstAuthority, type PrincipalSecrets } from '../first-authority.ts'
import { ROOT_KEY_FILE, signedText } from '../publish.ts'
import { newApiKey, newEd25519 } from '../secrets.ts'
import { openSnapshot, snapshotFile, type VerifiedSnapshot } from '../snapshot.ts'
import { numbersIn, readBounded } from '../source.ts'

const WRITERS_TRIES_MAX = 5 // how often a writer that lost the number to another starts again

/** The key that signs snapshots: kept by the operator, never by the runtime. */
export interface OperatorKey {
  /** Name of the key in signature lines. */
  readonly name: string
  /** PKCS #8, PEM, Ed25519. */
  readonly privateKey: string
}

export interface CreatedAuthority {
  readonly snapshot: AuthoritySnapshot
  /** Public half of the operator key, for the runtime to pin; also written to `root.vkey`. */
  readonly vkey: string
  readonly operatorKey: OperatorKey
  readonly secrets: Readonly<Record<string, PrincipalSecrets>>
}

export type NewAuthority = FirstAuthority & { readonly keyName?: string }

/** Makes the folder's first snapshot, and every secret. @throws `authority-change-refused` when the folder has one already */
export async function createAuthority(dir: string, options: NewAuthority): Promise<CreatedAuthority> {
  await mkdir(dir, { recursive: true, mode: 0o700 })
  if ((await numbersIn(dir)).length > 0)
    throw problem('authority-change-refused', `there is an authority in \`${dir}\` already`)
  const operatorKey = { name: options.keyName ?? 'plinth-authority', privateKey: newEd25519().privateKey }
  const signer = signerOf(operatorKey)
  const { snapshot, secrets } = firstAuthority(options)
  const vkey = formatVerifierKey(signer)
  if (!(await writeWhole(dir, ROOT_KEY_FILE, `${vkey}\n`)))
    throw problem(
      'authority-change-refused',
      `\`${join(dir, ROOT_KEY_FILE)}\` is left from a try that failed; remove it`,
    )
  // A crash here leaves a pinned key without a snapshot; the next try says so, and what to remove.
  if (!(await writeWhole(dir, snapshotFile(1), signedText(snapshot, signer))))
    throw problem('authority-change-refused', `another writer has made an authority in \`${dir}\``)
  return { snapshot, vkey, operatorKey, secrets }
}

/**
 * Applies a change to the newest snapshot and publishes the result as the next one: when it resolves, the file is durable under its number.
 * When another writer takes the number first, the change is applied again to what that one wrote.
 * @throws `authority-change-refused`, and nothing is written; `authority-invalid` when the folder's newest snapshot is not signed by this key
 */
export async function publish(
  dir: string,
  operatorKey: OperatorKey,
  change: Change,
  nowMs: number,
): Promise<AuthoritySnapshot> {
  const signer = signerOf(operatorKey)
  for (let tries = 1; tries <= WRITERS_TRIES_MAX; tries++) {
    const newest = await newestSnapshot(dir, signer)
    const next = checkedSnapshot({
      ...change(newest.snapshot),
      format: 1,
      number: newest.snapshot.number + 1,
      previous: newest.hash,
      createdAtMs: Math.max(nowMs, newest.snapshot.createdAtMs),
    })
    if (await writeWhole(dir, snapshotFile(next.number), signedText(next, signer))) return next
  }
  throw problem('authority-change-refused', `other writers took ${WRITERS_TRIES_MAX} numbers in a row`)
}

async function newestSnapshot(dir: string, signer: NoteSigner): Promise<VerifiedSnapshot> {
  const number = (await numbersIn(dir)).at(-1)
  const note = number === undefined ? null : await readBounded(join(dir, snapshotFile(number)))
  if (note === null) throw problem('authority-unavailable', `there is no snapshot in \`${dir}\``)
  const newest = openSnapshot(note, signer)
  if (newest.snapshot.number !== number)
    throw problem('authority-invalid', `the file of snapshot ${number} holds ${newest.snapshot.number}`)
  return newest
}

function signerOf({ name, privateKey }: OperatorKey): NoteSigner {
  return noteSigner(name, createPrivateKey(privateKey))
}

/** Writes a file that was not there, whole and durable or not at all. False when there is one of this name. */
async function writeWhole(dir: string, name: string, text: string): Promise<boolean> {
  const temporary = join(dir, `.${name}.${process.pid}.${newApiKey().slice(4, 14)}`)
  const file = await open(temporary, 'wx', 0o644)
  try {
    await file.writeFile(text)
    await file.sync()
  } finally {
    await file.close()
  }
  // A crash before the unlink leaves a hidden file that no reader looks at.
  try {
    await link(temporary, join(dir, name)) // unlike rename, link never replaces
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EEXIST') return false
    throw error
  } finally {
    await unlink(temporary)
  }
  const folder = await open(dir, 'r')
  try {
    await folder.sync()
  } finally {
    await folder.close()
  }
  return true
}
