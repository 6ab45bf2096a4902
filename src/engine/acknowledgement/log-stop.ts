/**
 * The stop: once a witness has said that this log contradicts itself, nothing more is committed, in this process or after a restart, until an
 * operator has looked and said so (`plinth log resume`). Owns the mark in the data directory and the evidence beside it.
 *
 * L1 Nothing is handed in from the moment the stop is known; then the evidence is put on the disk, and then the mark.
 * L2 While the mark is there, no commit is handed in. What was handed in before lands or does not, and is answered as what it is.
 * L3 Nothing here takes the mark away: only the command line does.
 */
import { existsSync, mkdirSync, readFileSync, renameSync } from 'node:fs'
import { join } from 'node:path'
import { sha256Hex } from '../../model/ids.ts'
import type { JsonObject } from '../../model/json.ts'
import type { StopKind, StopMark } from '../../model/log-stop.ts'
import { problem, type Problem } from '../../model/problems.ts'
import { replaceDurablySync, syncFolder } from '../../transparency-log/witness/durable-files.ts'
import type { Committer } from '../committer/commit-request.ts'

/** What an operator has looked at and let go on. */
export interface Resumed extends StopMark {
  readonly resumedAtMs: number
  readonly by: string
  readonly reason: string
}

export const EVIDENCE_FOLDER = 'evidence'
const MARK = 'log-stopped.json'
const MARK_PATH = (dir: string): string => join(dir, EVIDENCE_FOLDER, MARK)

export class LogStop {
  readonly #dir: string
  #mark: StopMark | null

  /** Finds the mark that an earlier process has left. @throws `storage-damaged` for one that cannot be read: it is not taken for none */
  constructor(dir: string) {
    this.#dir = dir
    this.#mark = readMark(dir)
  }

  get mark(): StopMark | null {
    return this.#mark
  }

  /**
   * The first stop stands; what is found later is filed beside it.
   * @param evidence what there is to show, by its kind; the file holds it as it is
   * @throws what the disk said; this process stays stopped, and after a restart the witness says it again
   */
  stop(kind: StopKind, witness: string, detail: string, evidence: unknown, nowMs: number): StopMark {
    const folder = join(this.#dir, EVIDENCE_FOLDER)
    const text = `${JSON.stringify(evidence, null, 2)}\n`
    const path = join(folder, `${kind}-${sha256Hex(text).slice(0, 16)}.json`)
    const first = this.#mark === null
    const mark = (this.#mark ??= { v: 1, kind, witness, detail, evidence: path, stoppedAtMs: nowMs })
    mkdirSync(folder, { recursive: true, mode: 0o700 })
    if (!existsSync(path)) replaceDurablySync(path, text)
    if (first) replaceDurablySync(MARK_PATH(this.#dir), `${JSON.stringify(mark, null, 2)}\n`)
    if (first) syncFolder(this.#dir)
    return mark
  }

  /** The committer, but that nothing is handed in while the log is stopped (L2). */
  guard<One extends Pick<Committer, 'commit'>>(committer: One): One {
    const commit: Committer['commit'] = (request) =>
      this.#mark === null ? committer.commit(request) : Promise.reject(stopped(this.#mark))
    return new Proxy(committer, {
      get(target, name) {
        if (name === 'commit') return commit
        const value: unknown = Reflect.get(target, name, target)
        return typeof value === 'function' ? value.bind(target) : value
      },
    })
  }
}

export const stopped = ({ kind, witness, detail, evidence }: StopMark): Problem =>
  problem('log-stopped', `witness \`${witness}\` refused a checkpoint: ${detail}; the evidence is \`${evidence}\``, {
    evidence,
    witness,
    reason: kind,
  })

/** Null when the log is not stopped. @throws `storage-damaged` */
export function readMark(dir: string): StopMark | null {
  const path = MARK_PATH(dir)
  if (!existsSync(path)) return null
  try {
    return JSON.parse(readFileSync(path, 'utf8')) as StopMark
  } catch (cause) {
    throw problem('storage-damaged', `\`${path}\` says that the log is stopped, and cannot be read`, { path }, cause)
  }
}

/** Takes the mark away: the evidence stays, and beside it who has looked at it. By the command line alone. @returns null when nothing is stopped */
export function resumeLog(dir: string, by: string, reason: string, nowMs: number): Resumed | null {
  const mark = readMark(dir)
  if (mark === null) return null
  const resumed: Resumed = { ...mark, resumedAtMs: nowMs, by, reason }
  const folder = join(dir, EVIDENCE_FOLDER)
  replaceDurablySync(join(folder, `resumed-${nowMs}.json`), `${JSON.stringify(resumed, null, 2)}\n`)
  renameSync(MARK_PATH(dir), join(folder, `stopped-${mark.stoppedAtMs}.json`))
  syncFolder(folder)
  return resumed
}

/** For a record in the log: what was resumed, oldest first. */
export const resumedFact = ({ kind, witness, detail, stoppedAtMs, resumedAtMs, by, reason }: Resumed): JsonObject => ({
  ...{ kind, witness, detail, stoppedAtMs, resumedAtMs, by, reason },
})
