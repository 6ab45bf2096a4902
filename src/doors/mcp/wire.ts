/** Between node's request and response and the web forms that the SDK speaks. */
import type { IncomingMessage, ServerResponse } from 'node:http'

/** Without its body: that has been read and checked, and is handed over beside it. */
export function webRequest(request: IncomingMessage, signal: AbortSignal): Request {
  const headers = new Headers()
  for (let index = 0; index + 1 < request.rawHeaders.length; index += 2)
    headers.append(request.rawHeaders[index] as string, request.rawHeaders[index + 1] as string)
  return new Request(`http://${headers.get('host')}${request.url}`, {
    method: request.method ?? 'GET',
    headers,
    signal,
  })
}

/** Streams where the SDK streams; resolves when the last byte is handed to the socket, or the caller is gone. */
export async function sendResponse(response: ServerResponse, answer: Response, signal: AbortSignal): Promise<void> {
  for (const [name, value] of answer.headers) response.setHeader(name, value)
  response.setHeader('X-Content-Type-Options', 'nosniff')
  if (answer.body === null || !(answer.headers.get('content-type') ?? '').startsWith('text/event-stream')) {
    const body = Buffer.from(await answer.arrayBuffer())
    response.setHeader('Content-Length', body.length)
    response.writeHead(answer.status).end(body)
    return
  }
  response.writeHead(answer.status)
  response.flushHeaders()
  const reader = answer.body.getReader()
  const stop = () => void reader.cancel().catch(() => {})
  signal.addEventListener('abort', stop, { once: true })
  try {
    for (;;) {
      const { done, value } = await reader.read()
      if (done || signal.aborted) break
      if (!response.write(value)) await drained(response)
    }
  } catch {
    // The stream was cut from inside: what has been sent stays sent, and the client sees the end.
  } finally {
    signal.removeEventListener('abort', stop)
    response.end()
  }
}

const drained = (response: ServerResponse): Promise<void> =>
  new Promise((resolve) => {
    const go = () => {
      response.off('drain', go)
      response.off('close', go)
      resolve()
    }
    response.on('drain', go)
    response.on('close', go)
  })

export function jsonRpcError(
  response: ServerResponse,
  status: number,
  code: number,
  message: string,
  data?: unknown,
): void {
  const error = data === undefined ? { code, message } : { code, message, data }
  response.writeHead(status, { 'Content-Type': 'application/json', 'Cache-Control': 'no-store' })
  response.end(JSON.stringify({ jsonrpc: '2.0', error, id: null }))
}
