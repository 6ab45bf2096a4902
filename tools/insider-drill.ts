/** `npm run drill:insider`: the insider drill in full, sixty rounds, and the page that says what came of it. */
import { spawnSync } from 'node:child_process'
import { fileURLToPath } from 'node:url'

const root = fileURLToPath(new URL('..', import.meta.url))
const table = fileURLToPath(new URL('../docs/reference/insider-drill.md', import.meta.url))
const { status } = spawnSync(
  process.execPath,
  ['--test', '--test-timeout=1200000', 'test/simulation/insider-drill.test.ts'],
  {
    cwd: root,
    stdio: 'inherit',
    env: { ...process.env, PLINTH_DRILL_ROUNDS: process.argv[2] ?? '60', PLINTH_DRILL_TABLE: table },
  },
)
if (status === 0) process.stdout.write(`written: ${table}\n`)
process.exitCode = status ?? 1
