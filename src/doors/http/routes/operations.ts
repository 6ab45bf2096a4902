/** What was asked, what came of it, and why. */
import { OPERATION_TRANSITIONS } from '../../../model/operation.ts'
import { problem } from '../../../model/problems.ts'
import { WAIT_MS_MAX } from '../limits.ts'
import { ACKNOWLEDGE_HEADER, checkedOperation, PAGE, readCount, readLevel, readPage, WAIT } from '../parameters.ts'
import { json, outcomeReply } from '../reply.ts'
import type { QueryParameter, Route } from '../route.ts'
import { OUTCOMES } from './commands.ts'

const FILTERS = ['state', 'actor', 'run', 'action'] as const
/** Those that an operation on record can be in: one that is under way is on none. */
const STATES: readonly string[] = [
  ...Object.keys(OPERATION_TRANSITIONS).filter((state) => state !== 'proposed'),
  'read',
]

export const listOperations: Route = {
  method: 'GET',
  path: '/v1/operations',
  id: 'listOperations',
  describe: 'Operations, newest first.',
  query: [
    ...FILTERS.map((name): QueryParameter => ({
      name,
      describe: `Only those with this ${name}.`,
      schema: name === 'state' ? { enum: STATES } : { type: 'string' },
    })),
    {
      name: 'observed',
      describe: '`differs`: only those of which rules that observe would have made something else.',
      schema: { enum: ['differs'] },
    },
    ...PAGE,
  ],
  body: null,
  headers: [],
  answers: { 200: 'A page of operations.' },
  async handle(engine, request) {
    const filter: { -readonly [name in (typeof FILTERS)[number]]?: string } & { observed?: 'differs' } = {}
    for (const name of FILTERS) {
      const value = request.query.get(name)
      if (value !== undefined) filter[name] = value
    }
    if (filter.state !== undefined && !STATES.includes(filter.state))
      throw problem('malformed-request', `\`state\` must be one of ${STATES.join(', ')}`)
    const observed = request.query.get('observed')
    if (observed !== undefined && observed !== 'differs')
      throw problem('malformed-request', '`observed` must be `differs`')
    if (observed !== undefined) filter.observed = observed
    return json(await engine.operations(request.credentials, filter, readPage(request.query), request.signal))
  },
}

export const getOutcome: Route = {
  method: 'GET',
  path: '/v1/operations/{operation}/outcome',
  id: 'getOutcome',
  describe: 'The outcome of an operation; waits for it when asked to.',
  query: [WAIT],
  body: null,
  headers: [ACKNOWLEDGE_HEADER],
  answers: OUTCOMES,
  async handle(engine, request) {
    const operation = checkedOperation(request.parameters[0] as string)
    const waitMs = readCount(request.query, 'waitMs', 0, WAIT_MS_MAX, 0)
    const { credentials, signal } = request
    return outcomeReply(await engine.outcome(credentials, operation, waitMs, signal, readLevel(request)), null)
  },
}

export const getOperation: Route = {
  ...getOutcome,
  path: '/v1/operations/{operation}',
  id: 'getOperation',
  describe: 'The outcome of an operation, as far as it is known now.',
  query: [],
}

export const whyOperation: Route = {
  method: 'GET',
  path: '/v1/operations/{operation}/why',
  id: 'whyOperation',
  describe: 'What the operation read and wrote, and why it was allowed; each line says where it comes from.',
  query: [],
  body: null,
  headers: [],
  answers: { 200: 'The answer, line by line.' },
  async handle(engine, request) {
    const operation = checkedOperation(request.parameters[0] as string)
    return json(await engine.why(request.credentials, operation, request.signal))
  },
}
