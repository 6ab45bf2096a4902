/**
 * Sessions of 2025 clients, for surfaces that talk back to a client during a call. Each belongs to the bearer token that opened it: another
 * token gets the answer for a session that is not there. Bounded: the one unused for longest makes room.
 */
import { randomUUID } from 'node:crypto'
import { type AuthInfo, type Server, WebStandardStreamableHTTPServerTransport } from '@modelcontextprotocol/server'
import { sha256Hex } from '../../model/ids.ts'

export const SESSIONS_MAX = 256

interface Session {
  readonly transport: WebStandardStreamableHTTPServerTransport
  readonly server: Server
  readonly owner: string
}

export class Sessions {
  /** In order of last use. */
  readonly #sessions = new Map<string, Session>()
  readonly #serverFor: () => Server

  constructor(serverFor: () => Server) {
    this.#serverFor = serverFor
  }

  async fetch(
    request: Request,
    options: { readonly parsedBody?: unknown; readonly authInfo: AuthInfo },
  ): Promise<Response> {
    const owner = sha256Hex(options.authInfo.token)
    const id = request.headers.get('mcp-session-id')
    if (id === null) return this.#open(request, options, owner)
    const session = this.#sessions.get(id)
    if (session === undefined || session.owner !== owner) return notFound()
    this.#sessions.delete(id)
    this.#sessions.set(id, session)
    return session.transport.handleRequest(request, options)
  }

  async #open(
    request: Request,
    options: { parsedBody?: unknown; authInfo: AuthInfo },
    owner: string,
  ): Promise<Response> {
    const server = this.#serverFor()
    const transport = new WebStandardStreamableHTTPServerTransport({
      sessionIdGenerator: randomUUID,
      onsessioninitialized: async (id) => {
        this.#sessions.set(id, { transport, server, owner })
        const oldest = this.#sessions.keys().next().value
        if (this.#sessions.size > SESSIONS_MAX && oldest !== undefined) await this.#end(oldest)
      },
      onsessionclosed: (id) => {
        this.#sessions.delete(id)
      },
    })
    await server.connect(transport)
    const response = await transport.handleRequest(request, options)
    if (transport.sessionId === undefined) await server.close()
    return response
  }

  async #end(id: string): Promise<void> {
    const session = this.#sessions.get(id)
    this.#sessions.delete(id)
    await session?.server.close()
  }

  async close(): Promise<void> {
    for (const id of [...this.#sessions.keys()]) await this.#end(id)
  }
}

const notFound = () =>
  Response.json(
    { jsonrpc: '2.0', error: { code: -32001, message: 'there is no such session' }, id: null },
    { status: 404 },
  )
