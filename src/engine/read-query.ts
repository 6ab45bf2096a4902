/** One run of a query in a cell, at one log position, and what is looked at before its answer counts: who asks, every switch, the facts it states. */
import { answered, cellCall, type Answered, type CellCall } from './cell-call.ts'
import type { Parts } from './parts.ts'
import type { ReadSession } from './read-session.ts'
import { passSwitches } from './switches.ts'
import type { CellReading } from '../model/decision.ts'
import type { RunId } from '../model/ids.ts'
import { problem } from '../model/problems.ts'

/** A query with its checked input. */
export interface QueryCall extends CellCall {
  /** As it was asked for: a switch may name it. */
  readonly run: RunId | null
}

/** @throws as `answered`; `principal-revoked`, `switched-…`: meanwhile; `application-output-invalid` for facts that do not fit */
export async function readQuery(
  parts: Parts,
  call: QueryCall,
  session: ReadSession,
  signal: AbortSignal,
): Promise<Answered<CellReading>> {
  const { name, principal, run, operation } = call
  const said = await parts.sandbox.read(await cellCall(parts, call, session), session, signal)
  signal.throwIfAborted()
  if (!parts.identity.isLive(principal))
    throw problem('principal-revoked', 'the principal, or one it depends on, was revoked while this was under way')
  passSwitches(parts, principal, { command: name, run }, 'read', operation)
  const answer = answered(said, operation)
  if (answer.facts !== null) parts.validators.facts(name, answer.facts)
  return answer
}
