/** Which application is meant when nobody says: the one in this folder, else the example. */
import { existsSync } from 'node:fs'
import { resolve } from 'node:path'
import { fileURLToPath } from 'node:url'
import { problem } from '../../model/problems.ts'

const MODULES = ['index.ts', 'index.js'] // of an application's folder, in this order

/** The first that is there: a checkout has both, the published package only the second. */
const EXAMPLES = ['../../../examples/retail', '../../../examples/starter']

/** Path of the application's module or folder, absolute. Its own `plinth.application` in package.json is not needed: `index.ts` is enough. */
export function applicationPath(named: string | null): string {
  if (named !== null) return resolve(named)
  const here = process.cwd()
  if (MODULES.some((module) => existsSync(resolve(here, module)))) return here
  const example = EXAMPLES.map((name) => fileURLToPath(new URL(name, import.meta.url))).find((path) => existsSync(path))
  if (example === undefined) throw problem('usage', 'there is no `index.ts` here: `plinth init NAME` writes one')
  return example
}
