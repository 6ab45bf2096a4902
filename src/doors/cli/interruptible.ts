/** A long look through the records: shows how far it has come where somebody watches, and ends at Ctrl-C. */
import type { Terminal } from './terminal.ts'

export async function interruptible<T>(
  terminal: Terminal,
  work: (onProgress: (done: number, of: number | null) => void, signal: AbortSignal) => Promise<T>,
): Promise<T> {
  const stop = new AbortController()
  const interrupt = (): void => stop.abort()
  process.once('SIGINT', interrupt)
  const progress = (done: number, of: number | null): void => {
    if (terminal.interactive) process.stderr.write(`\r${done}${of === null ? '' : ` of ${of}`} records`)
  }
  try {
    return await work(progress, stop.signal)
  } finally {
    process.removeListener('SIGINT', interrupt)
    if (terminal.interactive) process.stderr.write('\r\u001b[K')
  }
}
