/** The cheap gate before anything is decided: is a switch or an open breaker in the way, the lease over, or nobody there to say how far the log had come? What is refused here is on record, and cost nothing. */
import type { Parts } from './parts.ts'
import { noteFailure } from './pauses.ts'
import type { Proposal } from './proposal.ts'
import { passSwitches } from './switches.ts'

/** @throws as `passSwitches`; `breaker-open`, `signer-unconfirmed` */
export function gate(parts: Parts, proposal: Proposal): void {
  try {
    passSwitches(parts, proposal.principal, proposal.intent, 'change', proposal.operation)
    const obstacle = parts.firstRecords.obstacle(parts)
    if (obstacle !== null) throw obstacle
    parts.breakers.pass(parts, proposal)
  } catch (error) {
    noteFailure(parts, proposal, error)
    throw error
  }
}
