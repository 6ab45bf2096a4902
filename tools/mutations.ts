/** `npm run test:mutations`: every mutation of bundles, stores and anchors, enumerated. Takes hours; the everyday tests take a sample of the same. */
import { spawnSync } from 'node:child_process'
import { readdirSync } from 'node:fs'
import { fileURLToPath } from 'node:url'

const root = fileURLToPath(new URL('..', import.meta.url))
const wanted = process.argv.slice(2)
const files = readdirSync(`${root}test/vectors`).filter((name) => name.endsWith('-mutations.test.ts'))
for (const name of files.filter((file) => wanted.length === 0 || wanted.some((word) => file.startsWith(word)))) {
  const { status } = spawnSync(process.execPath, ['--test', `test/vectors/${name}`], {
    cwd: root,
    stdio: 'inherit',
    env: { ...process.env, PLINTH_MUTATIONS: 'full' },
  })
  if (status !== 0) process.exitCode = 1
}
