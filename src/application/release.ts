/** A release names itself: its id is the hash of what it is, so the same id is the same schemas and the same code, everywhere. */
import { derivedSuffix, sha256Hex } from '../model/ids.ts'
import type { Hash, ReleaseId } from '../model/ids.ts'
import { canonicalJson } from '../model/json.ts'
import type { Manifest, Release } from '../model/manifest.ts'

export const releaseId = (manifest: Manifest, bundle: string): ReleaseId =>
  releaseIdOf(sha256Hex(canonicalJson(manifest)), sha256Hex(bundle))

/** From the hashes of the manifest's canonical JSON and of the code: who has only these can still tell which release it is. */
export const releaseIdOf = (manifest: Hash, bundle: Hash): ReleaseId =>
  `rel_${derivedSuffix('release', manifest, bundle)}` as ReleaseId

export const releaseOf = (manifest: Manifest, bundle: string): Release => ({
  id: releaseId(manifest, bundle),
  manifest,
  bundle,
})

export const namesItself = ({ id, manifest, bundle }: Release): boolean => id === releaseId(manifest, bundle)
