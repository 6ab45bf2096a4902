/**
 * A typed client of a running application, inferred from its declaration: `client<typeof app>(url, { token })`. Runs wherever `fetch`
 * does; of the application only the type is imported.
 *
 * What an application answers is returned (committed, refused, denied, held); what went wrong is thrown as a `ClientProblem`.
 * Every change has an idempotency key, so trying again is safe: tries after a lost connection or a busy server use the same key.
 */
import type { CommandAnswer, QueryAnswer } from './answers.ts'
import type { LogWatch } from './log/watch-log.ts'
import { send } from './send.ts'
import type { AnyAction, AnyApplication, CodeOfAction, ResultOfAction } from '../application/declarations.ts'
import type { Given } from '../application/transaction.ts'
import type { Level } from '../model/acknowledgement.ts'

export type { Answered, Awaiting, CommandAnswer, Committed, Denied, Held, QueryAnswer, Refused } from './answers.ts'
export { ClientProblem, type ClientProblemCode } from './client-problem.ts'

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

type Actions = Readonly<Record<string, AnyAction>>
export interface Client<App extends AnyApplication> {
  readonly commands: {
    readonly [Name in keyof App['commands']]: CommandCall<App['commands'][Name]>
  }
  readonly queries: {
    readonly [Name in keyof App['queries']]: QueryCall<App['queries'][Name]>
  }
  /** The outcome of an operation, by its id (`op_…`); while it is held or running, waits up to `waitMs` for it (30 s at most). */
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

/**
 * Opens nothing: each call is a request of its own.
 * @param url where the application listens, e.g. `http://localhost:7700`
 * @returns a call for each command and query of the application. Each throws `ClientProblem`: its `code` is one of docs/reference/problems.md, `cancelled` for
 * an aborted `signal`, `unreachable` or `unexpected-answer`; its `key` makes asking again safe
 */
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
