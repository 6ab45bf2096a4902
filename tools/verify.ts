/** Every check of the repository, by hand and in CI alike. All stages run; the exit code is 1 when one failed. `--only NAME,…` picks some. */
import { spawnSync } from 'node:child_process'

const STAGES: readonly (readonly [name: string, command: string])[] = [
  ['format', 'prettier --check --log-level warn .'],
  ['types', 'tsc -p .'],
  ['lint', 'oxlint --deny-warnings'],
  ['imports', 'node tools/check-imports.ts'],
  ['docs', 'node tools/generate-docs.ts --check'],
  ['tests', 'npm test --silent'],
]
const only = process.argv.includes('--only') ? process.argv[process.argv.indexOf('--only') + 1]?.split(',') : undefined

// Which mutations of logs and stores the tests take is picked anew with each commit, and the same for one.
const seed = Number.parseInt(spawnSync('git', ['rev-parse', '--short=7', 'HEAD'], { encoding: 'utf8' }).stdout, 16) || 1
process.env['PLINTH_MUTATIONS_SEED'] ??= String(seed)
console.log(`mutations: PLINTH_MUTATIONS_SEED=${process.env['PLINTH_MUTATIONS_SEED']}`)

const results = STAGES.filter(([name]) => only === undefined || only.includes(name)).map(([name, command]) => {
  console.log(`\n== ${name}: ${command}`)
  const startedMs = performance.now()
  const { status } = spawnSync(command, { shell: true, stdio: 'inherit' })
  return { name, passed: status === 0, seconds: (performance.now() - startedMs) / 1000 }
})

console.log('')
for (const { name, passed, seconds } of results)
  console.log(`${passed ? 'ok    ' : 'FAILED'}  ${name.padEnd(8)} ${seconds.toFixed(1).padStart(6)} s`)
process.exitCode = results.every(({ passed }) => passed) ? 0 : 1
