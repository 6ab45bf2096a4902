/**
 * The witness's HTTP door: `POST /add-checkpoint` and `GET /<origin hash>/checkpoint`, one prefix for both. Bounded in everything, because
 * nobody who asks has to say who they are.
 */
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo, Socket } from 'node:net'
import type { Clock } from '../../host/clock.ts'
import { ADD_CHECKPOINT_BYTES_MAX } from './add-checkpoint.ts'
import { WitnessFault } from './fault.ts'
import type { Answer } from './judge.ts'
import { RateBound } from './rate-bound.ts'
import type { Witness } from './witness.ts'

export interface WitnessLimits {
  /** Cosigned checkpoints per second and origin; a log that asks for more is told to wait. */
  readonly perOriginPerSecond: number
  /** Requests per second and address that were refused as malformed, unknown or unsigned; beyond it, an address waits. */
  readonly refusedPerSecond: number
  readonly connectionsMax: number
  /** Until a request has arrived whole. */
  readonly requestMs: number
}
export const LIMITS: WitnessLimits = {
  perOriginPerSecond: 500,
  refusedPerSecond: 50,
  connectionsMax: 256,
  requestMs: 10_000,
}
const HEADER_BYTES_MAX = 8_192
const IDLE_MS = 60_000 // logs are asked to keep their connection

export interface WitnessDoor {
  readonly url: string
  readonly port: number
  /** Answers what is in work, then closes. */
  close(): Promise<void>
}

export async function serve(
  witness: Witness,
  host: string,
  port: number,
  clock: Clock,
  limits: WitnessLimits,
): Promise<WitnessDoor> {
  const { refusedPerSecond, connectionsMax, requestMs } = limits
  const refused = new RateBound(refusedPerSecond, clock)
  const server = createServer({
    maxHeaderSize: HEADER_BYTES_MAX,
    requestTimeout: requestMs,
    headersTimeout: requestMs,
    keepAliveTimeout: IDLE_MS,
    connectionsCheckingInterval: 1_000,
  })
  server.maxConnections = connectionsMax
  const connected = new Set<Socket>()
  server.on('connection', (socket) => {
    connected.add(socket)
    socket.once('close', () => connected.delete(socket))
  })
  server.on('request', (request, response) => {
    const address = request.socket.remoteAddress ?? ''
    void answerTo(witness, request, refused.has(address)).then(
      (answer) => {
        if ([400, 403, 404, 405, 413].includes(answer.status)) refused.take(address)
        reply(request, response, answer, server.listening)
      },
      () => reply(request, response, { status: 500, body: 'the witness failed\n' }, false),
    )
  })
  await new Promise<void>((resolve, reject) => {
    const refuse = (error: Error): void =>
      reject(new WitnessFault('bad-option', `cannot listen on ${host}:${port}: ${error.message}`, { cause: error }))
    server.once('error', refuse)
    server.listen(port, host, () => {
      server.off('error', refuse)
      resolve()
    })
  })
  const bound = (server.address() as AddressInfo).port
  return {
    url: `http://${host.includes(':') ? `[${host}]` : host}:${bound}`,
    port: bound,
    close: () =>
      new Promise((resolve) => {
        // Closing ends the server's own watch over slow requests: who has not sent his by then is cut off.
        const cutOff = setTimeout(() => server.closeAllConnections(), requestMs)
        server.close(() => {
          clearTimeout(cutOff)
          resolve()
        })
        // Who has only connected has asked nothing that would be answered.
        for (const socket of connected) if (socket.bytesRead === 0) socket.destroy()
      }),
  }
}

async function answerTo(witness: Witness, request: IncomingMessage, mayAsk: boolean): Promise<Answer> {
  if (!mayAsk) return { status: 429, body: 'too many refused requests from this address\n', retryAfter: 1 }
  const path = request.url ?? ''
  if (path === '/add-checkpoint') {
    if (request.method !== 'POST') return { status: 405, body: 'POST only\n' }
    const body = await readBody(request)
    return typeof body === 'string' ? await witness.addCheckpoint(body) : body
  }
  const [, hash] = /^\/([0-9a-f]{64})\/checkpoint$/.exec(path) ?? []
  if (hash === undefined) return { status: 404, body: 'there is nothing here\n' }
  if (request.method !== 'GET') return { status: 405, body: 'GET only\n' }
  const note = witness.latest(hash)
  return note === null
    ? { status: 404, body: 'this witness has cosigned nothing of that origin\n' }
    : { status: 200, body: note }
}

/** The body within its bound, as text. */
function readBody(request: IncomingMessage): Promise<string | Answer> {
  const tooLarge: Answer = { status: 413, body: `a request has at most ${ADD_CHECKPOINT_BYTES_MAX} bytes\n` }
  if (Number(request.headers['content-length'] ?? 0) > ADD_CHECKPOINT_BYTES_MAX) return Promise.resolve(tooLarge)
  return new Promise((resolve, reject) => {
    const chunks: Buffer[] = []
    let bytes = 0
    request.on('data', (chunk: Buffer) => {
      bytes += chunk.length
      if (bytes > ADD_CHECKPOINT_BYTES_MAX) {
        request.pause()
        resolve(tooLarge)
      } else chunks.push(chunk)
    })
    request.on('end', () => {
      try {
        resolve(new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(Buffer.concat(chunks)))
      } catch {
        resolve({ status: 400, body: 'the request is not UTF-8\n' })
      }
    })
    request.on('error', reject)
    request.on('close', () => reject(new Error('the caller went away')))
  })
}

function reply(request: IncomingMessage, response: ServerResponse, answer: Answer, keep: boolean): void {
  if (response.destroyed || response.headersSent) return
  const { status, body, contentType = 'text/plain; charset=utf-8', retryAfter } = answer
  response.writeHead(status, {
    'Content-Type': contentType,
    'Content-Length': Buffer.byteLength(body),
    'Cache-Control': 'no-store',
    ...(retryAfter === undefined ? {} : { 'Retry-After': retryAfter }),
    // What has not been read of a refused body is not waited for, and a door that closes keeps nobody.
    ...(request.complete && keep ? {} : { Connection: 'close' }),
  })
  response.end(body)
}
