/**
 * The loop beside the path. Held operations whose request is decided or has expired are taken up, and an authority snapshot that came into force
 * is put on record; a restart finds both the same way.
 */
import { AdoptionRecords } from './adopt.ts'
import { recordWitnessPolicy } from './acknowledgement/record-witness-policy.ts'
import { APPROVALS_MODEL } from './approval-request.ts'
import type { Parts } from './parts.ts'
import { recordLogKey } from './record-log-key.ts'
import { resumeHeld } from './resume.ts'
import type { ApprovalId } from '../model/ids.ts'

const LOOK_EVERY_MS = 1_000
/** Of those approved, those refused and those waiting; each read by when they expire. */
const OPEN_PER_LOOK = 200

export interface Loops {
  /** Resolves when the look under way has ended. */
  stop(): Promise<void>
}

/** @param firstRecords what a start could not put on record @param onProblem told of what a look could not do; the next look tries again */
export function startLoops(
  parts: Parts,
  firstRecords: () => Promise<void>,
  onProblem: (what: string, error: unknown) => void,
): Loops {
  const stopping = new AbortController()
  let looking = Promise.resolve()
  let busy = false
  // Told within the adoption: looked at as soon as it is over.
  const adoptions = new AdoptionRecords(parts, () => void setImmediate(begin))
  let policy = parts.acknowledgement.witnessing?.policy.digest // on record by the start
  const lookAtPolicy = async (): Promise<void> => {
    const now = parts.acknowledgement.witnessing?.policy.digest
    if (now === policy) return
    try {
      await recordWitnessPolicy(parts)
      policy = now
    } catch (error) {
      onProblem('recording the witness policy in force', error)
    }
  }
  const notWritten = (error: unknown): boolean => {
    onProblem('the first records of this start', error)
    return false
  }
  const lookOnce = async (): Promise<void> => {
    busy = true
    const { stop } = parts.acknowledgement
    const mayWrite = stop.mark === null && (await parts.firstRecords.write(parts, firstRecords).catch(notWritten))
    if (mayWrite) {
      await look(parts, adoptions, stopping.signal, onProblem)
      await lookAtPolicy()
    }
    busy = false
  }
  const begin = (): void => {
    if (!busy && !stopping.signal.aborted) looking = lookOnce()
  }
  const timer = setInterval(begin, LOOK_EVERY_MS)
  timer.unref()
  looking = lookOnce()
  return {
    async stop() {
      clearInterval(timer)
      stopping.abort(new Error('stopping'))
      await looking
      adoptions.stop()
      // What came into force since the last look: nothing may rest on a snapshot that is not on record.
      if (parts.firstRecords.obstacle(parts) !== null) return
      await adoptions.write().catch((error: unknown) => onProblem('recording the authority in force', error))
    },
  }
}

async function look(
  parts: Parts,
  adoptions: AdoptionRecords,
  signal: AbortSignal,
  onProblem: (what: string, error: unknown) => void,
): Promise<void> {
  await adoptions.write().catch((error: unknown) => onProblem('recording the authority in force', error))
  await takeUpHeld(parts, signal, onProblem).catch((error: unknown) => onProblem('looking for held operations', error))
  if (parts.committer.signing().state === 'signing')
    await recordLogKey(parts).catch((error: unknown) => onProblem('looking for a new key of the log', error))
}

async function takeUpHeld(
  parts: Parts,
  signal: AbortSignal,
  onProblem: (what: string, error: unknown) => void,
): Promise<void> {
  const nowMs = parts.clock.nowMs()
  const due = ['approved', 'refused', 'pending'].flatMap((state) =>
    parts.reader
      .find({
        model: APPROVALS_MODEL,
        where: { open: true, state },
        order: ['expiresAtMs'],
        limit: OPEN_PER_LOOK,
        after: null,
      })
      .filter(({ row }) => state !== 'pending' || Number(row['expiresAtMs']) <= nowMs),
  )
  for (const { id } of due) {
    if (signal.aborted) return
    await resumeHeld(parts, id as ApprovalId, signal).catch((error: unknown) =>
      onProblem(`held operation behind \`${id}\``, error),
    )
  }
}
