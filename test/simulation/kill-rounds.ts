/** SIGKILL at random moments under concurrent callers; after each, the directory is audited and started again. */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, mkdtempSync, readFileSync, rmSync, statSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout } from 'node:timers/promises'
import { ORIGIN } from '../support/commits.ts'
import { auditDirectory, readAcknowledgements } from './crash-audit.ts'
import { random } from './random.ts'
import { brokenRows } from './workload-rows.ts'

export interface KillOptions {
  readonly seeds: number
  readonly firstSeed?: number
  /** Kills of one directory, one after the other. Default 2: the second meets callers who repeat what they were not answered. */
  readonly kills?: number
  readonly callers?: number
  readonly onRound?: (round: {
    readonly seed: number
    readonly acknowledged: number
    readonly broken: readonly string[]
  }) => void
}
export interface KillReport {
  readonly kills: number
  readonly acknowledged: number
  readonly records: number
  /** What did not hold, each with its seed. */
  readonly broken: readonly string[]
}

const RUN_MS_MAX = 250 // long enough for hundreds of commits; the moment within is what varies
const OPERATIONS = 1_000_000 // the kill ends the run, not the work

export async function killRounds({
  seeds,
  firstSeed = 1,
  kills = 2,
  callers = 32,
  onRound,
}: KillOptions): Promise<KillReport> {
  let total = { kills: 0, acknowledged: 0, records: 0, broken: [] as string[] }
  for (let seed = firstSeed; seed < firstSeed + seeds; seed++) {
    const dir = mkdtempSync(join(tmpdir(), 'plinth-kill-'))
    const pick = random(`kill ${seed}`)
    for (let kill = 0; kill < kills; kill++) {
      const path = join(dir, 'acknowledged')
      await runAndKill(dir, seed, callers, kill === 0 ? path : null, pick() * RUN_MS_MAX)
      const acknowledged = existsSync(path) ? readAcknowledgements(readFileSync(path, 'utf8')) : []
      const audit = await auditDirectory(dir, ORIGIN, acknowledged, brokenRows)
      onRound?.({ seed, acknowledged: acknowledged.length, broken: audit.broken })
      total = {
        kills: total.kills + 1,
        acknowledged: total.acknowledged + acknowledged.length,
        records: total.records + audit.records,
        broken: [...total.broken, ...audit.broken.map((what) => `seed ${seed}, kill ${kill + 1}: ${what}`)],
      }
    }
    rmSync(dir, { recursive: true })
  }
  return total
}

/** @param answered what callers write down, to wait for its first line: on a slow machine all that time may pass before anybody is answered */
async function runAndKill(
  dir: string,
  seed: number,
  callers: number,
  answered: string | null,
  afterMs: number,
): Promise<void> {
  const program = join(import.meta.dirname, 'committer-workload.ts')
  const child = spawn(process.execPath, [program, dir, String(seed), String(callers), String(OPERATIONS)], {
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  const ended = once(child, 'exit')
  const running = once(child.stdout, 'data')
  await Promise.race([running, ended])
  while (answered !== null && child.exitCode === null && statSync(answered).size === 0) await setTimeout(1)
  await setTimeout(afterMs)
  if (child.exitCode !== null) throw new Error(`the workload ended by itself with ${child.exitCode}`)
  child.kill('SIGKILL')
  await ended
}
