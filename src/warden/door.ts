/**
 * The operator's door: HTTP on a unix socket in the warden's own directory. It is not on any network, the runtime is told neither where it is nor
 * its token, and whoever reaches it still needs operators' signatures to change anything.
 */
import { randomBytes, timingSafeEqual } from 'node:crypto'
import { rmSync, writeFileSync, renameSync, chmodSync } from 'node:fs'
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import type { JsonObject } from '../model/json.ts'
import { Problem, problem, PROBLEMS } from '../model/problems.ts'
import type { SignedRequest } from './change-request.ts'
import { DOOR_FILE, SOCKET_FILE, type DoorFile } from './door-file.ts'
import { SNAPSHOT_BYTES_MAX } from './snapshot.ts'
import type { Warden } from './warden.ts'

/** A request holds at most a policy set, escaped once as a string. */
const BODY_BYTES_MAX = 2 * SNAPSHOT_BYTES_MAX
const JOURNAL_PAGE_MAX = 1_000
const REQUEST_MS_MAX = 10_000
/** A unix socket's path has room for 107 bytes on Linux. */
const SOCKET_PATH_BYTES_MAX = 100

export interface WardenDoor {
  readonly at: DoorFile['at']
  close(): Promise<void>
}

export async function openWardenDoor(warden: Warden, dir: string): Promise<WardenDoor> {
  const token = randomBytes(32).toString('hex')
  const server = createServer(
    { requestTimeout: REQUEST_MS_MAX, headersTimeout: REQUEST_MS_MAX },
    (request, response) => {
      void serve(warden, token, request, response)
    },
  )
  server.maxConnections = 64
  const at = await listen(server, dir)
  const file = join(dir, DOOR_FILE)
  writeFileSync(`${file}.new`, JSON.stringify({ pid: process.pid, at, token } satisfies DoorFile), { mode: 0o600 })
  renameSync(`${file}.new`, file)
  return {
    at,
    async close() {
      rmSync(file, { force: true })
      const closed = new Promise<void>((resolve) => server.close(() => resolve()))
      server.closeAllConnections()
      await closed
    },
  }
}

async function listen(server: Server, dir: string): Promise<DoorFile['at']> {
  const socket = join(dir, SOCKET_FILE)
  const bySocket = Buffer.byteLength(socket) <= SOCKET_PATH_BYTES_MAX
  if (bySocket) rmSync(socket, { force: true }) // left by a crash: the journal's lock says that nobody else is there
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject)
    if (bySocket) server.listen(socket, resolve)
    else server.listen(0, '127.0.0.1', resolve)
  })
  if (!bySocket) return { port: (server.address() as AddressInfo).port }
  chmodSync(socket, 0o600)
  return { socket }
}

async function serve(warden: Warden, token: string, request: IncomingMessage, response: ServerResponse): Promise<void> {
  try {
    if (!isToken(request.headers.authorization, token))
      throw problem('credentials-invalid', 'the door token is not right')
    const answer = handle(warden, `${request.method} ${request.url}`, await bodyOf(request))
    write(response, 200, answer)
  } catch (error) {
    const fault = error instanceof Problem ? error : problem('bug', 'the warden met a fault', {}, error)
    const { status, title } = PROBLEMS[fault.code]
    write(response, status, { ...fault.members, code: fault.code, title, detail: fault.detail })
  }
}

function handle(warden: Warden, asked: string, body: unknown): unknown {
  const journal = /^GET \/journal\?from=(\d{1,15})$/.exec(asked)
  if (journal !== null) return { entries: warden.journal(Number(journal[1]), JOURNAL_PAGE_MAX) }
  switch (asked) {
    case 'GET /status':
      return warden.status()
    case 'GET /snapshot':
      return warden.current
    case 'GET /requests':
      return { requests: warden.pending() }
    case 'POST /changes':
      return warden.submit(signedOf(body))
    case 'POST /drills':
      return recordDrill(warden, body)
    default:
      throw problem('not-found', `the warden's door has no \`${asked.slice(0, 200)}\``)
  }
}

function signedOf(body: unknown): SignedRequest {
  const { request, operator, signature } = (body ?? {}) as Partial<Record<keyof SignedRequest, unknown>>
  if (typeof request !== 'string' || typeof operator !== 'string' || typeof signature !== 'string')
    throw problem('malformed-request', 'a change is `request`, `operator` and `signature`, all of them text')
  return { request, operator, signature }
}

function recordDrill(warden: Warden, body: unknown): unknown {
  const { report, operator, signature } = (body ?? {}) as Readonly<Record<string, unknown>>
  if (typeof report !== 'string' || typeof operator !== 'string' || typeof signature !== 'string')
    throw problem('malformed-request', 'a drill is `report`, `operator` and `signature`, all of them text')
  warden.recordDrill({ request: report, operator, signature })
  return { kind: 'recorded' }
}

async function bodyOf(request: IncomingMessage): Promise<unknown> {
  const parts: Buffer[] = []
  let bytes = 0
  for await (const part of request as AsyncIterable<Buffer>) {
    bytes += part.length
    if (bytes > BODY_BYTES_MAX)
      throw problem('body-too-large', `more than ${BODY_BYTES_MAX} bytes`, { limit: BODY_BYTES_MAX })
    parts.push(part)
  }
  if (bytes === 0) return undefined
  try {
    return JSON.parse(Buffer.concat(parts).toString('utf8')) as unknown
  } catch (error) {
    throw problem('malformed-json', 'the body is not JSON', {}, error)
  }
}

function isToken(header: string | undefined, token: string): boolean {
  const expected = Buffer.from(`Bearer ${token}`)
  const given = Buffer.from(header ?? '')
  return given.length === expected.length && timingSafeEqual(given, expected)
}

function write(response: ServerResponse, status: number, answer: unknown): void {
  if (response.headersSent || response.destroyed) return
  const text = Buffer.from(JSON.stringify(answer satisfies unknown as JsonObject))
  response.writeHead(status, {
    'Content-Type': 'application/json',
    'Content-Length': text.length,
    'Cache-Control': 'no-store',
  })
  response.end(text)
}
