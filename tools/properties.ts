/**
 * `npm run properties -- [--rounds N] [--seed S]`: every property test with other cases than an everyday run tries, a new seed a round.
 * Prints each round with its seed, and what failed under it; `--seed S` repeats one round. Exit code 0: all held; 1: one did not; 2: wrong usage.
 */
import { spawnSync } from 'node:child_process'
import { randomInt } from 'node:crypto'
import { globSync, readFileSync } from 'node:fs'
import { parseArgs } from 'node:util'

const ROUNDS = '10'
const SEED_MAX = 2 ** 31 - 1 // fast-check takes 32 bits, signed

function readArguments(): readonly number[] {
  try {
    const { rounds, seed } = parseArgs({
      options: { rounds: { type: 'string', default: ROUNDS }, seed: { type: 'string' } },
    }).values
    for (const [name, value] of Object.entries({ rounds, seed }))
      if (value !== undefined && !/^\d{1,10}$/.test(value))
        throw new Error(`--${name} takes a whole number, not ${value}`)
    if (seed !== undefined) return [Number(seed)]
    return Array.from({ length: Number(rounds) }, () => randomInt(SEED_MAX))
  } catch (error) {
    console.error(`${(error as Error).message}\nusage: npm run properties -- [--rounds N] [--seed S]`)
    process.exit(2)
  }
}

const seeds = readArguments()
const files = globSync('{src,test,tools,examples}/**/*.test.ts').filter((file) =>
  readFileSync(file, 'utf8').includes('support/property.ts'),
)
let failed = 0
for (const [index, seed] of seeds.entries()) {
  const { status, stdout } = spawnSync(
    process.execPath,
    ['--test', '--test-concurrency=2', '--test-reporter=spec', ...files],
    { encoding: 'utf8', env: { ...process.env, PLINTH_PROPERTY_SEED: String(seed) }, maxBuffer: 1 << 28 },
  )
  console.log(`round ${index + 1} of ${seeds.length}, seed ${seed}: ${status === 0 ? 'held' : 'FAILED'}`)
  if (status === 0) continue
  failed += 1
  console.log(stdout.slice(Math.max(0, stdout.indexOf('failing tests:'))))
}
console.log(`${files.length} files, ${seeds.length} rounds, ${failed} failed`)
process.exitCode = failed === 0 ? 0 : 1
