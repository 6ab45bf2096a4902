/**
 * The loop beside the path. Held operations whose request is decided or has expired are taken up, and an authority snapshot that came into force
 * is put on record; a restart finds both the same way.
 */
import { recordAuthority } from './adopt.ts'
import { APPROVALS_MODEL } from './approval-request.ts'
import type { Parts } from './parts.ts'
import { resumeHeld } from './resume.ts'
import type { ApprovalId } from '../model/ids.ts'

const LOOK_EVERY_MS = 1_000
const OPEN_PER_LOOK = 200

export interface Loops {
  /** Resolves when the look under way has ended. */
  stop(): Promise<void>
}

/** @param onProblem told of what a look could not do; the next look tries again */
export function startLoops(parts: Parts, onProblem: (what: string, error: unknown) => void): Loops {
  const stopping = new AbortController()
  let looking = Promise.resolve()
  const timer = setInterval(() => {
    looking = looking.then(() => (stopping.signal.aborted ? undefined : look(parts, stopping.signal, onProblem)))
  }, LOOK_EVERY_MS)
  timer.unref()
  looking = look(parts, stopping.signal, onProblem)
  return {
    async stop() {
      clearInterval(timer)
      stopping.abort(new Error('stopping'))
      await looking
    },
  }
}

async function look(
  parts: Parts,
  signal: AbortSignal,
  onProblem: (what: string, error: unknown) => void,
): Promise<void> {
  await recordAuthority(parts).catch((error: unknown) => onProblem('recording the authority in force', error))
  await takeUpHeld(parts, signal, onProblem).catch((error: unknown) => onProblem('looking for held operations', error))
}

async function takeUpHeld(
  parts: Parts,
  signal: AbortSignal,
  onProblem: (what: string, error: unknown) => void,
): Promise<void> {
  const open = parts.reader.find({
    model: APPROVALS_MODEL,
    where: { open: true },
    order: ['expiresAtMs'],
    limit: OPEN_PER_LOOK,
    after: null,
  })
  for (const { id, row } of open) {
    if (signal.aborted) return
    if (row['state'] === 'pending' && Number(row['expiresAtMs']) > parts.clock.nowMs()) continue
    await resumeHeld(parts, id as ApprovalId, signal).catch((error: unknown) =>
      onProblem(`held operation behind \`${id}\``, error),
    )
  }
}
