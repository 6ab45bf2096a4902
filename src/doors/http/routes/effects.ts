/** What operations asked for outside, and what each waits for. */
import { PAGE, readPage } from '../parameters.ts'
import { json } from '../reply.ts'
import type { Route } from '../route.ts'

export const listEffects: Route = {
  method: 'GET',
  path: '/v1/effects',
  id: 'listEffects',
  describe: 'Effects in the outbox, oldest first, each with what it waits for.',
  query: [
    {
      name: 'state',
      describe: 'Only those in this state.',
      schema: { enum: ['ready', 'awaiting-witness', 'log-stopped', 'switched-off', 'revoked'] },
    },
    ...PAGE,
  ],
  body: null,
  headers: [],
  answers: { 200: 'A page of effects.' },
  async handle(engine, request) {
    const state = request.query.get('state')
    const filter = state === undefined ? {} : { state }
    return json(await engine.effects(request.credentials, filter, readPage(request.query), request.signal))
  },
}
