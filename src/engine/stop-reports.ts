/**
 * What became of each operation that a switch or a revocation stopped: stopped, already done, or of unknown outcome. One report for each cause,
 * on record in the log, because "stopped" that nobody can check is a wish.
 */
import { setTimeout as sleep } from 'node:timers/promises'
import { oneEvent } from './engine-plan.ts'
import type { Parts } from './parts.ts'
import { EFFECTS_SCAN_MAX, heldBackBy } from './ready-effects.ts'
import { commitOnce } from './record-once.ts'
import { principalsOf } from './switches.ts'
import type { Stopped, UnderWay } from './running.ts'
import { streamId, type Position } from '../model/ids.ts'
import { Problem, problem } from '../model/problems.ts'
import type { AuthoritySnapshot, SwitchEntry } from '../warden/authority.ts'

/** Longest that a report waits for an operation that was told to stop; then its outcome is unknown, and its key still asks for it. */
const SETTLE_WITHIN_MS = 10_000
/** Operations that one report names; the rest are counted. */
const OPERATIONS_NAMED_MAX = 500
/** The report is begun just before its snapshot comes into force, and goes on at once when it has. */
const ADOPTION_LOOK_MS = 5
const ADOPTION_LOOKS_MAX = 400
/** Pages of the outbox that one report looks through for effects that may not leave any more. */
const EFFECT_PAGES_MAX = 20
const STOP = 'plinth.stop'

export interface StoppedOperation {
  readonly operation: string
  readonly command: string
  readonly actor: string
  readonly became: 'stopped' | 'already-done' | 'outcome-unknown'
  /** State that it reached, when it was done already. */
  readonly state: string | null
}
export interface StopReport {
  /** The switch's id, or `revoke-<principal>-<snapshot>`. */
  readonly id: string
  readonly cause: 'switch' | 'revocation'
  readonly snapshot: number
  /** When the operator asked, by the warden's clock. */
  readonly askedAtMs: number
  readonly adoptedAtMs: number
  /** From the snapshot's arrival here until the commit refuses what it forbids, and everything under way had ended. */
  readonly inForceUs: number
  readonly settledUs: number
  readonly counts: { readonly stopped: number; readonly alreadyDone: number; readonly outcomeUnknown: number }
  readonly operations: readonly StoppedOperation[]
  /** Effects of operations that were done already, in the outbox, which this keeps from leaving; `complete` false when there may be more. */
  readonly effects: { readonly heldBack: number; readonly complete: boolean }
}

export class StopReports {
  readonly #writing = new Set<Promise<void>>()

  /** Keeps the report's making, so that closing waits for it. */
  add(making: Promise<void>): void {
    this.#writing.add(making)
    void making.finally(() => this.#writing.delete(making)).catch(() => {})
  }
  async drained(): Promise<void> {
    await Promise.allSettled(this.#writing)
  }
}

interface Cause {
  readonly id: string
  readonly kind: StopReport['cause']
  readonly askedAtMs: number
  readonly mine: (stopped: Stopped) => boolean
  readonly keeps: Parameters<typeof heldBackBy>[2]
}

/** @param stopped what was told to stop as this snapshot came into force, @param startedUs when it arrived */
export function followStop(
  parts: Parts,
  snapshot: AuthoritySnapshot,
  stopped: readonly Stopped[],
  startedUs: number,
): void {
  const before = parts.authority.current()
  const inForceUs = Math.round(parts.clock.monotonicUs() - startedUs)
  const adoptedAtMs = parts.clock.nowMs()
  for (const cause of causesIn(snapshot, before)) {
    const mine = stopped.filter(cause.mine)
    const make = async (): Promise<void> => {
      const operations = await settle(mine)
      const settledUs = Math.round(parts.clock.monotonicUs() - startedUs)
      await write(parts, {
        ...{ id: cause.id, cause: cause.kind, snapshot: snapshot.number, askedAtMs: cause.askedAtMs, adoptedAtMs },
        ...{ inForceUs, settledUs },
        counts: countsOf(operations),
        operations: operations.slice(0, OPERATIONS_NAMED_MAX),
        effects: await keptEffects(parts, snapshot, cause),
      })
    }
    parts.stops.add(make())
  }
}

/** What this snapshot stops that the one before did not; at opening (`before` is the same) every stop that is on: a crash may have eaten its report. */
function causesIn(snapshot: AuthoritySnapshot, before: AuthoritySnapshot): readonly Cause[] {
  const opening = snapshot === before
  const known = (one: SwitchEntry): boolean => !opening && before.switches.some(({ id }) => id === one.id)
  const switches = snapshot.switches
    .filter((one) => one.action === 'stop' && !known(one))
    .map(({ id, atMs }): Cause => {
      const mine = ({ reason }: Stopped): boolean => reason.members['switch'] === id
      return { id, kind: 'switch', askedAtMs: atMs, mine, keeps: { switch: id } }
    })
  const gone = opening
    ? []
    : snapshot.principals.filter(
        ({ id, revoked }) => revoked && before.principals.find((one) => one.id === id)?.revoked === false,
      )
  const revocations = gone.map(({ id }): Cause => {
    const mine = ({ reason, principal }: Stopped): boolean =>
      reason.code === 'principal-revoked' && principalsOf(principal).includes(id)
    return {
      id: `revoke-${id}-${snapshot.number}`,
      kind: 'revocation',
      askedAtMs: snapshot.createdAtMs,
      mine,
      keeps: { revoked: id },
    }
  })
  return [...switches, ...revocations]
}

const settle = (stopped: readonly Stopped[]): Promise<readonly StoppedOperation[]> =>
  Promise.all(
    stopped.map(async ({ operation, command, principal, outcome, reason }) => {
      const [became, state] = await fateOf(outcome, reason)
      return { operation, command, actor: principal.id, became, state }
    }),
  )

/** Counted once the snapshot decides what may leave; the main thread gets its turn between pages. */
async function keptEffects(
  parts: Parts,
  { number }: AuthoritySnapshot,
  { keeps }: Cause,
): Promise<StopReport['effects']> {
  for (let looks = 0; parts.authority.current().number < number && looks < ADOPTION_LOOKS_MAX; looks++)
    await sleep(ADOPTION_LOOK_MS)
  let heldBack = 0
  let after = -1 as Position
  for (let page = 0; page < EFFECT_PAGES_MAX; page++) {
    const found = heldBackBy(parts, after, keeps)
    heldBack += found.heldBack
    if (found.scanned < EFFECTS_SCAN_MAX) return { heldBack, complete: true }
    after = found.last
    await sleep(0)
  }
  return { heldBack, complete: false }
}

async function fateOf(
  outcome: UnderWay['outcome'],
  reason: Problem,
): Promise<readonly [StoppedOperation['became'], string | null]> {
  const { promise: late, resolve } = Promise.withResolvers<null>()
  const timer = setTimeout(() => resolve(null), SETTLE_WITHIN_MS)
  try {
    const settled = await Promise.race([outcome, late])
    return settled === null ? ['outcome-unknown', null] : ['already-done', settled.kind]
  } catch (error) {
    // Whatever else ended it, it ended without a commit; only storage may not know.
    const unknown = error instanceof Problem && error.code === 'storage-unavailable' && error !== reason
    return [unknown ? 'outcome-unknown' : 'stopped', null]
  } finally {
    clearTimeout(timer)
  }
}

function countsOf(operations: readonly StoppedOperation[]): StopReport['counts'] {
  const count = (became: StoppedOperation['became']): number => operations.filter((one) => one.became === became).length
  return {
    stopped: count('stopped'),
    alreadyDone: count('already-done'),
    outcomeUnknown: count('outcome-unknown'),
  }
}

const streamOf = (id: string) => streamId(STOP, id)

function write(parts: Parts, report: StopReport): Promise<void> {
  const input = { id: report.id, cause: report.cause, snapshot: report.snapshot }
  const stream = streamOf(report.id)
  return commitOnce(parts, STOP, `stop:${report.id}`, input, () =>
    Promise.resolve(oneEvent(stream, { version: 0, state: null }, 'reported', report, null)),
  )
}

/** @throws `no-such-switch` */
export async function readStopReport(parts: Parts, id: string, signal: AbortSignal): Promise<StopReport> {
  const { state } = await parts.states.at(streamOf(id), parts.states.visible, signal)
  if (state === null)
    throw problem(
      'no-such-switch',
      `there is no report \`${id}\`: one is made of each switch that stops, when it comes into force`,
    )
  // Reports from before they counted effects have no such member.
  const report = JSON.parse(state) as StopReport
  return Object.hasOwn(report, 'effects') ? report : { ...report, effects: { heldBack: 0, complete: false } }
}
