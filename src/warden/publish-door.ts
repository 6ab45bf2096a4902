/**
 * Hands out what the warden has published, to runtimes on other machines: GET only, of files that are signed anyway. It shares no code and no port with
 * the operator's door.
 */
import { readFile } from 'node:fs/promises'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import { LEASE_FILE } from './lease.ts'

const FILE = /^\/authority\/(\d{6}\.snapshot|lease|root\.vkey)$/
const CONNECTIONS_MAX = 256
const REQUEST_MS_MAX = 10_000

export async function serveAuthority(
  publishDir: string,
  { host, port }: { readonly host: string; readonly port: number },
): Promise<{ readonly url: string; close(): Promise<void> }> {
  const server = createServer(
    { requestTimeout: REQUEST_MS_MAX, headersTimeout: REQUEST_MS_MAX },
    (request, response) => {
      const name = request.method === 'GET' ? FILE.exec(request.url ?? '')?.[1] : undefined
      const answer = (status: number, body: string | Buffer): void => {
        const cache = name === LEASE_FILE || status !== 200 ? 'no-store' : 'max-age=31536000, immutable'
        response.writeHead(status, { 'Content-Type': 'text/plain; charset=utf-8', 'Cache-Control': cache }).end(body)
      }
      if (name === undefined)
        return answer(404, 'only GET /authority/NNNNNN.snapshot, /authority/lease, /authority/root.vkey\n')
      readFile(join(publishDir, name)).then(
        (content) => answer(200, content),
        () => answer(404, 'there is no such file\n'),
      )
    },
  )
  server.maxConnections = CONNECTIONS_MAX
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject)
    server.listen(port, host, resolve)
  })
  const { port: taken } = server.address() as AddressInfo
  return {
    url: `http://${host.includes(':') ? `[${host}]` : host}:${taken}`,
    async close() {
      const closed = new Promise<void>((resolve) => server.close(() => resolve()))
      server.closeAllConnections()
      await closed
    },
  }
}
