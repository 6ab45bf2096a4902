/**
 * What the operating system or SQLite has to say about files, as a problem that somebody can act on. A disk that is full or a folder that may not be
 * written is no bug of ours, wherever in a program it is met.
 */
import { problem, type Problem } from './problems.ts'

const SYSTEM: Readonly<Record<string, string>> = {
  EROFS: 'it is on a file system that can only be read',
  EACCES: 'this user may not use it',
  EPERM: 'this user may not use it',
  ENOSPC: 'there is no space left on its disk',
  EDQUOT: 'there is no space left on its disk for this user',
  EEXIST: 'something else is there',
  ENOTDIR: 'a file is where a folder has to be',
  EISDIR: 'a folder is where a file has to be',
  ENOENT: 'it is not there',
  ENAMETOOLONG: 'its name is too long',
  ELOOP: 'its symbolic links go round in a circle',
  EIO: 'its disk does not work',
  EMFILE: 'this process has too many files open',
  ENFILE: 'the machine has too many files open',
}

/** Primary result codes of SQLite: the low byte of `errcode`. */
const SQLITE: Readonly<Record<number, string>> = {
  8: 'the database can only be read',
  10: 'the disk of the database does not work',
  13: 'there is no space left for the database',
  14: 'the database cannot be opened: its folder is not there, or may not be written',
}

/** What SQLite could not do with its files; null for anything else. Names no path, so that it may be told to callers. */
export function storageFault(error: unknown): string | null {
  const { errcode } = error as { errcode?: unknown }
  return typeof errcode === 'number' ? (SQLITE[errcode & 0xff] ?? null) : null
}

/** Null for what is not about files. The `cause` of what comes back is the error. */
export function systemFault(error: unknown): Problem | null {
  if (!(error instanceof Error)) return null
  const { code, path, errcode } = error as Error & { code?: unknown; path?: unknown; errcode?: unknown }
  if (typeof errcode === 'number') {
    const said = storageFault(error)
    return said === null ? null : problem('files-unusable', said, {}, error)
  }
  const said = typeof code === 'string' && Object.hasOwn(SYSTEM, code) ? SYSTEM[code] : undefined
  // Without a path it is about something else: `spawn` of a program, a socket.
  if (said === undefined || typeof path !== 'string' || error.message.includes('spawn')) return null
  return problem('files-unusable', `\`${path}\`: ${said} (${String(code)})`, {}, error)
}
