/**
 * Proofs of anchoring in a folder: for each, the checkpoint that was anchored, byte for byte, and the proof, as other programs read it. Names say
 * the rest: `<size>-<seconds>-<anchor>-<cause>.tsr`. The checkpoint is written first, so that there is no proof without it.
 *
 * Bounded by thinning what the cadence has made: all of the last day, one an hour of the last ninety days, one a day before. A proof for a smaller
 * size and a later one for a larger still bracket every record; what was asked for stays.
 */
import { mkdirSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { parseTreeSize } from '../checkpoint.ts'
import { replaceDurably } from '../witness/durable-files.ts'

export interface AnchorEntry {
  readonly size: number
  /** By the anchor's clock, rounded down to a second. */
  readonly timeMs: number
  readonly anchor: string
  /** `cadence`, or `asked` for by somebody: then it is never thinned out. */
  readonly cause: 'cadence' | 'asked'
  readonly kind: string
}
export interface StoredAnchor extends AnchorEntry {
  /** Signed note. */
  readonly checkpoint: string
  readonly proof: Uint8Array
}

export const ANCHOR_NAME = /^[a-z][a-z0-9]{0,31}$/
const FILE = /^([0-9]{16})-([0-9]{10,})-([a-z][a-z0-9]{0,31})-(cadence|asked)\.(?!checkpoint$)([a-z]{1,8})$/
const HOUR_MS = 3_600_000
const DAY_MS = 24 * HOUR_MS
const HOURLY_MS = 90 * DAY_MS

export class AnchorFiles {
  readonly #folder: string
  #entries: AnchorEntry[]

  /** @param folder made with the first proof */
  constructor(folder: string) {
    this.#folder = folder
    this.#entries = entriesIn(folder)
  }

  /** By size, smallest first. */
  get entries(): readonly AnchorEntry[] {
    return this.#entries
  }
  last(anchor: string): AnchorEntry | null {
    return this.#entries.findLast((entry) => entry.anchor === anchor) ?? null
  }
  /** Null when somebody has taken its files away. */
  read(entry: AnchorEntry): StoredAnchor | null {
    return readEntry(this.#folder, entry)
  }
  /** Durable when it resolves. */
  async put(stored: StoredAnchor): Promise<void> {
    const { checkpoint, proof, ...entry } = stored
    mkdirSync(this.#folder, { recursive: true })
    await replaceDurably(this.#path(entry, 'checkpoint'), checkpoint)
    await replaceDurably(this.#path(entry, entry.kind), proof)
    if (!this.#entries.some((one) => nameOf(one) === nameOf(entry)))
      this.#entries = [...this.#entries, entry].sort((a, b) => a.size - b.size || a.timeMs - b.timeMs)
  }
  /** @returns how many were removed */
  thin(nowMs: number): number {
    const seen = new Set<string>()
    const spare = this.#entries.filter(({ cause, anchor, timeMs }) => {
      const age = nowMs - timeMs
      if (cause !== 'cadence' || age <= DAY_MS) return false
      const span = age <= HOURLY_MS ? HOUR_MS : DAY_MS
      const slot = `${anchor} ${span} ${Math.floor(timeMs / span)}`
      if (!seen.has(slot)) return !seen.add(slot)
      return true
    })
    for (const entry of spare)
      for (const suffix of [entry.kind, 'checkpoint']) rmSync(this.#path(entry, suffix), { force: true })
    this.#entries = this.#entries.filter((entry) => !spare.includes(entry))
    return spare.length
  }
  #path(entry: AnchorEntry, suffix: string): string {
    return join(this.#folder, `${nameOf(entry)}.${suffix}`)
  }
}

export function readEntry(folder: string, entry: AnchorEntry): StoredAnchor | null {
  try {
    const path = join(folder, nameOf(entry))
    return {
      ...entry,
      checkpoint: readFileSync(`${path}.checkpoint`, 'utf8'),
      proof: readFileSync(`${path}.${entry.kind}`),
    }
  } catch {
    return null
  }
}

const nameOf = ({ size, timeMs, anchor, cause }: AnchorEntry): string =>
  `${String(size).padStart(16, '0')}-${Math.floor(timeMs / 1_000)}-${anchor}-${cause}`

/** Proofs in a folder, for whoever only reads: an export beside a running system. */
export function entriesIn(folder: string): AnchorEntry[] {
  let names: readonly string[]
  try {
    names = readdirSync(folder)
  } catch {
    return []
  }
  return names
    .flatMap((name): AnchorEntry[] => {
      const [, size = '', seconds = '', anchor = '', cause = '', kind = ''] = FILE.exec(name) ?? []
      if (size === '') return []
      const known = cause === 'asked' ? 'asked' : 'cadence'
      return [
        {
          size: parseTreeSize(size.replace(/^0+(?=.)/, '')),
          timeMs: Number(seconds) * 1_000,
          anchor,
          cause: known,
          kind,
        },
      ]
    })
    .sort((a, b) => a.size - b.size || a.timeMs - b.timeMs)
}
