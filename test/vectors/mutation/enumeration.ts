/**
 * Which mutations of an artifact a run tries, and what came of each kind: a test asks for its turn before it mutates, and says the verdict afterwards.
 *
 * Everyday runs take one in so many of a kind, picked by a seed (`PLINTH_MUTATIONS_SEED`; `npm run verify` takes it from the commit, so that each
 * commit looks elsewhere and can be looked at again). `PLINTH_MUTATIONS=full` takes all of them, or the part of them that `PLINTH_MUTATIONS_PART`
 * names (`2/8`: the third of eight); `npm run test:mutations` runs all parts and adds them up from `PLINTH_MUTATIONS_REPORT`.
 */
import { writeFileSync } from 'node:fs'

export const FULL = process.env['PLINTH_MUTATIONS'] === 'full'
export const SEED = Number.parseInt(process.env['PLINTH_MUTATIONS_SEED'] ?? '1', 10) >>> 0
const [PART = 0, PARTS = 1] = (process.env['PLINTH_MUTATIONS_PART'] ?? '0/1').split('/').map(Number)
const REPORT = process.env['PLINTH_MUTATIONS_REPORT']
const PROGRESS_EVERY_MS = 10_000

/** By kind of mutation: how many there are, and how many were tried, by verdict. */
export type Tried = Record<string, { all: number; verdicts: Record<string, number> }>
const tried: Record<string, Tried> = {}
let last = performance.now()

export class Enumeration {
  readonly #kinds: Tried
  readonly #artifact: string

  /** @param artifact what is mutated; one name for all parts */
  constructor(artifact: string) {
    this.#artifact = artifact
    this.#kinds = tried[artifact] ??= {}
  }

  /**
   * Whether the next mutation of this kind is tried. To be asked once for each that there is, in the same order in every run.
   * @param sampled an everyday run tries one in so many
   * @param full and a full one, where each costs much and its neighbours are of the same class
   */
  turn(kind: string, sampled: number, full = 1): boolean {
    const entry = (this.#kinds[kind] ??= { all: 0, verdicts: {} })
    const ordinal = entry.all++
    if (!FULL) return sampled === 1 || drawn(kind, ordinal) % sampled === 0
    if (full > 1 && drawn(kind, ordinal) % full !== 0) return false
    return (full > 1 ? drawn(`${kind} part`, ordinal) : ordinal) % PARTS === PART
  }

  /** One of so many, picked by the seed: for what an everyday run tries once. */
  pick(kind: string, count: number): number {
    return drawn(kind, count) % count
  }

  count(kind: string, verdict: string): void {
    const { verdicts } = (this.#kinds[kind] ??= { all: 0, verdicts: {} })
    verdicts[verdict] = (verdicts[verdict] ?? 0) + 1
    if (REPORT === undefined || performance.now() - last < PROGRESS_EVERY_MS) return
    last = performance.now()
    const all = Object.values(verdicts).reduce((sum, count) => sum + count, 0)
    process.stderr.write(`    ${this.#artifact}: ${kind}: ${all}\n`)
  }
}

/** A number that looks random, the same for the same seed. */
function drawn(kind: string, ordinal: number): number {
  let mixed = Math.imul(ordinal + 1, 0x9e3779b1) ^ SEED
  for (let i = 0; i < kind.length; i++) mixed = Math.imul(mixed ^ kind.charCodeAt(i), 0x01000193)
  mixed = Math.imul(mixed ^ (mixed >>> 15), 0x85ebca6b)
  mixed = Math.imul(mixed ^ (mixed >>> 13), 0xc2b2ae35)
  return (mixed ^ (mixed >>> 16)) >>> 0
}

if (REPORT !== undefined) process.on('exit', () => writeFileSync(REPORT, JSON.stringify(tried)))
