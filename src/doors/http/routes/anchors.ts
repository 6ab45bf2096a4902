/** Proofs that checkpoints existed before a time: what there is, and one more now. */
import { json } from '../reply.ts'
import { PAGE, readPage } from '../parameters.ts'
import type { Route } from '../route.ts'

export const listAnchors: Route = {
  method: 'GET',
  path: '/v1/log/anchors',
  id: 'listAnchors',
  describe: 'Anchored checkpoints with their proofs, newest first.',
  query: PAGE,
  body: null,
  headers: [],
  answers: { 200: 'A page of anchored checkpoints; proofs in base64.' },
  async handle(engine, request) {
    return json(await engine.anchors(request.credentials, readPage(request.query), request.signal))
  },
}

export const anchorNow: Route = {
  method: 'POST',
  path: '/v1/log/anchors',
  id: 'anchorNow',
  describe: 'Anchors the newest checkpoint now, with every anchor that is set up. Takes no body.',
  query: [],
  body: null,
  headers: [],
  answers: { 200: 'The proofs, at least one.' },
  async handle(engine, request) {
    return json({ items: await engine.anchorNow(request.credentials, request.signal) })
  },
}
