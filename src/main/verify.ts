/** Audits a data directory that nothing else has open: the engine is opened without doors, and asked. */
import type { VerifyReport } from '../engine/engine.ts'
import { openEngine } from '../engine/open.ts'
import { systemClock } from '../host/clock.ts'
import { systemRandom } from '../host/random.ts'
import { problem } from '../model/problems.ts'
import { openSandbox } from '../sandbox/open-sandbox.ts'
import { openAuthoritySource } from '../warden/source.ts'
import { authorityFolder, isDataDirectory, pinnedKey, readInstallation } from './data-directory.ts'
import { newestRelease } from './release-files.ts'

/** @throws `usage` when it is no data directory, `data-directory-locked`, `storage-damaged` */
export async function verifyOffline(
  dir: string,
  onProgress: (done: number, total: number) => void,
  signal: AbortSignal,
): Promise<VerifyReport> {
  if (!isDataDirectory(dir)) throw problem('usage', `\`${dir}\` is not a data directory`)
  const { origin } = await readInstallation(dir)
  await using opened = new AsyncDisposableStack()
  const sandbox = await openSandbox()
  opened.defer(() => sandbox.close())
  const authority = await openAuthoritySource(authorityFolder(dir), await pinnedKey(dir), { clock: systemClock })
  opened.defer(() => authority.close())
  const engine = await openEngine({
    dir,
    origin,
    release: await newestRelease(dir),
    sandbox,
    authority,
    clock: systemClock,
    random: systemRandom,
    onProblem: () => {},
  })
  opened.defer(() => engine.close())
  return await engine.verify(onProgress, signal)
}
