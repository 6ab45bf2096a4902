/** Where an application lies, and which files may become part of it. */
import { existsSync, realpathSync } from 'node:fs'
import { dirname, join, relative, sep } from 'node:path'

export interface Place {
  readonly entry: string
  readonly directory: string
  /** Nearest directory upwards with a package.json; files outside it are not the application's own. */
  readonly root: string
}

/** @param entry an existing file; links are followed first, so that a place has one name */
export function placeOf(entry: string): Place {
  const real = realpathSync(entry)
  const directory = dirname(real)
  for (let root = directory; ; root = dirname(root)) {
    if (existsSync(join(root, 'package.json'))) return { entry: real, directory, root }
    if (root === dirname(root)) return { entry: real, directory, root: directory }
  }
}

/** Inside the application's directory, not hidden and not in a system's data directory, or in a package that is installed for it. */
export function isReadable(path: string, { root }: Place): boolean {
  const real = existsSync(path) ? realpathSync(path) : path
  if (isInDataDirectory(real, root)) return false
  const packages = real.lastIndexOf(`${sep}node_modules${sep}`)
  const home = packages === -1 ? root : real.slice(0, packages)
  if (packages === -1 ? !isWithin(real, root) : !isWithin(root, home) && !isWithin(home, root)) return false
  return !relative(home, real)
    .split(sep)
    .some((part) => part.startsWith('.'))
}

/** Credentials and keys lie there, as JSON. */
function isInDataDirectory(path: string, root: string): boolean {
  for (let folder = dirname(path); isWithin(folder, root); folder = dirname(folder)) {
    if (DATA_DIRECTORY_FILES.some((name) => existsSync(join(folder, name)))) return true
    if (folder === dirname(folder)) break
  }
  return false
}
const DATA_DIRECTORY_FILES = ['installation.json', 'first-start-unfinished', 'warden.db', 'subject-keys.db']

export const isWithin = (path: string, directory: string): boolean =>
  path === directory || path.startsWith(directory.endsWith(sep) ? directory : directory + sep)

export const shownPath = (path: string, { directory }: Place): string => relative(directory, path)
