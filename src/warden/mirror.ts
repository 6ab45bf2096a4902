/**
 * Brings what a warden elsewhere has published into this system's authority folder, where it is verified like any other file. Carrying half: it
 * believes nothing and signs nothing; a wrong file is found by who reads the folder, and replaced by the next look.
 */
import { mkdir, open, readdir, rename } from 'node:fs/promises'
import { join } from 'node:path'
import { LEASE_FILE } from './lease.ts'
import { SNAPSHOT_BYTES_MAX, SNAPSHOT_FILE, snapshotFile } from './snapshot.ts'

const LOOK_EVERY_MS = 250
const FETCH_MS_MAX = 5_000
/** Snapshots fetched in one look; the rest comes with the next. */
const SNAPSHOTS_PER_LOOK = 1_000

export interface Mirror {
  /** Resolves when the look under way has ended. */
  close(): Promise<void>
}

/** @param url as the warden's read-only door said, e.g. `http://10.0.0.5:4100`. The first look has ended when it resolves */
export async function mirrorAuthority(
  url: string,
  dir: string,
  onProblem: (what: string, error: unknown) => void,
): Promise<Mirror> {
  await mkdir(dir, { recursive: true, mode: 0o755 })
  const stopping = new AbortController()
  let told = false
  const look = async (): Promise<void> => {
    try {
      await lookOnce(url, dir, stopping.signal)
      told = false
    } catch (error) {
      if (!stopping.signal.aborted && !told) onProblem(`the warden at \`${url}\` does not answer`, error)
      told = true
    }
  }
  let looking = look()
  await looking
  let busy = false
  const timer = setInterval(() => {
    if (busy) return
    busy = true
    looking = look().finally(() => (busy = false))
  }, LOOK_EVERY_MS)
  timer.unref()
  return {
    async close() {
      clearInterval(timer)
      stopping.abort()
      await looking
    },
  }
}

async function lookOnce(url: string, dir: string, signal: AbortSignal): Promise<void> {
  const held = (await readdir(dir)).map((name) => Number(SNAPSHOT_FILE.exec(name)?.[1] ?? 0))
  let next = Math.max(0, ...held) + 1
  for (let count = 0; count < SNAPSHOTS_PER_LOOK; count++, next++) {
    const note = await fetchText(`${url}/authority/${snapshotFile(next)}`, signal)
    if (note === null) break
    await put(dir, snapshotFile(next), note)
  }
  const lease = await fetchText(`${url}/authority/${LEASE_FILE}`, signal)
  if (lease !== null) await put(dir, LEASE_FILE, lease)
}

async function fetchText(url: string, signal: AbortSignal): Promise<string | null> {
  const response = await fetch(url, { signal: AbortSignal.any([signal, AbortSignal.timeout(FETCH_MS_MAX)]) })
  const text = await response.text()
  if (response.status === 404) return null
  if (!response.ok || text.length > SNAPSHOT_BYTES_MAX) throw new Error(`\`${url}\` answered ${response.status}`)
  return text
}

/** Whole or not at all. Not forced to disk: it can be fetched again. */
async function put(dir: string, name: string, text: string): Promise<void> {
  const temporary = join(dir, `.${name}.${process.pid}`)
  const file = await open(temporary, 'w', 0o644)
  try {
    await file.writeFile(text)
  } finally {
    await file.close()
  }
  await rename(temporary, join(dir, name))
}
