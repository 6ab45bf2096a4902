/**
 * SIGKILL of a whole running system at random moments under concurrent HTTP clients. After each kill the data directory is audited, and the
 * engine's own verification compares every read model with a rebuild; then it is started again and the clients repeat what was not answered.
 */
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout } from 'node:timers/promises'
import { readInstallation } from '../../src/main/data-directory.ts'
import { openSystem, type System } from '../../src/main/open-system.ts'
import { openSandbox } from '../../src/sandbox/open-sandbox.ts'
import type { Sandbox } from '../../src/sandbox/sandbox.ts'
import { BANK } from '../support/bank-folder.ts'
import { startPlinth } from '../support/plinth-process.ts'
import { auditDirectory } from './crash-audit.ts'
import type { KillOptions, KillReport } from './kill-rounds.ts'
import { random } from './random.ts'
import { SystemClients } from './system-clients.ts'

const RUN_MS_MAX = 1_500 // after the doors have opened; the first half second is spent warming up

export async function systemKillRounds({
  seeds,
  firstSeed = 1,
  kills = 2,
  callers = 32,
  onRound,
}: KillOptions): Promise<KillReport> {
  const total = { kills: 0, acknowledged: 0, records: 0, broken: [] as string[] }
  const sandbox = await openSandbox({})
  try {
    for (let seed = firstSeed; seed < firstSeed + seeds; seed++) {
      const scratch = mkdtempSync(join(tmpdir(), 'plinth-system-'))
      const dir = join(scratch, 'data')
      const pick = random(`system ${seed}`)
      const clients = new SystemClients(seed, callers)
      for (let kill = 1; kill <= kills; kill++) {
        const before = clients.acknowledged.length
        await runAndKill(dir, clients, kill === 1, 100 + pick() * RUN_MS_MAX)
        const { origin } = await readInstallation(dir)
        const audit = await auditDirectory(dir, origin, clients.acknowledged)
        const broken = [...clients.broken.splice(0), ...audit.broken, ...(await verifySystem(dir, sandbox))]
        const acknowledged = clients.acknowledged.length - before
        onRound?.({ seed, acknowledged, broken })
        total.kills++
        total.acknowledged += acknowledged
        total.records += audit.records
        total.broken.push(...broken.map((what) => `seed ${seed}, kill ${kill}: ${what}`))
      }
      rmSync(scratch, { recursive: true })
    }
    return total
  } finally {
    await sandbox.close()
  }
}

/** @param onceAnswered waits for the first answer: on a slow machine all that time may pass before anybody gets one */
async function runAndKill(dir: string, clients: SystemClients, onceAnswered: boolean, afterMs: number): Promise<void> {
  await using system = await startPlinth('start', ['--app', BANK, '--dir', dir])
  const ended = clients.run(system, readFileSync(join(dir, 'log.vkey'), 'utf8').trim())
  const ends = (): boolean => system.child.exitCode !== null || clients.broken.length > 0
  while (onceAnswered && clients.acknowledged.length === 0 && !ends()) await setTimeout(5)
  await setTimeout(afterMs)
  if (system.child.exitCode !== null) throw new Error(`the system ended by itself: ${system.stderr()}`)
  await system.stop('SIGKILL')
  await ended
}

/** The engine's own verification, read models against a rebuild included, of a system opened again. */
export async function verifySystem(dir: string, sandbox: Sandbox): Promise<string[]> {
  let system: System
  try {
    system = await openSystem({ dir, application: BANK, sandbox })
  } catch (error) {
    return [`the system does not open: ${String(error)}`]
  }
  try {
    const report = await system.engine.verify(() => {}, new AbortController().signal)
    return report.findings.map(({ position, what }) => `verification: ${position ?? 'log'}: ${what}`)
  } finally {
    await system.close()
  }
}
