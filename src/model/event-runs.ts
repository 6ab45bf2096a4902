/**
 * Where the events of each stream are, as a sum over runs: events that are next to each other in log and stream are one entry. Commits write several
 * events of a stream at once, and a hash a run is cheaper than one an event. Runs are as long as they can be, so two sides that hold the same events
 * have the same runs, however either has cut them; each side must only give the events of a run one after the other.
 */
import type { Position, StreamId, Version } from './ids.ts'
import { eventEntry, MultisetHash } from './multiset-hash.ts'

export interface EventRun {
  readonly stream: StreamId
  readonly version: Version
  readonly position: Position
  readonly count: number
}
/** A part of a log: runs at its edges may go on in the parts beside it, and are not in the sum. */
export interface PartialRuns {
  readonly edges: readonly EventRun[]
  readonly count: number
  readonly sum: string
}

export class EventRuns {
  readonly #sum = new MultisetHash()
  #first: EventRun | null = null
  /** The one that may yet grow. */
  #open: { stream: StreamId; version: number; position: number; count: number } | null = null

  add(stream: StreamId, version: number, position: number, count = 1): void {
    const open = this.#open
    if (
      open !== null &&
      open.position + open.count === position &&
      open.version + open.count === version &&
      open.stream === stream
    ) {
      open.count += count
      return
    }
    this.#close()
    this.#open = { stream, version, position, count }
  }
  /** The part that follows what was added so far. */
  take({ edges: [first, last], count, sum }: PartialRuns): void {
    if (first === undefined) return
    this.add(first.stream, first.version, first.position, first.count)
    if (last === undefined) return
    this.#close()
    this.#sum.merge({ count, sum })
    this.add(last.stream, last.version, last.position, last.count)
  }
  get part(): PartialRuns {
    const edges = [this.#first, this.#open as EventRun | null].filter((run) => run !== null)
    return { edges, count: this.#sum.count, sum: this.#sum.sum }
  }
  /** Of all of them, edges too. */
  get total(): { readonly count: number; readonly sum: string } {
    const all = new MultisetHash()
    all.merge(this.#sum)
    for (const run of this.part.edges) all.add(entryOf(run))
    return { count: all.count, sum: all.sum }
  }

  #close(): void {
    const run = this.#open as EventRun | null
    this.#open = null
    if (run === null) return
    if (this.#first === null) this.#first = run
    else this.#sum.add(entryOf(run))
  }
}

const entryOf = ({ stream, version, position, count }: EventRun): string => eventEntry(stream, version, position, count)
