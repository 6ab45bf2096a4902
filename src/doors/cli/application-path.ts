/** Which application is meant when nobody says: the one in this folder, else the example. */
import { existsSync } from 'node:fs'
import { resolve } from 'node:path'
import { fileURLToPath } from 'node:url'

const MODULES = ['index.ts', 'index.js'] // of an application's folder, in this order

/** Path of the application's module or folder, absolute. Its own `plinth.application` in package.json is not needed: `index.ts` is enough. */
export function applicationPath(named: string | null): string {
  if (named !== null) return resolve(named)
  const here = process.cwd()
  if (MODULES.some((module) => existsSync(resolve(here, module)))) return here
  return fileURLToPath(new URL('../../../examples/retail', import.meta.url))
}
