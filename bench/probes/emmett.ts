/** Emmett on SQLite doing the same appends, in a process of its own. Installed beside `peers/` on the first use, apart from our dependencies. */
import { execFile } from 'node:child_process'
import { existsSync } from 'node:fs'
import { rm } from 'node:fs/promises'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { eventData } from '../support/event-data.ts'

const run = promisify(execFile)
const PEERS = fileURLToPath(new URL('../peers/', import.meta.url))
const INSTALL_WITHIN_MS = 10 * 60_000 // sqlite3 may have to be compiled
const APPEND_WITHIN_MS = 120_000
const TRIES = 4 // the peer's process sometimes dies of its own busy database

/** Null when it is ready, otherwise why it cannot be measured. */
export async function installEmmett(say: (text: string) => void): Promise<string | null> {
  const works = (): Promise<unknown> => run(process.execPath, ['-e', "require('sqlite3')"], { cwd: PEERS })
  if (existsSync(join(PEERS, 'node_modules')) && (await works().catch(() => null)) !== null) return null
  say('installing Emmett, once')
  try {
    const options = ['--legacy-peer-deps', '--no-package-lock', '--no-audit', '--no-fund', '--loglevel=error']
    await run('npm', ['install', ...options], { cwd: PEERS, timeout: INSTALL_WITHIN_MS })
    await works()
    return null
  } catch (error) {
    const text = error instanceof Error ? error.message : String(error)
    return `Emmett could not be installed: ${(text.trim().split('\n').at(-1) ?? '').slice(0, 200)}`
  }
}

/** Appends per second of one event each, durable, one after the other. @throws Error when the peer keeps failing */
export async function emmettAppends(scratch: string, appends: number): Promise<number> {
  const path = join(scratch, 'emmett.db')
  const events = JSON.stringify(Array.from({ length: 100 }, (_, number) => eventData(number)))
  for (let attempt = 1; ; attempt++) {
    try {
      const program = join(PEERS, 'emmett.mjs')
      const { stdout } = await run(process.execPath, [program, path, String(appends), events], {
        timeout: APPEND_WITHIN_MS,
      })
      const { perSecond, synchronous } = JSON.parse(stdout) as { perSecond: number; synchronous: number }
      if (synchronous !== 2) throw new Error(`Emmett ran with synchronous=${synchronous}`)
      return perSecond
    } catch (error) {
      if (attempt === TRIES) throw error
    } finally {
      for (const suffix of ['', '-wal', '-shm']) await rm(path + suffix, { force: true })
    }
  }
}
