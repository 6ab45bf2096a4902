/** Sends one request as bytes over a socket of its own, so that what no client library would send can be sent too. */
import { connect } from 'node:net'

export interface RawAnswer {
  readonly status: number
  readonly head: string
  readonly body: string
}

/** Longest wait for an answer, in ms: none of these requests asks for a wait. */
const ANSWER_MS = 60_000

/** @throws when the connection ends without an answer, or none comes in time */
export async function send(port: number, bytes: Buffer): Promise<RawAnswer> {
  const answer = await sendAndEnd(port, bytes, false)
  if (answer === null) throw new Error('the connection ended without an answer')
  return answer
}

/** @param end says that no more bytes come. @returns null when the connection ends without an answer @throws when neither comes in time */
export function sendAndEnd(port: number, bytes: Buffer, end: boolean): Promise<RawAnswer | null> {
  return new Promise((resolve, reject) => {
    const chunks: Buffer[] = []
    const socket = connect(port, '127.0.0.1', () => (end ? socket.end(bytes) : socket.write(bytes)))
    const timer = setTimeout(() => finish(new Error('no answer in time')), ANSWER_MS)
    const finish = (error: Error | null): void => {
      clearTimeout(timer)
      socket.destroy()
      const answer = parse(Buffer.concat(chunks))
      if (answer === null && error !== null) reject(error)
      else resolve(answer)
    }
    socket.on('data', (chunk: Buffer) => {
      chunks.push(chunk)
      if (parse(Buffer.concat(chunks)) !== null) finish(null)
    })
    socket.on('close', () => finish(null))
    socket.on('error', (error: NodeJS.ErrnoException) => finish(error))
  })
}

/** The whole answer, or null while some of it is missing. */
function parse(bytes: Buffer): RawAnswer | null {
  const end = bytes.indexOf('\r\n\r\n')
  if (end < 0) return null
  const head = bytes.toString('latin1', 0, end)
  const length = Number(/content-length: (\d+)/i.exec(head)?.[1] ?? 0)
  if (bytes.length < end + 4 + length) return null
  return {
    status: Number(/^HTTP\/1\.1 (\d{3})/.exec(head)?.[1]),
    head,
    body: bytes.toString('utf8', end + 4, end + 4 + length),
  }
}

export interface Request {
  readonly method: string
  readonly target: string
  readonly headers: readonly (readonly [string, string])[]
  readonly body: Buffer | null
}

/** Header values must hold no line ends: those would be a request of another form. */
export function requestBytes({ method, target, headers, body }: Request): Buffer {
  const lines = [`${method} ${target} HTTP/1.1`, ...headers.map(([name, value]) => `${name}: ${value}`)]
  if (body !== null) lines.push(`Content-Length: ${body.length}`)
  return Buffer.concat([Buffer.from(`${lines.join('\r\n')}\r\n\r\n`, 'latin1'), body ?? Buffer.alloc(0)])
}
