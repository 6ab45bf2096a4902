/**
 * The MCP door: one address for both stable revisions. 2026-07-28 is stateless by itself; 2025-11-25 is served statelessly as well, unless the
 * host's surface talks back to the client and so needs sessions.
 *
 * Invariants that tests cite:
 * M1 no message is handled before its bearer token has been verified.
 * M2 a tool that is out of scope gets the answer of a tool that does not exist.
 * M3 nothing that arrives here can answer an approval.
 */
import type { IncomingMessage, ServerResponse } from 'node:http'
import {
  createMcpHandler,
  isLegacyRequest,
  Server,
  WebStandardStreamableHTTPServerTransport,
  type AuthInfo,
  type McpHttpHandler,
  type ServerContext,
} from '@modelcontextprotocol/server'
import type { Engine } from '../../engine/engine.ts'
import { systemClock } from '../../host/clock.ts'
import type { Json } from '../../model/json.ts'
import type { Credentials } from '../../model/principal.ts'
import { problem, type Problem } from '../../model/problems.ts'
import { expectJson, readBody } from '../http/body.ts'
import { credentialsOf, type RequestHeaders } from '../http/headers.ts'
import { HTTP_LIMITS } from '../http/limits.ts'
import { asProblem, challenge, problemReply } from '../http/reply.ts'
import type { Exchange, Mount } from '../http/server.ts'
import { readJsonBytes } from '../http/strict-json.ts'
import { answerPlain, plainCall } from './plain-call.ts'
import { Sessions } from './sessions.ts'
import { EMPTY_SURFACE, type McpSurface } from './surface.ts'
import { openTools, type Caller } from './tools.ts'
import { jsonRpcError, sendResponse, webRequest } from './wire.ts'

export const MCP_PATH = '/mcp'
export const METADATA_PATH = '/.well-known/oauth-protected-resource'

/** How long a client may keep a list of tools, in ms: a changed authority snapshot shows within it. */
const LIST_TTL_MS = 5_000
/** Open change subscriptions of 2026 clients; one more is refused. */
const SUBSCRIPTIONS_MAX = 64

export interface McpDoorOptions {
  readonly engine: Engine
  readonly surface?: McpSurface
  readonly bodyBytesMax?: number
  /** Where clients reach this door, without a path, when a proxy stands in front; otherwise the name they used. */
  readonly publicUrl?: string
  /** Issuers whose tokens are taken, for the metadata document. */
  readonly authorizationServers?: readonly string[]
  readonly onBug?: (error: unknown, requestId: string) => void
}

export function openMcpDoor(options: McpDoorOptions): Mount {
  return new McpDoor(options)
}

class McpDoor implements Mount {
  readonly paths = [MCP_PATH, METADATA_PATH, METADATA_PATH + MCP_PATH]
  readonly #engine: Engine
  readonly #surface: McpSurface
  readonly #bodyBytesMax: number
  readonly #issuers: readonly string[]
  readonly #url: string | null
  readonly #onBug: (error: unknown, requestId: string) => void
  readonly #tools
  readonly #modern: McpHttpHandler
  readonly #sessions: Sessions | null

  constructor(options: McpDoorOptions) {
    this.#engine = options.engine
    this.#surface = options.surface ?? EMPTY_SURFACE
    this.#bodyBytesMax = options.bodyBytesMax ?? HTTP_LIMITS.bodyBytesMax
    this.#issuers = options.authorizationServers ?? []
    this.#url = options.publicUrl?.replace(/\/+$/, '') ?? null
    this.#onBug = options.onBug ?? (() => {})
    this.#tools = openTools(options.engine, () => systemClock.monotonicUs(), this.#onBug)
    this.#modern = createMcpHandler(() => this.#server('modern'), {
      legacy: 'reject',
      maxSubscriptions: SUBSCRIPTIONS_MAX,
    })
    this.#sessions = this.#surface.sessions ? new Sessions(() => this.#server('legacy')) : null
    this.#surface.started?.(this.#modern.notify)
  }

  async handle(
    request: IncomingMessage,
    response: ServerResponse,
    headers: RequestHeaders,
    exchange: Exchange,
  ): Promise<void> {
    const path = request.url?.split('?', 1)[0]
    if (path !== MCP_PATH) return this.#metadata(request, response, headers)
    let credentials: Credentials
    try {
      credentials = credentialsOf(headers)
      if (credentials.bearer === null) throw problem('credentials-missing', 'header `Authorization` is not there')
      await this.#engine.authenticate(credentials, exchange.signal)
    } catch (error) {
      return this.#refuse(response, headers, exchange, error)
    }
    const caller: Caller = { credentials, exchange, response, run: headers['plinth-run'] ?? null }
    let body: Json | undefined
    try {
      if (request.method === 'POST') body = await this.#body(request, headers)
      else if (this.#sessions === null) {
        response.setHeader('Allow', 'POST')
        return jsonRpcError(response, 405, -32000, 'this address takes POST')
      }
    } catch (error) {
      const fault = asProblem(error)
      if (fault.code === 'cancelled') throw fault
      if (!request.complete) response.setHeader('Connection', 'close')
      const code = fault.code === 'malformed-json' ? -32700 : fault.code === 'malformed-request' ? -32600 : -32000
      return jsonRpcError(response, fault.spec.status, code, `${fault.spec.title}: ${fault.detail}`, {
        ...fault.members,
        code: fault.code,
        next: fault.spec.next,
      })
    }
    const plain = this.#surface === EMPTY_SURFACE ? plainCall(request, body) : null
    if (plain !== null) {
      const { name, input, meta } = plain
      return answerPlain(response, plain, this.#tools.call(caller, name, input, meta))
    }
    const auth: AuthInfo = { token: credentials.bearer, clientId: '', scopes: [], extra: { caller } }
    await sendResponse(response, await this.#fetch(webRequest(request, exchange.signal), body, auth), exchange.signal)
  }

  async #body(request: IncomingMessage, headers: RequestHeaders): Promise<Json> {
    expectJson(headers)
    const body = readJsonBytes(await readBody(request, headers, this.#bodyBytesMax))
    // Both revisions dropped batches; one message is one request against the door's bound.
    if (Array.isArray(body)) throw problem('malformed-request', 'a batch is not taken: send one message')
    return body
  }

  async #fetch(request: Request, body: Json | undefined, authInfo: AuthInfo): Promise<Response> {
    const options = body === undefined ? { authInfo } : { authInfo, parsedBody: body }
    if (!(await isLegacyRequest(request, body))) return this.#modern.fetch(request, options)
    if (this.#sessions !== null) return this.#sessions.fetch(request, options)
    const server = this.#server('legacy')
    const transport = new WebStandardStreamableHTTPServerTransport({ enableJsonResponse: true })
    await server.connect(transport)
    // Not closed afterwards: it holds nothing that outlives the answer, and closing makes an error with a stack for each request.
    return transport.handleRequest(request, options)
  }

  #server(era: 'legacy' | 'modern'): Server {
    const { manifest, release } = this.#engine
    const server = new Server(
      { name: manifest.name, title: manifest.describe, version: release.id },
      {
        capabilities: { tools: {}, ...this.#surface.capabilities },
        instructions: INSTRUCTIONS,
        cacheHints: { 'tools/list': { ttlMs: LIST_TTL_MS, cacheScope: 'private' } },
        ...this.#surface.options,
      },
    )
    const extra = new Map(this.#surface.tools.map((each) => [each.tool.name, each]))
    server.setRequestHandler('tools/list', async ({ params }, context) => {
      const page = await this.#tools.list(callerOf(context), params?.cursor)
      return page.nextCursor === undefined
        ? { tools: [...page.tools, ...[...extra.values()].map(({ tool }) => tool)] }
        : page
    })
    server.setRequestHandler('tools/call', ({ params }, context) => {
      const input = (params.arguments ?? {}) as Json
      const more = extra.get(params.name)
      if (more !== undefined) return more.call(input, context, server)
      return this.#tools.call(callerOf(context), params.name, input, context.mcpReq._meta ?? {})
    })
    this.#surface.install(server, era)
    return server
  }

  #refuse(response: ServerResponse, headers: RequestHeaders, exchange: Exchange, error: unknown): void {
    const fault: Problem = asProblem(error)
    if (fault.code === 'bug') this.#onBug(error, exchange.id)
    const reply = problemReply(fault, `urn:plinth:request:${exchange.id}`)
    if (fault.spec.status === 401)
      response.setHeader(
        'WWW-Authenticate',
        `${challenge(fault)}, resource_metadata="${this.#publicUrl(headers)}${METADATA_PATH}${MCP_PATH}"`,
      )
    response.setHeader('Connection', 'close')
    response.writeHead(reply.status, { 'Content-Type': reply.type, 'Cache-Control': 'no-store' })
    response.end(reply.body)
  }

  /** The name the caller used is one that this door answers to: it has been checked. */
  #publicUrl(headers: RequestHeaders): string {
    return this.#url ?? `http://${headers.host}`
  }

  /** RFC 9728. */
  #metadata(request: IncomingMessage, response: ServerResponse, headers: RequestHeaders): void {
    if (request.method !== 'GET') {
      response.writeHead(405, { Allow: 'GET' }).end()
      return
    }
    const document = {
      resource: `${this.#publicUrl(headers)}${MCP_PATH}`,
      ...(this.#issuers.length === 0 ? {} : { authorization_servers: this.#issuers }),
      bearer_methods_supported: ['header'],
      resource_name: this.#engine.manifest.name,
    }
    response.writeHead(200, { 'Content-Type': 'application/json', 'Cache-Control': 'no-store' })
    response.end(JSON.stringify(document))
  }

  async close(): Promise<void> {
    await this.#modern.close()
    await this.#sessions?.close()
  }
}

const INSTRUCTIONS =
  'Every call is identified, checked against policies, and recorded. A refusal or denial says what to do next. ' +
  'A held call waits for another person: use `plinth_outcome` to wait, and do not ask for the same thing again. ' +
  'To make a retry safe, send the same `_meta["plinth/idempotencyKey"]`; a call without one is a new intent each time.'

function callerOf(context: ServerContext): Caller {
  const caller = context.http?.authInfo?.extra?.['caller']
  if (caller === undefined) throw new Error('a message came in without its caller')
  return caller as Caller
}
