/** Builds an application's release, with a sandbox of its own to describe it. */
import { buildRelease as build } from '../application/build.ts'
import type { Release } from '../model/manifest.ts'
import { openSandbox } from '../sandbox/open-sandbox.ts'
import { applicationFolder } from './application-folder.ts'

/** @throws `release-invalid`, `sandbox-unavailable` */
export async function buildRelease(application: string): Promise<Release> {
  const { entry } = applicationFolder(application)
  const sandbox = await openSandbox()
  try {
    return (await build(entry, { describe: (bundle) => sandbox.describe(bundle) })).release
  } finally {
    await sandbox.close()
  }
}
