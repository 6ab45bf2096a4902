/** Puts a load on a door from a process of its own. */
import { execFile } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import type { Load, LoadResult } from './load-client.ts'

const PROGRAM = fileURLToPath(new URL('load-client.ts', import.meta.url))

/** @throws Error when any call failed: a rate of failures says nothing */
export async function putLoad(load: Load): Promise<LoadResult> {
  const { stdout } = await promisify(execFile)(process.execPath, [PROGRAM, JSON.stringify(load)], {
    maxBuffer: 1 << 24,
  })
  const result = JSON.parse(stdout) as LoadResult
  const [failure] = Object.entries(result.failures)
  if (failure !== undefined) throw new Error(`${failure[1]} calls were answered ${failure[0]}`)
  return result
}
