/** What `openssl speed sha256` says of one core: seconds to hash so many messages of such a size. */
import { spawn } from 'node:child_process'
import { once } from 'node:events'

/** Bytes per second by block size, as openssl reports them. */
export type HashSpeed = ReadonlyMap<number, number>

const BLOCK_BYTES = [64, 256, 1_024] // around the sizes of records; between them the time is a straight line

/** @throws Error when openssl is not there or says something else */
export async function opensslSpeed(seconds: number): Promise<HashSpeed> {
  const speed = new Map<number, number>()
  for (const bytes of BLOCK_BYTES) {
    const options = ['-mr', '-elapsed', '-seconds', String(seconds), '-bytes', String(bytes)]
    const child = spawn('openssl', ['speed', ...options, 'sha256'], { stdio: ['ignore', 'pipe', 'ignore'] })
    let text = ''
    child.stdout.setEncoding('utf8').on('data', (more: string) => (text += more))
    await once(child, 'close')
    for (const [size, rate] of parseSpeed(text)) speed.set(size, rate)
  }
  return speed
}

/** Machine-readable output: `+H:16:64:256:…` names the sizes, `+F:n:sha256:…` the bytes per second of each. */
export function parseSpeed(text: string): HashSpeed {
  const sizes = /^\+H:(.+)$/m.exec(text)?.[1]?.split(':').map(Number)
  const rates = /^\+F:\d+:sha256:(.+)$/im.exec(text)?.[1]?.split(':').map(Number)
  if (sizes === undefined || rates === undefined || sizes.length !== rates.length)
    throw new Error('`openssl speed -mr sha256` does not say what was expected of it')
  return new Map(sizes.map((size, i) => [size, rates[i] as number]))
}

/** Seconds to hash one message of a size: a straight line between the measured sizes around it, since hashing is so much a call and so much a byte. */
export function secondsPerHash(speed: HashSpeed, bytes: number): number {
  const points = [...speed].map(([size, rate]) => ({ size, seconds: size / rate })).sort((a, b) => a.size - b.size)
  const above = Math.min(
    Math.max(
      1,
      points.findIndex(({ size }) => size >= bytes),
    ),
    points.length - 1,
  )
  const [low, high] = [points[above - 1], points[above]]
  if (low === undefined || high === undefined) throw new RangeError('two sizes are needed')
  return low.seconds + ((high.seconds - low.seconds) * (bytes - low.size)) / (high.size - low.size)
}
