/**
 * A typed client of a running application, inferred from its declaration: `client<typeof app>(url, { token })`. Runs wherever `fetch`
 * does; of the application only the type is imported.
 *
 * What an application answers is returned (committed, refused, denied, held); what went wrong is thrown as a `ClientProblem`.
 * Every change has an idempotency key, so trying again is safe: tries after a lost connection or a busy server use the same key.
 */
import type { AnyAction, AnyApplication, CodeOfAction, ResultOfAction } from '../application/declarations.ts'
import type { Given } from '../application/transaction.ts'
import type { Level } from '../model/acknowledgement.ts'
import type { JsonObject } from '../model/json.ts'
import type { ProblemCode } from '../model/problems.ts'
import type { Consistency, Receipt } from '../model/receipt.ts'
import { readConsistency, shownOverHttp } from './log/shown.ts'
import type { LogWatch } from './log/watch-log.ts'
import { pause, retried } from './retry.ts'

export interface ClientOptions {
  /** Bearer token, or how to get one: asked before every try. */
  readonly token: string | (() => string | Promise<string>)
  /** For whom the caller acts, when it may. */
  readonly onBehalfOf?: string
  readonly fetch?: typeof fetch
  /** Checks with each answer that the log has only grown, and that receipts are true (`plinth/client/log`). Its faults are thrown as they are. */
  readonly log?: LogWatch
}
export interface CommandOptions {
  /** Names the intent; made when left out. Give one to try again later, from another process too. */
  readonly key?: string
  readonly run?: string
  readonly correlation?: string
  readonly causation?: string
  /** Level that `committed` must stand for; what the application declares may be higher. Default `signed`, the least: `durable` is answered as it. */
  readonly acknowledge?: Level
  /** Stops waiting. Whether a change was made is then known by asking again with the same key. */
  readonly signal?: AbortSignal
}
export interface QueryOptions {
  /** Read as of a log position, or of a time; the head when left out. */
  readonly at?: number | Date
  readonly run?: string
  readonly signal?: AbortSignal
}

export interface Committed<Result> {
  readonly kind: 'committed'
  readonly result: Result
  readonly operation: string
  readonly position: number
  readonly events: readonly {
    readonly stream: string
    readonly version: number
    readonly type: string
    readonly position: number
  }[]
  readonly receipt: Receipt
  /** Level that it stands at. */
  readonly level: Level
  /** Level that was asked for. */
  readonly asked: Level
  /** True when this key had been committed before. */
  readonly replayed: boolean
}
/** Committed, and not yet at the level that was asked for: the same call with the same key, or `outcome`, says how far it has come. */
export interface Awaiting<Result> extends Omit<Committed<Result>, 'kind'> {
  readonly kind: 'awaiting'
  readonly obstacle: string
}
/** There when a level was asked for and the answer's record is in the log. */
interface RecordedAt {
  readonly level?: Level
  readonly asked?: Level
}
export interface Refused<Code extends string> extends RecordedAt {
  readonly kind: 'refused'
  readonly code: Code
  readonly title: string
  readonly detail: JsonObject
  /** When its record is in the log. */
  readonly receipt?: Receipt
  readonly operation: string
}
export interface Denied extends RecordedAt {
  readonly kind: 'denied'
  readonly rules: readonly string[]
  /** When its record is in the log. */
  readonly receipt?: Receipt
  readonly operation: string
}
export interface Held extends RecordedAt {
  readonly kind: 'held'
  readonly approval: string
  /** When its record is in the log. */
  readonly receipt?: Receipt
  readonly operation: string
  readonly rules: readonly string[]
  /** Roles that may approve it. */
  readonly requires: readonly string[]
  readonly expiresAtMs: number
}
export interface Answered<Result> {
  readonly kind: 'answered'
  readonly result: Result
  readonly asOf: number
  /** Signed checkpoint of the log that was read. */
  readonly checkpoint: string
  readonly operation: string
}
export type CommandAnswer<Result, Code extends string> =
  Committed<Result> | Awaiting<Result> | Refused<Code> | Denied | Held
export type QueryAnswer<Result, Code extends string> = Answered<Result> | Refused<Code> | Denied

type Actions = Readonly<Record<string, AnyAction>>
export interface Client<App extends AnyApplication> {
  readonly commands: {
    readonly [Name in keyof App['commands']]: CommandCall<App['commands'][Name]>
  }
  readonly queries: {
    readonly [Name in keyof App['queries']]: QueryCall<App['queries'][Name]>
  }
  /** The outcome of an operation; while it is held or running, waits up to `waitMs` for it (30 s at most). */
  outcome(
    operation: string,
    options?: { readonly waitMs?: number; readonly acknowledge?: Level; readonly signal?: AbortSignal },
  ): Promise<CommandAnswer<unknown, string>>
}
type CommandCall<Action extends AnyAction> = (
  input: Given<Action['input']>,
  options?: CommandOptions,
) => Promise<CommandAnswer<ResultOfAction<Action>, CodeOfAction<Action>>>
type QueryCall<Action extends AnyAction> = (
  input: Given<Action['input']>,
  options?: QueryOptions,
) => Promise<QueryAnswer<ResultOfAction<Action>, CodeOfAction<Action>>>

/** `unreachable`: no answer came. `unexpected-answer`: one that this client does not know. All others are the server's. */
export type ClientProblemCode = ProblemCode | 'unreachable' | 'unexpected-answer'

export class ClientProblem extends Error {
  readonly code: ClientProblemCode
  /** HTTP status; 0 when no answer came. */
  readonly status: number
  /** The problem object as it came (RFC 9457), or empty. */
  readonly problem: JsonObject
  /** Key of the change: with it, the same call asks for its outcome, or makes it once. Null for a query. */
  readonly key: string | null
  constructor(
    code: ClientProblemCode,
    detail: string,
    at: { readonly status: number; readonly key: string | null; readonly problem?: JsonObject },
    cause?: unknown,
  ) {
    super(`${code}: ${detail}`, cause === undefined ? undefined : { cause })
    this.name = 'ClientProblem'
    this.code = code
    this.status = at.status
    this.problem = at.problem ?? {}
    this.key = at.key
  }
}

/** @param url where the application listens, e.g. `http://localhost:7700` */
export function client<App extends AnyApplication>(url: string | URL, options: ClientOptions): Client<App> {
  const base = new URL(url)
  if (!base.pathname.endsWith('/')) base.pathname += '/'
  const command = async (name: string, input: unknown, call: CommandOptions = {}): Promise<unknown> => {
    const key = call.key ?? crypto.randomUUID()
    const headers = {
      'idempotency-key': key,
      'plinth-run': call.run,
      'plinth-correlation': call.correlation,
      'plinth-causation': call.causation,
      'plinth-acknowledge': call.acknowledge,
    }
    return send(options, {
      method: 'POST',
      base,
      url: at(base, 'commands', name),
      headers,
      body: input,
      key,
      signal: call.signal,
    })
  }
  const query = async (name: string, input: unknown, call: QueryOptions = {}): Promise<unknown> => {
    const address = at(base, 'queries', name)
    if (call.at !== undefined)
      address.searchParams.set('at', call.at instanceof Date ? call.at.toISOString() : `${call.at}`)
    const headers = { 'plinth-run': call.run }
    return send(options, { method: 'POST', base, url: address, headers, body: input, key: null, signal: call.signal })
  }
  return {
    commands: called(command) as Client<App>['commands'],
    queries: called(query) as Client<App>['queries'],
    outcome: (operation, { waitMs = 0, acknowledge, signal } = {}) => {
      const address = at(base, 'operations', operation, 'outcome')
      address.searchParams.set('waitMs', `${waitMs}`)
      const headers = { 'plinth-acknowledge': acknowledge }
      return send(options, { method: 'GET', base, url: address, headers, key: null, signal }) as Promise<
        CommandAnswer<unknown, string>
      >
    },
  }
}

/** Every name is a call; whether there is such an action, types say before and the server says after. */
function called<Options>(call: (name: string, input: unknown, options?: Options) => Promise<unknown>): unknown {
  return new Proxy({} as Actions, {
    get: (_, name) =>
      // Only a promise has `then`: without this, `await shop.commands` would call a command of that name.
      typeof name === 'symbol' || name === 'then'
        ? undefined
        : (input: unknown, options?: Options) => call(name, input, options),
  })
}

function at(base: URL, ...parts: readonly string[]): URL {
  return new URL(`v1/${parts.map(encodeURIComponent).join('/')}`, base)
}

interface Sending {
  readonly method: 'GET' | 'POST'
  readonly base: URL
  readonly url: URL
  readonly headers: Readonly<Record<string, string | undefined>>
  readonly body?: unknown
  readonly key: string | null
  readonly signal: AbortSignal | undefined
}

async function send(options: ClientOptions, sending: Sending): Promise<unknown> {
  try {
    const outcome = await retried(
      () => sendOnce(options, sending),
      (ms) => pause(ms, sending.signal),
    )
    if ('value' in outcome) return outcome.value
    throw outcome.gaveUp
  } catch (error) {
    if (sending.signal?.aborted !== true || error instanceof ClientProblem) throw error
    throw new ClientProblem('cancelled', 'the caller stopped waiting', { status: 0, key: sending.key }, error)
  }
}

const KINDS = new Set(['committed', 'awaiting', 'refused', 'denied', 'held', 'answered'])
const BUSY = new Set([502, 503, 504])

async function sendOnce(
  options: ClientOptions,
  { method, base, url, headers, body, key, signal }: Sending,
): Promise<{ readonly value: unknown } | { readonly again: ClientProblem }> {
  const token = typeof options.token === 'string' ? options.token : await options.token()
  const sent = new Headers({ authorization: `Bearer ${token}`, accept: 'application/json, application/problem+json' })
  if (options.onBehalfOf !== undefined) sent.set('plinth-on-behalf-of', options.onBehalfOf)
  for (const [name, value] of Object.entries(headers)) if (value !== undefined) sent.set(name, value)
  if (method === 'POST') sent.set('content-type', 'application/json')
  const asked = await options.log?.begin()
  if (asked !== undefined) sent.set('plinth-log-since', `${asked.since}`)
  const request: RequestInit = { method, headers: sent, redirect: 'error' }
  if (method === 'POST') request.body = JSON.stringify(body ?? {})
  if (signal !== undefined) request.signal = signal
  let status = 0
  let text: string
  let isProblem: boolean
  let came: Headers
  try {
    const response = await (options.fetch ?? fetch)(url, request)
    status = response.status
    came = response.headers
    isProblem = (response.headers.get('content-type') ?? '').startsWith('application/problem+json')
    text = await response.text()
  } catch (error) {
    if (signal?.aborted === true) throw error
    return { again: new ClientProblem('unreachable', `no answer from ${url.origin}`, { status, key }, error) }
  }
  const answer = parsed(text)
  if (!isProblem && typeof answer?.['kind'] === 'string' && KINDS.has(answer['kind'])) {
    if (options.log !== undefined && asked !== undefined)
      await options.log.check(asked, { ...shownOverHttp(came, answer), answer }, (from, to) =>
        prove(options, base, from, to),
      )
    return { value: answer }
  }
  const fault = isProblem && answer !== null ? problemOf(answer, status, key) : unexpected(status, key)
  if (BUSY.has(status) || (status === 409 && answer?.['retry'] !== 'never')) return { again: fault }
  throw fault
}

/** Null when it cannot be had now. */
async function prove(options: ClientOptions, base: URL, from: number, to: number): Promise<Consistency | null> {
  try {
    const response = await (options.fetch ?? fetch)(new URL(`v1/log/consistency?from=${from}&to=${to}`, base))
    return response.ok ? readConsistency(await response.json()) : null
  } catch {
    return null
  }
}

function parsed(text: string): JsonObject | null {
  try {
    const value = JSON.parse(text) as unknown
    return typeof value === 'object' && value !== null && !Array.isArray(value) ? (value as JsonObject) : null
  } catch {
    return null
  }
}

function problemOf(problem: JsonObject, status: number, key: string | null): ClientProblem {
  const { code, detail, title } = problem
  if (typeof code !== 'string') return unexpected(status, key)
  const words = typeof detail === 'string' ? detail : typeof title === 'string' ? title : 'no detail was given'
  return new ClientProblem(code as ProblemCode, words, { status, key, problem })
}

const unexpected = (status: number, key: string | null): ClientProblem =>
  new ClientProblem('unexpected-answer', `the server answered with status ${status} and a body that is not known`, {
    status,
    key,
  })
