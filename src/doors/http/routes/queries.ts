/** Asking a query of the application: by body, or by address for what is easy to link to. */
import type { Json } from '../../../model/json.ts'
import { AT, readAt, readObject, RUN_HEADER } from '../parameters.ts'
import { queryReply } from '../reply.ts'
import type { Route, RouteRequest } from '../route.ts'
import type { Engine } from '../../../engine/engine.ts'
import { runOf } from './commands.ts'

const ANSWERS = {
  200: 'The answer, and the position it was read at.',
  403: 'A policy denies it; `rules` names the policies.',
  422: 'The query refuses it; `code` says why.',
}

async function ask(engine: Engine, request: RouteRequest, input: Json) {
  const { answer, timings } = await engine.query(
    request.credentials,
    { query: request.parameters[0] as string, input, run: runOf(request), at: readAt(request.query) },
    request.signal,
  )
  return queryReply(answer, timings)
}

export const postQuery: Route = {
  method: 'POST',
  path: '/v1/queries/{query}',
  id: 'postQuery',
  describe: 'Asks a query. The body is its input; nothing changes.',
  query: [AT],
  body: {},
  headers: [RUN_HEADER],
  answers: ANSWERS,
  handle: (engine, request) => ask(engine, request, request.body as Json),
}

export const getQuery: Route = {
  method: 'GET',
  path: '/v1/queries/{query}',
  id: 'getQuery',
  describe: 'Asks a query whose input stands in the address, as JSON.',
  query: [
    AT,
    { name: 'input', describe: 'The input as a JSON object; `{}` when left out.', schema: { type: 'string' } },
  ],
  body: null,
  headers: [RUN_HEADER],
  answers: ANSWERS,
  handle: (engine, request) => ask(engine, request, readObject(request.query, 'input')),
}
