/** Builds and runs an application again and again, in one sandbox: what `plinth dev` works with. */
import { buildRelease } from '../application/build.ts'
import type { Workshop } from '../doors/cli/composition.ts'
import { openSandbox } from '../sandbox/open-sandbox.ts'
import { applicationFolder } from './application-folder.ts'
import { start } from './start.ts'

/** @throws `sandbox-unavailable` */
export async function openWorkshop(): Promise<Workshop> {
  const sandbox = await openSandbox()
  return {
    build: async (application) => {
      const { entry } = applicationFolder(application)
      return (await buildRelease(entry, { describe: (bundle) => sandbox.describe(bundle) })).release
    },
    start: (options, release) => start(options, { release, sandbox }),
    close: () => sandbox.close(),
  }
}
