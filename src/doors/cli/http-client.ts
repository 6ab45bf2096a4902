/** Calls a running system over its HTTP door. A problem comes back as the `Problem` it was. */
import { LogFault } from '../../client/log/log-fault.ts'
import { readConsistency, shownOverHttp } from '../../client/log/shown.ts'
import type { Asked } from '../../client/log/watch-log.ts'
import { PROBLEMS, Problem, problem, type ProblemCode } from '../../model/problems.ts'
import type { JsonObject } from '../../model/json.ts'
import type { Connection } from './connection.ts'
import { logProblem } from './log-watch.ts'

const ANSWER_BYTES_MAX = 64 * 1024 * 1024 // a page holds 200 items; more than this is not an answer of ours

export interface Request {
  readonly method?: 'GET' | 'POST' | 'PUT'
  /** Left out when null. */
  readonly query?: Readonly<Record<string, string | number | null>>
  readonly body?: unknown
  readonly headers?: Readonly<Record<string, string>>
  readonly signal?: AbortSignal
}

/** @throws the problem that the system answered; `system-unreachable` when it did not */
export async function request<T>(connection: Connection, path: string, options: Request = {}): Promise<T> {
  const url = new URL(connection.url + path)
  for (const [name, value] of Object.entries(options.query ?? {}))
    if (value !== null) url.searchParams.set(name, String(value))
  const asked = await begin(connection)
  const response = await send(connection, url, asked === null ? options : withSince(options, asked))
  const text = await response.text()
  if (text.length > ANSWER_BYTES_MAX) throw problem('malformed-request', `the answer of \`${url.href}\` is too large`)
  const answer = parseAnswer(text, response.headers.get('content-type') ?? '')
  // Outcomes that are not faults (refused, denied, held) carry a `kind` whatever their status is.
  if (response.ok || (isObject(answer) && typeof answer['kind'] === 'string')) {
    if (asked !== null) await check(connection, asked, response, answer)
    return answer as T
  }
  throw answeredProblem(response.status, answer)
}

async function begin({ log }: Connection): Promise<Asked | null> {
  try {
    return log === null ? null : await log.begin()
  } catch (error) {
    throw error instanceof LogFault ? logProblem(error) : error
  }
}

const withSince = (options: Request, { since }: Asked): Request => ({
  ...options,
  headers: { ...options.headers, 'plinth-log-since': String(since) },
})

/** @throws `log-equivocation`, `log-rollback`, `log-proof-invalid`: what was answered is not to be relied on */
async function check(connection: Connection, asked: Asked, response: Response, answer: unknown): Promise<void> {
  const shown = shownOverHttp(response.headers, isObject(answer) ? (answer as JsonObject) : {})
  try {
    await connection.log?.check(asked, { ...shown, answer }, async (from, to) =>
      readConsistency(
        await request({ ...connection, log: null }, '/v1/log/consistency', { query: { from, to } }).catch(() => null),
      ),
    )
  } catch (error) {
    throw error instanceof LogFault ? logProblem(error) : error
  }
}

async function send(connection: Connection, url: URL, options: Request): Promise<Response> {
  try {
    return await fetch(url, {
      method: options.method ?? 'GET',
      headers: {
        accept: 'application/json',
        ...(connection.token === null ? {} : { authorization: `Bearer ${connection.token}` }),
        ...(options.body === undefined ? {} : { 'content-type': 'application/json' }),
        ...options.headers,
      },
      ...(options.body === undefined ? {} : { body: JSON.stringify(options.body) }),
      ...(options.signal === undefined ? {} : { signal: options.signal }),
    })
  } catch (cause) {
    if (options.signal?.aborted === true) throw problem('cancelled', 'stopped waiting', {}, cause)
    throw problem('system-unreachable', `nothing answers at \`${url.origin}\``, {}, cause)
  }
}

function parseAnswer(text: string, contentType: string): unknown {
  if (!contentType.includes('json')) return text
  try {
    return JSON.parse(text) as unknown
  } catch {
    return text
  }
}

function answeredProblem(status: number, answer: unknown): Problem {
  const members = isObject(answer) ? answer : {}
  const code = members['code']
  if (typeof code === 'string' && code in PROBLEMS) {
    const { type: _type, title: _title, status: _status, detail, code: _code, ...rest } = members
    return problem(code as ProblemCode, typeof detail === 'string' ? detail : '', rest as JsonObject)
  }
  return problem('system-unreachable', `what answers is not a plinth system: HTTP status ${status}`)
}

const isObject = (value: unknown): value is Readonly<Record<string, unknown>> =>
  typeof value === 'object' && value !== null && !Array.isArray(value)
