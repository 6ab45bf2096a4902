/** A front door states facts about a run: who is served, what they confirmed. Its own operation, by its own principal, never the agent's. */
import type { JsonObject } from '../model/json.ts'
import { atLevel } from './acknowledgement/at-level.ts'
import { engineOperation } from './engine-operation.ts'
import { oneEvent } from './engine-plan.ts'
import { runStream } from './engine-streams.ts'
import type { Timed } from './engine.ts'
import type { Parts } from './parts.ts'
import { openRunTo } from './run-opened.ts'
import { Stopwatch } from './stopwatch.ts'
import type { Level } from '../model/acknowledgement.ts'
import type { PrincipalId, RunId } from '../model/ids.ts'
import type { Outcome } from '../model/operation.ts'
import type { Credentials } from '../model/principal.ts'
import { problem } from '../model/problems.ts'

export const ATTEST = 'plinth.attest'

/** @param agent whose run it is from now on; null: whoever calls first */
export async function attest(
  parts: Parts,
  credentials: Credentials,
  run: RunId,
  facts: JsonObject,
  idempotencyKey: string,
  acknowledge: Level | null,
  signal: AbortSignal,
  agent: PrincipalId | null = null,
): Promise<Timed<Outcome>> {
  const watch = new Stopwatch(parts.clock)
  const principal = await parts.identity.authenticate(credentials, signal)
  watch.lap('authenticate')
  if (!/^[A-Za-z0-9._:-]{1,128}$/.test(run))
    throw problem('malformed-request', 'a run is named by 1 to 128 characters of `A-Za-z0-9._:-`')
  parts.validators.attested(facts)
  const stream = runStream(run)
  const intent = { command: ATTEST, input: facts, idempotencyKey, run, acknowledge }
  const outcome = await engineOperation(
    parts,
    principal,
    intent,
    async (stop) => {
      if (agent !== null) await openRunTo(parts, agent, run, stop)
      const read = await parts.states.at(stream, parts.states.visible, stop)
      return oneEvent(stream, read, 'attested', facts, { run, version: read.version + 1 })
    },
    signal,
  )
  const answer = await atLevel(parts, outcome, acknowledge, signal)
  watch.lap('commit')
  return { answer, timings: watch.timings() }
}
