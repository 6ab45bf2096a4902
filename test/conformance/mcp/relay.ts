/**
 * A loopback relay that stamps an `Authorization` header on every request and changes nothing else. The official suite cannot send one, and the
 * door takes nobody without one: this keeps the door as it is in production. It belongs to tests and to nothing else.
 */
import { createServer, request as send, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'

export interface Relay {
  readonly url: string
  close(): Promise<void>
}

export async function openRelay(target: { readonly port: number }, bearer: string): Promise<Relay> {
  const server: Server = createServer((request, response) => {
    const headers = [...request.rawHeaders, 'Authorization', `Bearer ${bearer}`]
    const { method = 'GET', url = '/' } = request
    const onward = send({ host: '127.0.0.1', port: target.port, method, path: url, headers }, (answer) => {
      response.writeHead(answer.statusCode ?? 502, answer.rawHeaders)
      response.flushHeaders()
      answer.pipe(response)
    })
    onward.on('error', () => response.destroy())
    response.on('close', () => onward.destroy())
    request.pipe(onward)
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve())
        server.closeAllConnections()
      }),
  }
}
