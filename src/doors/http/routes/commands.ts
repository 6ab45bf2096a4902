/** Asking for a change: a command of the application, or facts about a run. */
import { problem } from '../../../model/problems.ts'
import type { Json, JsonObject } from '../../../model/json.ts'
import type { PrincipalId, RunId } from '../../../model/ids.ts'
import {
  ACKNOWLEDGE_HEADER,
  CAUSATION_HEADER,
  checkedName,
  checkedRun,
  CORRELATION_HEADER,
  KEY_HEADER,
  readIdempotencyKey,
  readLevel,
  RUN_AGENT_HEADER,
  RUN_HEADER,
} from '../parameters.ts'
import { outcomeReply } from '../reply.ts'
import type { Route, RouteRequest } from '../route.ts'

export const OUTCOMES = {
  200: 'It is committed: durable, with its receipt.',
  202: 'It is held: somebody else decides. Or it is committed and awaits the level that was asked for. `Location` waits for the outcome.',
  403: 'A policy denies it; `rules` names the policies.',
  422: 'The command refuses it; `code` says why.',
}

export const submitCommand: Route = {
  method: 'POST',
  path: '/v1/commands/{command}',
  id: 'submitCommand',
  describe: 'Asks for a command. The body is its input.',
  query: [],
  body: {},
  headers: [KEY_HEADER, RUN_HEADER, CORRELATION_HEADER, CAUSATION_HEADER, ACKNOWLEDGE_HEADER],
  answers: OUTCOMES,
  async handle(engine, request) {
    const acknowledge = readLevel(request)
    const { answer, timings } = await engine.submit(
      request.credentials,
      {
        command: request.parameters[0] as string,
        input: request.body as Json,
        idempotencyKey: readIdempotencyKey(request),
        run: runOf(request),
        correlation: nameOf(request, 'plinth-correlation'),
        causation: nameOf(request, 'plinth-causation'),
        ...(acknowledge === null ? {} : { acknowledge }),
      },
      request.signal,
    )
    return outcomeReply(answer, timings)
  },
}

export const attestRun: Route = {
  method: 'PUT',
  path: '/v1/runs/{run}/attested',
  id: 'attestRun',
  describe:
    'States facts about a run, for policies to see. By a front door that is in scope for it, never by the agent of the run.',
  query: [],
  body: { type: 'object' },
  headers: [KEY_HEADER, RUN_AGENT_HEADER, ACKNOWLEDGE_HEADER],
  answers: OUTCOMES,
  async handle(engine, request) {
    const run = checkedRun(request.parameters[0] as string)
    const facts = request.body
    if (typeof facts !== 'object' || facts === null || Array.isArray(facts))
      throw problem('invalid-input', 'the body must be an object of facts')
    const key = readIdempotencyKey(request)
    const { credentials, signal } = request
    const level = readLevel(request)
    const agent = (request.headers['plinth-run-agent'] ?? null) as PrincipalId | null
    const { answer, timings } = await engine.attest(credentials, run, facts as JsonObject, key, signal, level, agent)
    return outcomeReply(answer, timings)
  },
}

/** Header `Plinth-Run`. @throws `malformed-request` */
export function runOf(request: RouteRequest): RunId | null {
  const run = request.headers['plinth-run']
  return run === undefined ? null : checkedRun(run)
}

function nameOf(request: RouteRequest, header: 'plinth-correlation' | 'plinth-causation'): string | null {
  const value = request.headers[header]
  return value === undefined ? null : checkedName(value, `header \`${header}\``)
}
