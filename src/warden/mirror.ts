/**
 * Brings what a warden elsewhere has published into this system's authority folder, where it is verified like any other file. Carrying half: it
 * signs nothing, and carries no snapshot that does not follow those before it, so that whoever answered in the warden's place once does not keep
 * what the warden publishes afterwards from being found. What lies there wrongly is replaced.
 */
import { mkdir, open, rename } from 'node:fs/promises'
import { join } from 'node:path'
import { Problem } from '../model/problems.ts'
import { LEASE_FILE } from './lease.ts'
import { openSuccessor, rootKeys, type RootKeys } from './snapshot-chain.ts'
import { SNAPSHOT_BYTES_MAX, snapshotFile, type VerifiedSnapshot } from './snapshot.ts'
import { readBounded } from './source.ts'

const LOOK_EVERY_MS = 250
const FETCH_MS_MAX = 5_000
/** Snapshots fetched in one look; the rest comes with the next. */
const SNAPSHOTS_PER_LOOK = 1_000

export interface Mirror {
  /** Resolves when the look under way has ended. */
  close(): Promise<void>
}

/**
 * @param url as the warden's read-only door said, e.g. `http://10.0.0.5:4100` @param pinnedVkey key of the first snapshot
 * @returns when the first look has ended @throws `authority-invalid` when that is no key
 */
export async function mirrorAuthority(
  url: string,
  dir: string,
  pinnedVkey: string,
  onProblem: (what: string, error: unknown) => void,
): Promise<Mirror> {
  await mkdir(dir, { recursive: true, mode: 0o755 })
  const stopping = new AbortController()
  const held = await heldIn(dir, pinnedVkey)
  let told = false
  const look = async (): Promise<void> => {
    try {
      await lookOnce(url, dir, held, stopping.signal)
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

/** The newest snapshot that is here with all those before it, and the keys that it leads to. */
interface Held {
  head: VerifiedSnapshot | null
  readonly keys: RootKeys
}

async function heldIn(dir: string, pinnedVkey: string): Promise<Held> {
  const held: Held = { head: null, keys: rootKeys(pinnedVkey) }
  for (let number = 1; ; number++) {
    const note = await readBounded(join(dir, snapshotFile(number))).catch(() => null)
    const next = note === null ? null : successor(held, number, note)
    if (next === null) return held
    held.head = next
  }
}

/** Null for a note that does not follow what is here. */
function successor({ head, keys }: Held, number: number, note: string): VerifiedSnapshot | null {
  try {
    return openSuccessor(note, number, head, keys)
  } catch (error) {
    if (error instanceof Problem) return null
    throw error
  }
}

async function lookOnce(url: string, dir: string, held: Held, signal: AbortSignal): Promise<void> {
  for (let count = 0; count < SNAPSHOTS_PER_LOOK; count++) {
    const number = (held.head?.snapshot.number ?? 0) + 1
    const note = await fetchText(`${url}/authority/${snapshotFile(number)}`, signal)
    if (note === null) break
    const next = successor(held, number, note)
    if (next === null) throw new Error(`what \`${url}\` calls snapshot ${number} does not follow`)
    await put(dir, snapshotFile(number), note)
    held.head = next
  }
  const lease = await fetchText(`${url}/authority/${LEASE_FILE}`, signal)
  if (lease !== null) await put(dir, LEASE_FILE, lease)
}

async function fetchText(url: string, signal: AbortSignal): Promise<string | null> {
  const response = await fetch(url, { signal: AbortSignal.any([signal, AbortSignal.timeout(FETCH_MS_MAX)]) })
  if (response.status === 404) return null
  if (!response.ok) throw new Error(`\`${url}\` answered ${response.status}`)
  const parts: Uint8Array[] = []
  let bytes = 0
  for await (const part of response.body ?? []) {
    parts.push(part as Uint8Array)
    bytes += (part as Uint8Array).length
    if (bytes > SNAPSHOT_BYTES_MAX) throw new Error(`\`${url}\` answered more than ${SNAPSHOT_BYTES_MAX} bytes`)
  }
  return Buffer.concat(parts).toString('utf8')
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
