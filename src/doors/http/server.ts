/**
 * The HTTP door: takes requests within its bounds, hands them to a route or a mounted door, and writes the reply.
 *
 * It owns the listening socket and what is in work on it; it owns no state of the system.
 * Invariants that tests cite:
 * H1 every request gets exactly one reply, or its connection is gone.
 * H2 no reply carries anything of a fault but what the registry and the thrower of the `Problem` meant for the caller.
 * H3 a request beyond a bound is refused before its body is read, and nothing of it is kept.
 */
import { randomBytes } from 'node:crypto'
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import type { AddressInfo, Socket } from 'node:net'
import type { Engine } from '../../engine/engine.ts'
import { type Clock, systemClock } from '../../host/clock.ts'
import { problem } from '../../model/problems.ts'
import { expectJson, readBody } from './body.ts'
import { announcesBody, credentialsOf, readHeaders, type RequestHeaders } from './headers.ts'
import { HTTP_LIMITS, WAIT_MS_MAX, type HttpLimits } from './limits.ts'
import { logSince, withLog } from './log-headers.ts'
import { allowedNames, checkOrigin, type AllowedNames } from './origin.ts'
import { asProblem, problemReply, stoppedFor, timingHeader, type Reply } from './reply.ts'
import type { Route } from './route.ts'
import { Router } from './router.ts'
import { allRoutes } from './routes.ts'
import { readJsonBytes } from './strict-json.ts'
import { readTarget, type Target } from './target.ts'

/** Another door on the same socket. It gets requests whose names and size of headers have been checked, and must always answer. */
export interface Mount {
  /** Exact paths. */
  readonly paths: readonly string[]
  handle(request: IncomingMessage, response: ServerResponse, headers: RequestHeaders, exchange: Exchange): Promise<void>
  close(): Promise<void>
}

/** One request in work. */
export interface Exchange {
  /** Names this request in problems and in diagnostics. */
  readonly id: string
  readonly startedUs: number
  readonly signal: AbortSignal
}

export interface HttpDoorOptions {
  readonly engine: Engine
  readonly port: number
  /** Address to listen on, and a name that the door answers to; loopback unless an operator says otherwise. */
  readonly host?: string
  /** Names beside the loopback ones that this door answers to. */
  readonly hostNames?: readonly string[]
  readonly mounts?: readonly Mount[]
  readonly limits?: Partial<HttpLimits>
  readonly clock?: Clock
  /** Gets every fault that is a bug, for the operator's diagnostics. The caller gets only the request's id. */
  readonly onBug?: (error: unknown, requestId: string) => void
}

export interface HttpDoor {
  readonly url: string
  readonly port: number
  /** Requests in work. */
  readonly running: number
  /** Stops accepting, lets what runs finish within the bound, then aborts it. Resolves when the socket is closed. */
  close(withinMs: number): Promise<void>
}

export async function openHttpDoor(options: HttpDoorOptions): Promise<HttpDoor> {
  const door = new Door(options)
  await door.listen(options.port, options.host ?? '127.0.0.1')
  return door
}

/** A request whose route is known. */
interface Found {
  readonly parameters: readonly string[]
  readonly target: Target
  readonly request: IncomingMessage
  readonly headers: RequestHeaders
  readonly work: Work
}

interface Work extends Exchange {
  readonly controller: AbortController
  readonly response: ServerResponse
  deadlineUs: number
}

class Door implements HttpDoor {
  readonly #engine: Engine
  readonly #limits: HttpLimits
  readonly #clock: Clock
  readonly #names: AllowedNames
  readonly #router = new Router(allRoutes())
  readonly #mounts = new Map<string, Mount>()
  readonly #onBug: (error: unknown, requestId: string) => void
  readonly #server: Server
  readonly #work = new Set<Work>()
  readonly #prefix = randomBytes(6).toString('hex')
  readonly #sweep: NodeJS.Timeout
  #count = 0
  #draining = false
  #idle: (() => void) | null = null
  url = ''
  port = 0

  constructor(options: HttpDoorOptions) {
    this.#engine = options.engine
    this.#limits = { ...HTTP_LIMITS, ...options.limits }
    this.#clock = options.clock ?? systemClock
    const host = options.host ?? '127.0.0.1'
    this.#names = allowedNames([host.includes(':') ? `[${host}]` : host, ...(options.hostNames ?? [])])
    this.#onBug = options.onBug ?? (() => {})
    for (const mount of options.mounts ?? []) for (const path of mount.paths) this.#mounts.set(path, mount)
    const limits = this.#limits
    this.#server = createServer(
      {
        maxHeaderSize: limits.headerBytesMax,
        headersTimeout: limits.headersMs,
        requestTimeout: limits.arrivalMs,
        keepAliveTimeout: limits.idleMs,
        connectionsCheckingInterval: 1_000,
        noDelay: true,
      },
      (request, response) => void this.#serve(request, response),
    )
    this.#server.maxConnections = limits.connectionsMax
    this.#server.on('clientError', (error, socket) => this.#refuseBytes(error, socket as Socket))
    this.#sweep = setInterval(() => this.#abortLate(), Math.min(500, limits.requestMs)).unref()
  }

  get running(): number {
    return this.#work.size
  }

  listen(port: number, host: string): Promise<void> {
    return new Promise((resolve, reject) => {
      this.#server.once('error', reject)
      this.#server.listen(port, host, () => {
        this.#server.off('error', reject)
        this.port = (this.#server.address() as AddressInfo).port
        this.url = `http://${host.includes(':') ? `[${host}]` : host}:${this.port}`
        resolve()
      })
    })
  }

  async #serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const controller = new AbortController()
    const startedUs = this.#clock.monotonicUs()
    const work: Work = {
      id: `${this.#prefix}-${(++this.#count).toString(36)}`,
      startedUs,
      deadlineUs: startedUs + this.#limits.requestMs * 1_000,
      signal: controller.signal,
      controller,
      response,
    }
    const over = this.#work.size >= this.#limits.requestsMax || this.#draining
    this.#work.add(work)
    response.on('close', () => {
      if (!response.writableFinished) controller.abort(problem('cancelled', 'the caller closed the connection'))
    })
    try {
      if (over) throw problem('overloaded', this.#draining ? 'this door is closing' : 'too many requests are in work')
      const headers = readHeaders(request.rawHeaders)
      checkOrigin(headers, this.#names)
      const target = readTarget(request.url ?? '', this.#limits.targetBytesMax)
      const mount = this.#mounts.get(`/${target.segments.join('/')}`)
      if (mount === undefined) {
        const reply = await this.#route(request, target, headers, work)
        this.#write(work, request, reply)
      } else {
        work.deadlineUs += WAIT_MS_MAX * 1_000
        await mount.handle(request, response, headers, work)
      }
    } catch (error) {
      this.#fail(work, request, error)
    } finally {
      this.#work.delete(work)
      if (this.#work.size === 0) this.#idle?.()
    }
  }

  async #route(request: IncomingMessage, target: Target, headers: RequestHeaders, work: Work): Promise<Reply> {
    const { route, parameters } = this.#router.find(request.method ?? '', target.segments)
    expectMembers(route, target)
    const since = logSince(headers)
    const reply = await this.#handle(route, { parameters, target, request, headers, work })
    return since === null ? reply : withLog(this.#engine, since, reply)
  }

  async #handle(route: Route, { parameters, target, request, headers, work }: Found): Promise<Reply> {
    const credentials = credentialsOf(headers)
    if (credentials.bearer === null && route.open !== true)
      throw problem('credentials-missing', 'header `Authorization` is not there')
    if (route.id === 'getOutcome') work.deadlineUs += WAIT_MS_MAX * 1_000
    const { signal } = work
    if (route.body === null) {
      if (announcesBody(headers)) throw problem('malformed-request', 'this address takes no body')
      return route.handle(this.#engine, {
        parameters,
        query: target.query,
        headers,
        credentials,
        body: undefined,
        signal,
      })
    }
    expectJson(headers)
    const body = readJsonBytes(await readBody(request, headers, this.#limits.bodyBytesMax))
    return route.handle(this.#engine, { parameters, query: target.query, headers, credentials, body, signal })
  }

  #fail(work: Work, request: IncomingMessage, error: unknown): void {
    const fault = stoppedFor(asProblem(error), work.signal)
    if (fault.code === 'bug') this.#onBug(error, work.id)
    this.#write(work, request, problemReply(fault, `urn:plinth:request:${work.id}`))
  }

  #write(work: Work, request: IncomingMessage, reply: Reply): void {
    const { response } = work
    if (response.headersSent || response.destroyed) return
    const headers: string[] = [
      'Content-Type',
      reply.type,
      'Content-Length',
      String(Buffer.byteLength(reply.body)),
      'Cache-Control',
      'no-store',
    ]
    headers.push('X-Content-Type-Options', 'nosniff', ...reply.headers)
    // A body that was not read to its end would be taken for the next request, or fill memory.
    if (this.#draining || hasUnreadBody(request)) headers.push('Connection', 'close')
    if (reply.timings !== null)
      headers.push('Plinth-Timing', timingHeader(reply.timings, this.#clock.monotonicUs() - work.startedUs))
    response.writeHead(reply.status, headers)
    response.end(reply.body) // as text: headers and body leave in one piece
  }

  #abortLate(): void {
    const nowUs = this.#clock.monotonicUs()
    for (const work of this.#work) {
      if (nowUs < work.deadlineUs || work.response.headersSent) continue
      const late = problem('deadline-exceeded', 'the request took longer than this door waits')
      if (!work.signal.aborted) work.controller.abort(late)
      else if (nowUs >= work.deadlineUs + this.#limits.graceMs * 1_000)
        this.#write(work, work.response.req, problemReply(late, `urn:plinth:request:${work.id}`))
    }
  }

  /** Bytes that are no HTTP request, or do not arrive in time. Nothing of them has reached `#serve`. */
  #refuseBytes(error: NodeJS.ErrnoException, socket: Socket): void {
    if (socket.destroyed || !socket.writable || error.code === 'ECONNRESET') return void socket.destroy()
    // Behind a request that is still in work, an answer to noise would be read as the answer to that request.
    for (const { response } of this.#work) if (response.socket === socket) return void socket.destroy()
    const slow = error.code === 'ERR_HTTP_REQUEST_TIMEOUT'
    const large = error.code === 'HPE_HEADER_OVERFLOW'
    const detail = slow
      ? 'the request did not arrive in time'
      : large
        ? 'the headers are too large'
        : 'this is no HTTP/1.1 request'
    const fault = problem('malformed-request', detail, large ? { limit: this.#limits.headerBytesMax } : {})
    const { body } = problemReply(fault, `urn:plinth:request:${this.#prefix}-${(++this.#count).toString(36)}`)
    socket.end(
      `HTTP/1.1 400 Bad Request\r\nContent-Type: application/problem+json\r\nContent-Length: ${Buffer.byteLength(body)}\r\n` +
        `Connection: close\r\n\r\n${body}`,
    )
  }

  async close(withinMs: number): Promise<void> {
    if (this.#draining) return
    this.#draining = true
    const closed = new Promise<void>((resolve) => this.#server.close(() => resolve()))
    this.#server.closeIdleConnections()
    const finished = new Promise<void>((resolve) => {
      if (this.#work.size === 0) resolve()
      else this.#idle = resolve
    })
    let timer: NodeJS.Timeout | undefined
    await Promise.race([finished, new Promise<void>((resolve) => (timer = setTimeout(resolve, withinMs)))])
    clearTimeout(timer)
    for (const work of this.#work) work.controller.abort(problem('cancelled', 'this door is closing'))
    await Promise.all([...new Set(this.#mounts.values())].map((mount) => mount.close()))
    clearInterval(this.#sweep)
    this.#server.closeAllConnections()
    await closed
  }
}

/** @throws `malformed-request` for a query member that the route does not know: a misspelt `at` must not read the head. */
function expectMembers(route: Route, target: Target): void {
  for (const name of target.query.keys())
    if (!route.query.some((parameter) => parameter.name === name))
      throw problem('malformed-request', `this address knows no query member \`${name}\``)
}

const hasUnreadBody = (request: IncomingMessage): boolean =>
  !request.complete &&
  (request.headers['transfer-encoding'] !== undefined || (request.headers['content-length'] ?? '0') !== '0')
