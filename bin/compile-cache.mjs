/**
 * A checkout runs TypeScript, and Node takes the types away with a compiler of its own, some 10 to 25 MB in every process and thread that loads a file.
 * With this folder it keeps what came out, and the next start loads no compiler at all. The folder lies where the code does: who may write
 * there could as well write the code. A published package holds plain JavaScript and needs none.
 */
import { existsSync } from 'node:fs'
import module from 'node:module'
import { fileURLToPath } from 'node:url'

/** Null in a published package. */
export const COMPILE_CACHE = existsSync(new URL('../src/main.js', import.meta.url))
  ? null
  : fileURLToPath(new URL('../node_modules/.cache/plinth', import.meta.url))

/** For this process, its threads, and the processes that get its environment. Whatever `NODE_COMPILE_CACHE` says already stands. */
export function useCompileCache() {
  if (COMPILE_CACHE === null || process.env.NODE_COMPILE_CACHE !== undefined) return
  process.env.NODE_COMPILE_CACHE = COMPILE_CACHE
  module.enableCompileCache(COMPILE_CACHE)
}
