/**
 * The compiler is a process that all of this process share; sources nested deep enough can crash it. So whoever needs it takes turns, a crash fails
 * only the work that caused it, and the process is gone when nobody needs it.
 */
import { stop, transform } from 'esbuild'

/** The end of the last turn, however it went. */
let last: Promise<unknown> = Promise.resolve()

export function oneAtATime<Value>(work: () => Promise<Value>): Promise<Value> {
  const turn = last.then(work).finally(stop)
  last = turn.catch(() => undefined)
  return turn
}

/** TypeScript as plain JavaScript, names and order kept. */
export async function withoutTypes(source: string): Promise<string> {
  const { code } = await transform(source, { loader: 'ts', target: 'esnext', charset: 'utf8', tsconfigRaw: '{}' })
  return code
}
