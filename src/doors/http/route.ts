/** What a route is. The router and the OpenAPI document both come from the same list of these. */
import type { Engine } from '../../engine/engine.ts'
import type { Json, JsonSchema } from '../../model/json.ts'
import type { Credentials } from '../../model/principal.ts'
import type { RequestHeaders } from './headers.ts'
import type { Reply } from './reply.ts'

export type Method = 'GET' | 'POST' | 'PUT'

export interface RouteRequest {
  /** Path parameters in the order of the path, decoded, never empty. */
  readonly parameters: readonly string[]
  /** Members of the query string; only those that the route names. */
  readonly query: ReadonlyMap<string, string>
  readonly headers: RequestHeaders
  readonly credentials: Credentials
  /** The body as read; undefined where the route takes none. */
  readonly body: Json | undefined
  readonly signal: AbortSignal
}

export interface QueryParameter {
  readonly name: string
  readonly describe: string
  readonly schema: JsonSchema
}

export interface Route {
  readonly method: Method
  /** Segments; `{name}` stands for a parameter. */
  readonly path: string
  /** Id of the operation in the OpenAPI document. */
  readonly id: string
  readonly describe: string
  readonly query: readonly QueryParameter[]
  /** Schema of the JSON body, null where the route takes none. */
  readonly body: JsonSchema | null
  /** Headers that the route reads beside the credentials. */
  readonly headers: readonly HeaderParameter[]
  /** Statuses of an answer, each with what it says; problems come on top. */
  readonly answers: Readonly<Record<string, string>>
  /** True where nobody needs to say who they are. */
  readonly open?: true
  handle(engine: Engine, request: RouteRequest): Promise<Reply>
}

export interface HeaderParameter {
  readonly name:
    | 'Idempotency-Key'
    | 'Plinth-Acknowledge'
    | 'Plinth-Run'
    | 'Plinth-Run-Agent'
    | 'Plinth-Correlation'
    | 'Plinth-Causation'
  readonly required: boolean
  readonly describe: string
}
