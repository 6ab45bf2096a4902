/** Parses what stands in headers, paths and query strings. Each throws a typed problem; none guesses. */
import { PAGE_LIMIT_DEFAULT, PAGE_LIMIT_MAX, type At, type PageRequest } from '../../engine/engine.ts'
import { isLevel, LEVELS, type Level } from '../../model/acknowledgement.ts'
import type { ApprovalId, OperationId, RunId } from '../../model/ids.ts'
import type { JsonObject } from '../../model/json.ts'
import { problem } from '../../model/problems.ts'
import { WAIT_MS_MAX } from './limits.ts'
import type { HeaderParameter, QueryParameter, RouteRequest } from './route.ts'
import { readJson } from './strict-json.ts'

const DIGITS = /^(?:0|[1-9][0-9]{0,15})$/
const TIME = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d{1,3})?(?:Z|[+-]\d\d:\d\d)$/
const KEY = /^[\x21-\x7e]{1,255}$/
const RUN = /^[A-Za-z0-9._:-]{1,128}$/
const OPERATION = /^op_[a-z2-7]{26}$/
const APPROVAL = /^apr_[a-z2-7]{26}$/

/** A position, or a time of RFC 3339. @throws `invalid-position` */
export function readAt(query: ReadonlyMap<string, string>): At {
  const value = query.get('at')
  if (value === undefined) return null
  if (DIGITS.test(value) && Number.isSafeInteger(Number(value))) return { position: Number(value) }
  const timeMs = TIME.test(value) ? Date.parse(value) : NaN
  if (Number.isNaN(timeMs))
    throw problem('invalid-position', '`at` must be a position or a time like `2026-01-31T12:00:00Z`')
  return { timeMs }
}

/** @throws `malformed-request` for a limit that is none. */
export function readPage(query: ReadonlyMap<string, string>): PageRequest {
  return { after: query.get('after') ?? null, limit: readCount(query, 'limit', 1, PAGE_LIMIT_MAX, PAGE_LIMIT_DEFAULT) }
}

export function readCount(
  query: ReadonlyMap<string, string>,
  name: string,
  least: number,
  most: number,
  otherwise: number,
): number {
  const value = query.get(name)
  if (value === undefined) return otherwise
  const count = DIGITS.test(value) ? Number(value) : NaN
  if (!(count >= least && count <= most))
    throw problem('malformed-request', `\`${name}\` must be a whole number from ${least} to ${most}`)
  return count
}

/** A JSON object in a query member. */
export function readObject(query: ReadonlyMap<string, string>, name: string): JsonObject {
  const value = query.get(name)
  if (value === undefined) return {}
  const object = readJson(value)
  if (typeof object !== 'object' || object === null || Array.isArray(object))
    throw problem('malformed-request', `\`${name}\` must be a JSON object`)
  return object as JsonObject
}

/** @throws `idempotency-key-missing`, `idempotency-key-invalid` */
export function readIdempotencyKey(request: RouteRequest): string {
  const key = request.headers['idempotency-key']
  if (key === undefined) throw problem('idempotency-key-missing', 'header `Idempotency-Key` is not there')
  return checkedKey(key)
}

export function checkedKey(key: string): string {
  if (!KEY.test(key))
    throw problem('idempotency-key-invalid', 'the key must be 1 to 255 printable ASCII characters without spaces')
  return key
}

/** Names that a caller chooses for its run or correlation. @throws `malformed-request` */
export function checkedName(value: string, what: string): string {
  if (!RUN.test(value))
    throw problem('malformed-request', `${what} must be 1 to 128 characters of letters, digits and \`._:-\``)
  return value
}
export const checkedRun = (value: string): RunId => checkedName(value, 'the run') as RunId

/** Header `Plinth-Acknowledge`; null when it is not there. @throws `malformed-request` */
export function readLevel({ headers }: Pick<RouteRequest, 'headers'>): Level | null {
  const level = headers['plinth-acknowledge']
  return level === undefined ? null : checkedLevel(level, 'header `Plinth-Acknowledge`')
}

/** @throws `malformed-request` */
export function checkedLevel(value: string, what: string): Level {
  if (!isLevel(value)) throw problem('malformed-request', `${what} must be one of ${LEVELS.join(', ')}`)
  return value
}

/** @throws `no-such-operation`: what has not the form of an id cannot be one. */
export function checkedOperation(value: string): OperationId {
  if (!OPERATION.test(value)) throw problem('no-such-operation', 'an operation id is `op_` and 26 characters')
  return value as OperationId
}
/** @throws `no-such-approval` */
export function checkedApproval(value: string): ApprovalId {
  if (!APPROVAL.test(value)) throw problem('no-such-approval', 'an approval id is `apr_` and 26 characters')
  return value as ApprovalId
}

export const AT: QueryParameter = {
  name: 'at',
  describe: 'The state as of this position of the log, or as of this time; the head when left out.',
  schema: {
    anyOf: [
      { type: 'string', pattern: '^(0|[1-9][0-9]{0,15})$' },
      { type: 'string', format: 'date-time' },
    ],
  },
}
export const PAGE: readonly QueryParameter[] = [
  { name: 'after', describe: 'Cursor `next` of the page before; it pins the position.', schema: { type: 'string' } },
  {
    name: 'limit',
    describe: 'Items of a page.',
    schema: { type: 'integer', minimum: 1, maximum: PAGE_LIMIT_MAX, default: PAGE_LIMIT_DEFAULT },
  },
]
export const WAIT: QueryParameter = {
  name: 'waitMs',
  describe: 'How long to wait while it is held or running.',
  schema: { type: 'integer', minimum: 0, maximum: WAIT_MS_MAX, default: 0 },
}
export const KEY_HEADER: HeaderParameter = {
  name: 'Idempotency-Key',
  required: true,
  describe: 'Names the intent: the same key with the same payload returns the recorded outcome.',
}
export const RUN_HEADER: HeaderParameter = {
  name: 'Plinth-Run',
  required: false,
  describe: 'The run that this belongs to: a conversation, a job.',
}
export const RUN_AGENT_HEADER: HeaderParameter = {
  name: 'Plinth-Run-Agent',
  required: false,
  describe: 'The agent whose run it is, with its team. Without it the run belongs to the first that calls under it.',
}
export const CORRELATION_HEADER: HeaderParameter = {
  name: 'Plinth-Correlation',
  required: false,
  describe: "The caller's own name for what belongs together.",
}
export const ACKNOWLEDGE_HEADER: HeaderParameter = {
  name: 'Plinth-Acknowledge',
  required: false,
  describe: `Say \`committed\` only at this level: ${LEVELS.join(', ')}. \`durable\` is answered as \`signed\`, the least there is. What the application declares may be higher.`,
}
export const CAUSATION_HEADER: HeaderParameter = {
  name: 'Plinth-Causation',
  required: false,
  describe: 'What led to this: an operation, a message.',
}
