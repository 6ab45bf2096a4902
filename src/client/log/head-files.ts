/**
 * Heads as files, for all programs of one user: `<folder>/<hash of the origin>/<size>-<key>.head`, each a signed note. Evidence is beside them.
 *
 * A head is written under a name of its own and then given its place by a link, which fails when the place is taken: no lock, and no crash or
 * race leaves half a head or puts a smaller one in place of a larger. Smaller ones are removed afterwards.
 */
import { createHash, randomUUID } from 'node:crypto'
import { link, mkdir, open, readdir, readFile, rm } from 'node:fs/promises'
import { homedir } from 'node:os'
import { join } from 'node:path'
import { NoteError, verifyNote } from '../../model/signed-note.ts'
import { openAnyCheckpoint, type PinnedLog } from '../../transparency-log/cosignature-checkpoint.ts'
import { EVIDENCE_MAX, type HeadStore } from './head-store.ts'
import { LogFault } from './log-fault.ts'

/** The user's own place for data: `$XDG_DATA_HOME/plinth/heads`, or the same under `~/.local/share`. */
export const usersHeads = (environment: NodeJS.ProcessEnv = process.env): string =>
  join(environment['XDG_DATA_HOME'] || join(homedir(), '.local', 'share'), 'plinth', 'heads')

export function fileHeads(folder: string): HeadStore {
  return {
    async read(log) {
      for (;;) {
        const [largest] = await headsOf(folder, log)
        if (largest === undefined) return null
        const note = await readFile(largest.path, 'utf8').catch(unlessGone)
        if (note === null) continue // another program has put a larger one in its place
        if (sizeIn(note, log) !== largest.size)
          throw new LogFault('log-heads-damaged', `\`${largest.path}\` is not the head that its name says`)
        return note
      }
    },
    async keep(log, note) {
      const checkpoint = openAnyCheckpoint(note, log)
      const [largest] = await headsOf(folder, log)
      if (largest !== undefined && largest.size >= checkpoint.size) return
      const key = verifyNote(note, log.keys).signedBy[0]?.keyHash ?? ''
      await create(join(folder, folderOf(log)), `${String(checkpoint.size).padStart(16, '0')}-${key}.head`, note)
      const [, ...smaller] = await headsOf(folder, log)
      for (const { path } of smaller) await rm(path, { force: true })
    },
    async file(evidence) {
      const text = `${JSON.stringify(evidence, null, 2)}\n`
      const place = join(folder, 'evidence')
      const name = `${createHash('sha256').update(text).digest('hex')}.json`
      try {
        await mkdir(place, { recursive: true, mode: 0o700 })
        if ((await readdir(place)).length >= EVIDENCE_MAX) return null
        await create(place, name, text)
        return join(place, name)
      } catch {
        return null // what was found is worth more than where it is kept: the caller has it
      }
    },
  }
}

const folderOf = ({ origin }: PinnedLog): string => createHash('sha256').update(origin).digest('hex').slice(0, 32)

function unlessGone(error: NodeJS.ErrnoException): null {
  if (error.code === 'ENOENT') return null
  throw new LogFault('log-heads-damaged', error.message, null, error)
}

const NAME = /^([0-9]{16})-([0-9a-f]{8})\.head$/

/** Largest first; under other keys than these it is another log. */
async function headsOf(folder: string, log: PinnedLog): Promise<{ readonly size: number; readonly path: string }[]> {
  const place = join(folder, folderOf(log))
  const names = await readdir(place).catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return []
    throw new LogFault('log-heads-damaged', `\`${place}\` cannot be read: ${error.message}`, null, error)
  })
  return names
    .flatMap((name) => {
      const [, size = '', key = ''] = NAME.exec(name) ?? []
      const mine = log.keys.some(({ keyHash }) => keyHash === key)
      return mine ? [{ size: Number(size), path: join(place, name) }] : []
    })
    .sort((a, b) => b.size - a.size)
}

function sizeIn(note: string, log: PinnedLog): number | null {
  try {
    return openAnyCheckpoint(note, log).size
  } catch (error) {
    if (error instanceof NoteError) return null
    throw error
  }
}

/** A file that is whole, or not there; one that is there already stays. */
async function create(place: string, name: string, text: string): Promise<void> {
  await mkdir(place, { recursive: true, mode: 0o700 })
  const unfinished = join(place, `.${randomUUID()}.new`)
  try {
    const file = await open(unfinished, 'wx', 0o600)
    try {
      await file.writeFile(text)
      await file.sync()
    } finally {
      await file.close()
    }
    await link(unfinished, join(place, name)).catch((error: NodeJS.ErrnoException) => {
      if (error.code !== 'EEXIST') throw error
    })
  } finally {
    await rm(unfinished, { force: true })
  }
}
