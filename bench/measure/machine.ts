/** The machine that the numbers are of: without it they mean nothing. */
import { execFileSync } from 'node:child_process'
import { availableParallelism, cpus, loadavg, release, totalmem } from 'node:os'

export interface Machine {
  readonly processor: string
  readonly cores: number
  readonly memoryBytes: number
  readonly kernel: string
  readonly fileSystem: string
  readonly node: string
  readonly sqlite: string
  readonly openssl: string
  /** One-minute load average when the tool started: above zero, something else was running. */
  readonly load: number
  readonly at: string
}

/** @param folder where the data of the benchmarks goes */
export function describeMachine(folder: string): Machine {
  return {
    processor: cpus()[0]?.model.trim() ?? 'unknown',
    cores: availableParallelism(),
    memoryBytes: totalmem(),
    kernel: `${process.platform} ${release()}`,
    fileSystem: output('stat', ['-f', '-c', '%T', folder]),
    node: process.version,
    sqlite: process.versions['sqlite'] ?? 'unknown',
    openssl: output('openssl', ['version']),
    load: loadavg()[0] ?? 0,
    at: new Date().toISOString(),
  }
}

function output(command: string, arguments_: readonly string[]): string {
  try {
    return execFileSync(command, arguments_, { encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] }).trim()
  } catch {
    return 'unknown'
  }
}
