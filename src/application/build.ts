/** Builds a release from an application's entry module. None of the application's code runs here: `describe` runs it in the sandbox. */
import { canonicalJson } from '../model/json.ts'
import type { Manifest, Release } from '../model/manifest.ts'
import { Problem, problem } from '../model/problems.ts'
import { bundleApplication } from './bundle.ts'
import { checkManifest } from './check-manifest.ts'
import { releaseOf } from './release.ts'

/** UTF-8 bytes of the manifest's text. */
export const MANIFEST_BYTES_MAX = 4 * 1024 * 1024

export interface Built {
  readonly release: Release
  /** The script that made the manifest: kept for whoever wants to make it again. */
  readonly describeBundle: string
}

/**
 * The same sources give the same release, on any path and machine.
 * @param describe runs a describing bundle in the sandbox; what it answers is checked here
 * @throws `release-invalid` naming file and import, or the declaration
 */
export async function buildRelease(
  entryFile: string,
  { describe }: { readonly describe: (bundle: string) => Promise<Manifest> },
): Promise<Built> {
  const { guest, describing } = await bundleApplication(entryFile)
  const manifest = checkManifest(await described(describe, describing))
  const bytes = Buffer.byteLength(canonicalJson(manifest))
  if (bytes > MANIFEST_BYTES_MAX)
    throw problem('release-invalid', `the manifest has ${bytes} bytes, more than ${MANIFEST_BYTES_MAX}`)
  return { release: releaseOf(manifest, guest), describeBundle: describing }
}

async function described(describe: (bundle: string) => Promise<Manifest>, bundle: string): Promise<unknown> {
  try {
    return await describe(bundle)
  } catch (error) {
    if (error instanceof Problem) throw error
    throw problem(
      'release-invalid',
      error instanceof Error ? error.message : 'the application could not be described',
      {},
      error,
    )
  }
}
