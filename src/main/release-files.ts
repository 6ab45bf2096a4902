/** Releases that a data directory has run, kept by their id: `releases/<id>.json`. */
import { existsSync } from 'node:fs'
import { mkdir, open, readdir, readFile, rename, stat } from 'node:fs/promises'
import { join } from 'node:path'
import type { Release } from '../model/manifest.ts'
import { problem } from '../model/problems.ts'

const folderOf = (dir: string): string => join(dir, 'releases')

/** Durable when it resolves. */
export async function keepRelease(dir: string, release: Release): Promise<void> {
  const path = join(folderOf(dir), `${release.id}.json`)
  if (existsSync(path)) return
  await mkdir(folderOf(dir), { recursive: true })
  const temporary = `${path}.${process.pid}.new`
  const file = await open(temporary, 'w')
  try {
    await file.writeFile(JSON.stringify(release))
    await file.sync()
  } finally {
    await file.close()
  }
  await rename(temporary, path)
}

/** The release that was kept last. @throws `release-invalid` when there is none */
export async function newestRelease(dir: string): Promise<Release> {
  const names = existsSync(folderOf(dir)) ? await readdir(folderOf(dir)) : []
  const files = await Promise.all(
    names
      .filter((name) => name.endsWith('.json'))
      .map(async (name) => ({ name, changedMs: (await stat(join(folderOf(dir), name))).mtimeMs })),
  )
  const newest = files.toSorted((a, b) => b.changedMs - a.changedMs)[0]
  if (newest === undefined) throw problem('release-invalid', `\`${dir}\` has run no release yet`)
  return JSON.parse(await readFile(join(folderOf(dir), newest.name), 'utf8')) as Release
}
