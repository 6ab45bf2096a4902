/** Reading states and read models as they are, or as they were. */
import { AT, PAGE, readAt, readObject, readPage } from '../parameters.ts'
import { json } from '../reply.ts'
import type { Route } from '../route.ts'

export const listEntities: Route = {
  method: 'GET',
  path: '/v1/entities/{entity}',
  id: 'listEntities',
  describe: 'States of one entity, in the order of their ids.',
  query: [AT, ...PAGE],
  body: null,
  headers: [],
  answers: { 200: 'A page of states.' },
  async handle(engine, request) {
    const entity = request.parameters[0] as string
    const page = readPage(request.query)
    return json(await engine.states(request.credentials, entity, page, readAt(request.query), request.signal))
  },
}

export const getEntity: Route = {
  method: 'GET',
  path: '/v1/entities/{entity}/{id}',
  id: 'getEntity',
  describe: 'One state, with its version and the leaf of its last event.',
  query: [AT],
  body: null,
  headers: [],
  answers: { 200: 'The state.' },
  async handle(engine, request) {
    const [entity, id] = request.parameters as [string, string]
    const state = await engine.state(request.credentials, entity, id, readAt(request.query), request.signal)
    return json(state, 200, ['Plinth-Position', String(state.asOf)])
  },
}

export const listRows: Route = {
  method: 'GET',
  path: '/v1/read-models/{model}',
  id: 'listRows',
  describe: 'Rows of a read model, by equality on columns of one of its indexes.',
  query: [
    { name: 'where', describe: 'Columns and their values, as a JSON object.', schema: { type: 'string' } },
    { name: 'order', describe: 'Next columns of the index, separated by commas.', schema: { type: 'string' } },
    AT,
    ...PAGE,
  ],
  body: null,
  headers: [],
  answers: { 200: 'A page of rows.' },
  async handle(engine, request) {
    const { query, credentials, signal } = request
    const order = query.get('order')
    const rows = await engine.rows(
      credentials,
      request.parameters[0] as string,
      readObject(query, 'where'),
      order === undefined || order === '' ? [] : order.split(','),
      readPage(query),
      readAt(query),
      signal,
    )
    return json(rows)
  },
}
