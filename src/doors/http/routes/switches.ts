/** What is switched off, and what became of what ran. Reading only: switches are the warden's, and nothing here could set one. */
import { problem } from '../../../model/problems.ts'
import { json } from '../reply.ts'
import type { Route } from '../route.ts'

export const getStopReport: Route = {
  method: 'GET',
  path: '/v1/stops/{id}',
  id: 'getStopReport',
  describe: 'What became of each operation that a stop switch, or a revocation, stopped.',
  query: [],
  body: null,
  headers: [],
  answers: { 200: 'The report: per operation stopped, already done, or of unknown outcome.' },
  async handle(engine, request) {
    const id = request.parameters[0] as string
    if (id.length > 256) throw problem('no-such-switch', 'no report has so long a name')
    return json(await engine.stopReport(request.credentials, id, request.signal))
  },
}
