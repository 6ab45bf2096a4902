/**
 * What holds keys should not be looked into: SIGUSR1 would open Node's debugger to everybody on this machine, whoever sent it, and a core file would
 * hold the keys. Called once by a process that stays, at its start.
 */
import { spawn } from 'node:child_process'

export function guardProcess(): void {
  process.on('SIGUSR1', () => {}) // somebody who listens keeps Node from opening its debugger
  if (process.platform !== 'linux') return
  // As far as the system has the program: it is not waited for, and its failure changes nothing.
  const limit = spawn('prlimit', ['--core=0:0', '--pid', String(process.pid)], { stdio: 'ignore', env: programs() })
  limit.on('error', () => {}).unref()
}

/** All that a program of the system needs of our environment. */
const programs = (): NodeJS.ProcessEnv => ({ PATH: process.env['PATH'] ?? '/usr/bin:/bin' })
