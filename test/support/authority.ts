/** Changes the authority of a test's system as its operator would: signed with the operator's key, by the warden's own code. */
import { createPrivateKey } from 'node:crypto'
import { join } from 'node:path'
import { readOperator } from '../../src/doors/cli/credential.ts'
import { noteSigner, type NoteSigner } from '../../src/model/signed-note.ts'
import type { ChangeDocument } from '../../src/warden/change-document.ts'
import { Journal } from '../../src/warden/journal.ts'
import { requestChange, withWarden, type WardenPlace } from '../../src/warden/operate.ts'
import { memorySigner } from '../../src/warden/operator-signer.ts'
import { sha256Hex, type PrincipalId } from '../../src/model/ids.ts'
import type { Credentials } from '../../src/model/principal.ts'
import { newApiKey } from '../../src/warden/secrets.ts'
import { NEVER, type Bank } from './bank-system.ts'

/** The warden of a data directory that keeps it inside. */
const placeOf = (dir: string): WardenPlace => ({ dir: join(dir, 'warden'), publishDir: join(dir, 'authority') })

/** The key that signs this warden's snapshots: no operator ever sees it, whoever breaks into the warden does. */
export function rootSigner(dir: string): NoteSigner {
  const journal = Journal.open(join(dir, 'warden'))
  try {
    const { pem } = journal.rootKey(journal.newest() + 1)
    return noteSigner('plinth-authority', createPrivateKey(pem))
  } finally {
    journal.close()
  }
}

/** The policy files of a data directory with these in place of theirs, or beside them. */
export async function withPolicies(dir: string, files: Readonly<Record<string, string>>): Promise<ChangeDocument> {
  const { snapshot } = await withWarden(placeOf(dir), (warden) => warden.snapshot())
  return { change: 'set-policies', files: { ...snapshot.policies, ...files } }
}

/** One snapshot with all these changes. @returns its number; whoever runs on the directory may not have adopted it yet */
export async function publishChange(dir: string, ...changes: readonly ChangeDocument[]): Promise<number> {
  const { operatorKey } = await readOperator(dir)
  const signer = memorySigner(operatorKey.name, operatorKey.privateKey)
  const submitted = await requestChange(placeOf(dir), signer, changes, '')
  if (submitted.kind !== 'published') throw new Error('more than one signature is needed')
  return submitted.snapshot
}

/** As `publishChange`, and waits until the engine decides by it. */
export async function changeAuthority(bank: Bank, ...changes: readonly ChangeDocument[]): Promise<number> {
  const number = await publishChange(bank.dir, ...changes)
  while ((await bank.engine.self(bank.operator, NEVER)).authority.snapshot < number)
    await new Promise((resolve) => setTimeout(resolve, 5))
  return number
}

/** Waits for the log's record of a snapshot, which comes a little after it is in force: from then on an idle system writes nothing. */
export async function adoptionRecorded(bank: Bank, number: number): Promise<void> {
  for (;;) {
    const { state } = await bank.engine.state(bank.operator, 'plinth.authority', 'snapshots', null, NEVER)
    if ((state as { snapshot: number }).snapshot >= number) return
    await new Promise((resolve) => setTimeout(resolve, 10))
  }
}

/** One more principal, owned by the operator, with a key of its own; resolves when the running system knows it. */
export async function addPrincipalWithKey(
  bank: Bank,
  added: {
    readonly id: string
    readonly kind: 'human' | 'agent' | 'service'
    readonly roles: string[]
    readonly tenant: string
  },
): Promise<Credentials> {
  const secret = newApiKey()
  const owner = 'operator' as PrincipalId
  const id = added.id as PrincipalId
  await changeAuthority(
    bank,
    { change: 'add-principal', principal: { ...added, id, owner } },
    { change: 'add-key', principal: id, key: { name: 'first', hash: sha256Hex(secret), expiresAtMs: null } },
  )
  return { bearer: secret, onBehalfOf: null }
}
