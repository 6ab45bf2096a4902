/**
 * Files of a folder that changed, in batches that have settled. Watches each directory by itself: editors replace a file by renaming another over
 * it, and only a watch on the directory sees the next replacement too.
 */
import { readdirSync, statSync, watch, type FSWatcher } from 'node:fs'
import { join, relative, sep } from 'node:path'

const SETTLE_MS = 40 // editors write a file in several steps; one batch for all of them
const WATCHED = /\.(ts|mts|js|mjs|json|cedar)$/
const TESTS = /\.test\.[a-z]+$/
const IGNORED: readonly string[] = ['node_modules', '.plinth', '.git']

export interface FileWatch {
  /** Paths relative to the folder; ends when the watch is closed. */
  batches(): AsyncGenerator<readonly string[]>
  close(): void
}

export function watchFiles(folder: string): FileWatch {
  const watchers = new Map<string, FSWatcher>()
  const changed = new Set<string>()
  let wake = Promise.withResolvers<void>()
  let closed = false
  let timer: NodeJS.Timeout | null = null

  /** @param isNew its files are changes too: they may have been written before anybody watched it */
  function watchDirectory(directory: string, isNew: boolean): void {
    const watcher = watch(directory, (_event, name) => {
      if (name !== null) noticed(directory, name)
    })
    watcher.on('error', () => forget(directory)) // it is gone
    watchers.set(directory, watcher)
    for (const entry of readdirSync(directory, { withFileTypes: true }))
      if (entry.isDirectory()) {
        if (!IGNORED.includes(entry.name)) watchDirectory(join(directory, entry.name), isNew)
      } else if (isNew) noticed(directory, entry.name)
  }

  function noticed(directory: string, name: string): void {
    const path = join(directory, name)
    if (IGNORED.includes(name) || TESTS.test(name)) return
    if (!WATCHED.test(name)) return tryDirectory(path)
    changed.add(relative(folder, path))
    if (timer !== null) clearTimeout(timer)
    timer = setTimeout(() => wake.resolve(), SETTLE_MS)
  }

  /** A name without a known ending may be a new directory, also in the place of one that went. */
  function tryDirectory(path: string): void {
    forget(path)
    try {
      if (statSync(path).isDirectory()) watchDirectory(path, true)
    } catch {
      forget(path) // gone again
    }
  }

  /** And what is below it. */
  function forget(directory: string): void {
    for (const [watched, watcher] of watchers) {
      if (watched !== directory && !watched.startsWith(directory + sep)) continue
      watcher.close()
      watchers.delete(watched)
    }
  }

  watchDirectory(folder, false)
  return {
    async *batches() {
      for (;;) {
        await wake.promise
        if (closed) return
        wake = Promise.withResolvers<void>()
        const batch = [...changed]
        changed.clear()
        if (batch.length > 0) yield batch
      }
    },
    close() {
      closed = true
      for (const watcher of watchers.values()) watcher.close()
      watchers.clear()
      if (timer !== null) clearTimeout(timer)
      wake.resolve()
    },
  }
}
