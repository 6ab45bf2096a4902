/** Reads a request's body within its bound. */
import type { IncomingMessage } from 'node:http'
import { problem } from '../../model/problems.ts'
import type { RequestHeaders } from './headers.ts'

const JSON_TYPE = /^application\/json(?: *; *charset="?utf-8"?)?$/i

/** @throws `unsupported-media-type` for anything but JSON in UTF-8. */
export function expectJson(headers: RequestHeaders): void {
  const type = headers['content-type']
  if (type === undefined || !JSON_TYPE.test(type))
    throw problem('unsupported-media-type', 'the body must be `application/json` in UTF-8')
}

/**
 * The whole body. Stops reading at the first byte over the bound; the caller then closes the connection.
 * @throws `body-too-large`; `cancelled` when the caller goes away before its end.
 */
export function readBody(request: IncomingMessage, headers: RequestHeaders, bytesMax: number): Promise<Buffer> {
  const tooLarge = () => problem('body-too-large', `the body is larger than ${bytesMax} bytes`, { limit: bytesMax })
  if (Number(headers['content-length'] ?? 0) > bytesMax) return Promise.reject(tooLarge())
  return new Promise((resolve, reject) => {
    const chunks: Buffer[] = []
    let bytes = 0
    let ended = false
    request.on('data', (chunk: Buffer) => {
      bytes += chunk.length
      if (bytes > bytesMax) {
        request.pause()
        chunks.length = 0
        reject(tooLarge())
      } else chunks.push(chunk)
    })
    request.on('end', () => {
      ended = true
      resolve(chunks.length === 1 ? (chunks[0] as Buffer) : Buffer.concat(chunks, bytes))
    })
    const gone = () => {
      if (!ended) reject(problem('cancelled', 'the caller went away while sending'))
    }
    request.on('error', gone)
    request.on('close', gone)
  })
}
