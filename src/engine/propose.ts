/** What an intent has to be before anything is decided on it: a command that exists for this caller, input that fits it, a level that can be reached. */
import { passSwitches } from './switches.ts'
import type { Parts } from './parts.ts'
import type { Proposal } from './proposal.ts'
import { highest } from '../model/acknowledgement.ts'
import type { Hash, OperationId } from '../model/ids.ts'
import type { Intent } from '../model/operation.ts'
import type { Principal } from '../model/principal.ts'
import { problem } from '../model/problems.ts'

/** @throws `no-such-command`, or the switch that stops the caller; `invalid-input`, `level-unavailable` */
export function propose(
  parts: Parts,
  principal: Principal,
  intent: Intent,
  { operation, intentHash }: { readonly operation: OperationId; readonly intentHash: Hash },
): Proposal {
  if (!parts.policy.inScope(principal, intent.command)) {
    passSwitches(parts, principal, { command: '', run: intent.run }, 'change') // who is stopped is told so, whatever they ask for
    throw problem('no-such-command', `there is no command \`${intent.command}\` here`)
  }
  const input = parts.validators.commandInput(intent.command, intent.input)
  const declared = parts.release.manifest.commands[intent.command]?.acknowledge
  parts.acknowledgement.require(highest(intent.acknowledge, declared))
  return { operation, intentHash, principal, intent, input, approvals: [], resumed: null }
}
