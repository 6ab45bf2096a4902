/**
 * `plinth log recover --new-epoch`: the way on when what was signed is not all there any more. Nothing is forged: the log goes on under another
 * name, and says first what was signed, what is left of it, and why. Each step is done again by the next try when a crash came between.
 */
import { existsSync } from 'node:fs'
import { readFile, rename } from 'node:fs/promises'
import { join } from 'node:path'
import type { RecoveredLog, RecoverOptions } from '../doors/cli/composition.ts'
import { CommitterCore } from '../engine/committer/committer-core.ts'
import { recordEpoch } from '../engine/record-epoch.ts'
import { systemClock } from '../host/clock.ts'
import { problem } from '../model/problems.ts'
import { openSqliteWriter } from '../storage/sqlite/writer.ts'
import { openEpoch, openSigner } from '../transparency-log/signer/open-signer.ts'
import { sshAgentKeys } from '../transparency-log/signer/ssh-agent-keys.ts'
import { isDataDirectory, readInstallation, writeInstallation } from './data-directory.ts'
import { signerPlace } from './signer-place.ts'

const REASON_CHARACTERS_MAX = 500
const WITNESSED = 'witnessed.note'

/** @throws `usage`, `data-directory-locked`, `log-recovery-refused`, `signer-unconfirmed`, `log-key-invalid` */
export async function recoverLog(
  dir: string,
  { reason, witnessPolicy, signer: given }: RecoverOptions,
): Promise<RecoveredLog> {
  if (!isDataDirectory(dir)) throw problem('usage', `\`${dir}\` is not a data directory`)
  if (!/^[^\p{Cc}\p{Cs}]+$/u.test(reason) || reason.length > REASON_CHARACTERS_MAX)
    throw problem('usage', `a reason is one line of at most ${REASON_CHARACTERS_MAX} characters`)
  const installation = await readInstallation(dir)
  const policy = witnessPolicy === null ? null : await readFile(witnessPolicy, 'utf8').catch(unreadable(witnessPolicy))
  const place = signerPlace(dir, given)
  if (place.kind === 'socket')
    throw problem('usage', 'a signer that runs signs for one name: stop it, and give its directory with `--signer`')
  const signer = {
    ...{ dir: place.dir, witnessPolicy: policy, lockWaitMs: 0 },
    backEnds: [sshAgentKeys(process.env['SSH_AUTH_SOCK'] ?? null)],
  }
  const storage = openSqliteWriter(dir)
  try {
    const core = new CommitterCore({ storage, clock: systemClock, origin: installation.origin })
    const kept = { size: core.head.treeSize, rootHash: core.head.rootHash }
    const rootAt = core.rootAt.bind(core)
    const opening = await openEpoch({ ...signer, origin: installation.origin }, kept, rootAt, reason)
    const position = await recordEpoch(storage, systemClock, opening)
    if (existsSync(join(dir, WITNESSED)))
      await rename(join(dir, WITNESSED), join(dir, `${WITNESSED}.${opening.epoch.previous.size}`))
    await writeInstallation(dir, { ...installation, origin: opening.origin })
    await (await openSigner({ ...signer, witnessPolicy: null, origin: opening.origin })).close()
    return { ...opening.epoch, origin: opening.origin, vkey: opening.vkey, position }
  } finally {
    storage.close()
  }
}

const unreadable =
  (path: string) =>
  (cause: unknown): never => {
    throw problem('usage', `\`${path}\` cannot be read`, {}, cause)
  }
