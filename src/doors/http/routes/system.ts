/** The system itself: its records, its checkpoint, its state, and the description of this door. */
import { PAGE_LIMIT_DEFAULT, PAGE_LIMIT_MAX } from '../../../engine/engine.ts'
import { openApi } from '../openapi.ts'
import { readCount } from '../parameters.ts'
import { json, text } from '../reply.ts'
import type { Route } from '../route.ts'

export const listRecords: Route = {
  method: 'GET',
  path: '/v1/records',
  id: 'listRecords',
  describe: 'Records of the log in order, as stored and hashed.',
  query: [
    { name: 'from', describe: 'First position.', schema: { type: 'integer', minimum: 0, default: 0 } },
    {
      name: 'limit',
      describe: 'Records of a page.',
      schema: { type: 'integer', minimum: 1, maximum: PAGE_LIMIT_MAX, default: PAGE_LIMIT_DEFAULT },
    },
  ],
  body: null,
  headers: [],
  answers: { 200: 'A page of records.' },
  async handle(engine, request) {
    const from = readCount(request.query, 'from', 0, Number.MAX_SAFE_INTEGER, 0)
    const limit = readCount(request.query, 'limit', 1, PAGE_LIMIT_MAX, PAGE_LIMIT_DEFAULT)
    return json(await engine.records(request.credentials, from, limit, request.signal))
  },
}

export const getCheckpoint: Route = {
  method: 'GET',
  path: '/v1/checkpoint',
  id: 'getCheckpoint',
  describe: 'The newest signed checkpoint of the log (C2SP tlog-checkpoint).',
  query: [],
  body: null,
  headers: [],
  answers: { 200: 'The signed note.' },
  open: true,
  async handle(engine) {
    const checkpoint = await engine.checkpoint()
    return { ...text(checkpoint), checkpoint }
  },
}

export const getConsistency: Route = {
  method: 'GET',
  path: '/v1/log/consistency',
  id: 'getConsistency',
  describe:
    'Proof that the log of `to` records begins with its first `from` (RFC 9162), for whoever has kept checkpoints of both sizes.',
  query: ['from', 'to'].map((name) => ({
    name,
    describe: 'Tree size of a checkpoint.',
    schema: { type: 'integer', minimum: 0 },
  })),
  body: null,
  headers: [],
  answers: { 200: 'Sizes, the root at `from`, and the hashes of the proof, in hex.' },
  open: true,
  async handle(engine, { query }) {
    const from = readCount(query, 'from', 0, Number.MAX_SAFE_INTEGER, 0)
    const to = readCount(query, 'to', 0, Number.MAX_SAFE_INTEGER, from)
    return json(await engine.consistency(from, to))
  },
}

export const getWitnessedCheckpoint: Route = {
  ...getCheckpoint,
  path: '/v1/checkpoint/witnessed',
  id: 'getWitnessedCheckpoint',
  describe:
    'The newest checkpoint that enough witnesses have cosigned, with the cosignatures; it may be behind the newest.',
  handle: (engine) => Promise.resolve(text(engine.witnessedCheckpoint())),
}

export const getSelf: Route = {
  method: 'GET',
  path: '/v1/self',
  id: 'getSelf',
  describe: "The one answer to what the system's current state is.",
  query: [],
  body: null,
  headers: [],
  answers: { 200: 'Release, position, root hash, authority snapshot, sandbox, queues.' },
  async handle(engine, request) {
    const self = await engine.self(request.credentials, request.signal)
    return json(self, 200, ['Plinth-Position', String(self.position)])
  },
}

export const getOpenApi: Route = {
  method: 'GET',
  path: '/openapi.json',
  id: 'getOpenApi',
  describe: 'This document: what is always there, and with credentials the commands and queries of their principal.',
  query: [],
  body: null,
  headers: [],
  answers: { 200: 'An OpenAPI 3.1 document.' },
  open: true,
  async handle(engine, request) {
    const known = request.credentials.bearer !== null
    const surface = known ? await engine.surface(request.credentials, request.signal) : { commands: [], queries: [] }
    return json(openApi(engine.manifest, surface))
  },
}
