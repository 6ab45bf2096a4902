/** To whom each run was open, from the log: who was put on record as having opened it, and who has attested for it. */
import { RUN, RUN_OPENED } from '../engine-streams.ts'
import { LruMap } from '../lru-map.ts'
import type { AuditedEvent } from './transactions.ts'
import { streamParts } from '../../model/ids.ts'
import { teamOf, type Principal } from '../../model/principal.ts'

/** Runs kept at hand; of an older one it is said that nobody knows. */
const RUNS_KEPT = 50_000
const ATTESTED_KEPT = 20 // principals that attest for one run: as a rule one

export class OpenedRuns {
  readonly #openedBy = new LruMap<string, string>(RUNS_KEPT)
  readonly #attestedBy = new LruMap<string, readonly string[]>(RUNS_KEPT)
  /** A log may have been begun before runs were opened at all. */
  #began = false
  #forgot = false

  take({ record, data }: AuditedEvent): void {
    const { entity, id } = streamParts(record.stream)
    if (entity === RUN_OPENED) {
      this.#began = true
      const by = data?.['by']
      this.#forgot ||= this.#openedBy.size >= RUNS_KEPT || typeof by !== 'string' // its payload is gone
      if (typeof by === 'string' && !this.#openedBy.has(id)) this.#openedBy.set(id, by)
    } else if (entity === RUN) {
      const before = this.#attestedBy.get(id) ?? []
      this.#forgot ||= this.#attestedBy.size >= RUNS_KEPT || before.length >= ATTESTED_KEPT
      if (!before.includes(record.actor)) this.#attestedBy.set(id, [...before, record.actor].slice(-ATTESTED_KEPT))
    }
  }

  /** Whether it may have called under the run; `unknown` when what tells lies too far back, or is from before runs were opened. */
  isOpenTo(run: string, principal: Principal): boolean | 'unknown' {
    const openedBy = this.#openedBy.get(run)
    if (openedBy === teamOf(principal) || this.#attestedBy.get(run)?.includes(principal.id) === true) return true
    if (openedBy === undefined && !this.#began) return 'unknown'
    return this.#forgot ? 'unknown' : false
  }
}
