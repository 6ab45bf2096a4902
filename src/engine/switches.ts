/**
 * Switches and the lease, at the gates of the path. The commit asks again (committer/judge-levers.ts), so that nothing lands once a switch is in
 * force; the dispatch of effects asks `mayDispatch`.
 */
import type { Parts } from './parts.ts'
import type { OperationId, RunId } from '../model/ids.ts'
import type { Principal } from '../model/principal.ts'
import { problem, type Problem, type ProblemCode } from '../model/problems.ts'
import type { SwitchAction, SwitchEntry } from '../warden/authority.ts'
import { switchInTheWay, type SwitchedAct, type SwitchSubject } from '../warden/switches.ts'

/** What is asked for, as far as a switch can tell. */
export interface SwitchedCall {
  readonly command: string
  readonly run: RunId | null
  readonly effects?: readonly string[]
}

const CODES = {
  pause: 'switched-paused',
  stop: 'switched-stopped',
  contain: 'switched-contained',
  freeze: 'switched-frozen',
} as const satisfies Record<SwitchAction, ProblemCode>
export const SWITCHED: ReadonlySet<ProblemCode> = new Set(Object.values(CODES))

export const subjectOf = (
  parts: Pick<Parts, 'release' | 'policy'>,
  principal: Principal,
  { command, run, effects = [] }: SwitchedCall,
): SwitchSubject => ({
  application: parts.release.manifest.name,
  tenant: principal.tenant,
  principals: principalsOf(principal),
  run,
  command,
  effects,
  policySet: parts.policy.status().policySet,
})

/** A switch on somebody reaches what they own, what acts for them, and what acts for what they own. */
export const principalsOf = ({ chain, onBehalfOf }: Pick<Principal, 'chain' | 'onBehalfOf'>): readonly string[] => [
  ...chain.map(({ principal }) => principal as string),
  ...(onBehalfOf === null ? [] : [onBehalfOf as string]),
]

/** The reason is the operator's own and goes to whoever is refused. */
export function switchedProblem({ id, scope, action, reason }: SwitchEntry, operation?: OperationId): Problem {
  return problem(CODES[action], reason, {
    switch: id,
    scope: `${scope.kind}:${scope.value}`,
    ...(operation === undefined ? {} : { operation }),
  })
}

/** @throws `switched-paused`, `switched-stopped`, `switched-contained`, `switched-frozen`; `authority-expired` for changes past the lease */
export function passSwitches(
  parts: Parts,
  principal: Principal,
  call: SwitchedCall,
  act: SwitchedAct,
  operation?: OperationId,
): void {
  const { switches } = parts.authority.current()
  if (switches.length > 0) {
    const found = switchInTheWay(switches, subjectOf(parts, principal, call), act)
    if (found !== null) throw switchedProblem(found, operation)
  }
  if (act === 'read') return
  const untilMs = parts.authority.leaseUntilMs()
  if (untilMs !== null && parts.clock.nowMs() > untilMs) throw leaseProblem(untilMs, operation)
}

export const leaseProblem = (untilMs: number, operation?: OperationId): Problem =>
  problem('authority-expired', `what the warden said last was good until ${new Date(untilMs).toISOString()}`, {
    untilMs,
    ...(operation === undefined ? {} : { operation }),
  })

/**
 * Just before an effect of a committed operation goes out: the switch that forbids it, or null. An effect that may not go out stays in the outbox.
 */
export function mayDispatch(
  parts: Pick<Parts, 'authority' | 'release'>,
  effect: string,
  of: Pick<Principal, 'chain' | 'onBehalfOf' | 'tenant'> & {
    readonly command: string
    readonly run: RunId | null
    /** That it was admitted under. */
    readonly policySet: string | null
  },
): SwitchEntry | null {
  const { switches } = parts.authority.current()
  return switchInTheWay(
    switches,
    {
      application: parts.release.manifest.name,
      tenant: of.tenant,
      principals: principalsOf(of),
      run: of.run,
      command: of.command,
      effects: [effect],
      policySet: of.policySet,
    },
    'change',
  )
}
