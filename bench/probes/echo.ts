/** What it costs to ask another process anything at all: one message there and back over its pipes. */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { latenciesOf, type Latencies } from '../measure/timing.ts'

const ECHO = "process.stdin.on('data', (bytes) => process.stdout.write(bytes))"

export async function echoLatency(messageBytes: number, repetitions: number): Promise<Latencies> {
  const child = spawn(process.execPath, ['-e', ECHO], { stdio: ['pipe', 'pipe', 'inherit'] })
  const message = Buffer.alloc(messageBytes, 'x')
  let missing = 0
  let answered = (): void => {}
  child.stdout.on('data', (bytes: Buffer) => {
    missing -= bytes.length
    if (missing === 0) answered()
  })
  try {
    return await latenciesOf(repetitions, () => {
      missing = messageBytes
      return new Promise<void>((resolve) => {
        answered = resolve
        child.stdin.write(message)
      })
    })
  } finally {
    child.stdin.end()
    await once(child, 'close')
  }
}
