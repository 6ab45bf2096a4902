/**
 * Ports of loopback for servers that a test stops and starts again. They lie outside the range from which the system gives ports to whatever connects
 * meanwhile, so that nobody else has one when its server comes back.
 */
import { once } from 'node:events'
import { createServer } from 'node:net'

const FIRST = 10_240
const COUNT = 20_000 // below 32768, where Linux begins to give ports away
const APART = 61 // test processes that run at once have ids side by side, and begin this far from each other

let next = process.pid * APART

/** One that nobody listens on; another one at each call. */
export async function lastingPort(): Promise<number> {
  for (;;) {
    const port = FIRST + (next++ % COUNT)
    const server = createServer().listen(port, '127.0.0.1')
    const free = await once(server, 'listening').then(
      () => true,
      () => false,
    )
    if (!free) continue
    server.close()
    await once(server, 'close')
    return port
  }
}
