/**
 * Built releases on disk: `<data directory>/releases/<id>.json`, one file each, written once and never changed. A release is named by
 * its hash, so reading one proves that it is the one that was asked for; nothing else about the file is believed.
 */
import { randomBytes } from 'node:crypto'
import { mkdir, open, readFile, rename, rm, stat } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { namesItself } from '../application/release.ts'
import type { ReleaseId } from '../model/ids.ts'
import type { Release } from '../model/manifest.ts'
import { problem } from '../model/problems.ts'

/** Bundle and manifest are bounded to 4 MiB each; JSON escapes add to that. */
export const RELEASE_FILE_BYTES_MAX = 32 * 1024 * 1024
const ID = /^rel_[a-z2-7]{26}$/

export const releasePath = (dataDirectory: string, id: ReleaseId): string =>
  join(dataDirectory, 'releases', `${id}.json`)

/**
 * Durable when it resolves. A release that is there already is left as it is, after it was verified; a damaged one is replaced.
 * A crash leaves at most a temporary file, never half a release.
 */
export async function writeRelease(dataDirectory: string, release: Release): Promise<string> {
  const path = releasePath(dataDirectory, checkedId(release.id))
  if (!namesItself(release)) throw problem('release-invalid', `release \`${release.id}\` does not match its hash`)
  if (await holds(dataDirectory, release.id)) return path
  await mkdir(dirname(path), { recursive: true })
  const temporary = `${path}.${randomBytes(6).toString('hex')}`
  try {
    const file = await open(temporary, 'wx', 0o644)
    try {
      await file.writeFile(
        `${JSON.stringify({ id: release.id, manifest: release.manifest, bundle: release.bundle })}\n`,
      )
      await file.sync()
    } finally {
      await file.close()
    }
    await rename(temporary, path)
  } finally {
    await rm(temporary, { force: true })
  }
  const directory = await open(dirname(path), 'r')
  try {
    await directory.sync()
  } finally {
    await directory.close()
  }
  return path
}

/** @throws `release-invalid`: it is not there, cannot be read, or does not match its hash */
export async function readRelease(dataDirectory: string, id: ReleaseId): Promise<Release> {
  const path = releasePath(dataDirectory, checkedId(id))
  const { manifest, bundle } = await readBounded(path, id)
  const release: Release = { id, manifest, bundle }
  if (!namesItself(release)) throw problem('release-invalid', `the file of release \`${id}\` does not match its hash`)
  return release
}

async function holds(dataDirectory: string, id: ReleaseId): Promise<boolean> {
  try {
    await readRelease(dataDirectory, id)
    return true
  } catch {
    return false
  }
}

async function readBounded(path: string, id: ReleaseId): Promise<Release> {
  try {
    const { size } = await stat(path)
    if (size > RELEASE_FILE_BYTES_MAX) throw new Error(`it has ${size} bytes`)
    const read = JSON.parse(await readFile(path, 'utf8')) as Partial<Release> | null
    if (typeof read?.manifest !== 'object' || read.manifest === null) throw new Error('it holds no manifest')
    if (typeof read.bundle !== 'string') throw new Error('it holds no bundle')
    return read as Release
  } catch (error) {
    throw problem('release-invalid', `release \`${id}\` cannot be read from this data directory`, {}, error)
  }
}

/** The id becomes a file name. */
function checkedId(id: ReleaseId): ReleaseId {
  if (!ID.test(id)) throw problem('release-invalid', `\`${String(id).slice(0, 80)}\` is not the id of a release`)
  return id
}
