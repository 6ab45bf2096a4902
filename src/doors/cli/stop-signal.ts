/** The first Ctrl-C or SIGTERM asks for a clean stop; a second one forces it. */
import { EXIT } from './exit-codes.ts'
import type { Terminal } from './terminal.ts'

export interface StopSignal {
  /** Resolves when a stop was asked for. */
  readonly asked: Promise<void>
}

export function stopSignal(terminal: Terminal): StopSignal {
  const { promise, resolve } = Promise.withResolvers<void>()
  let stopping = false
  const ask = (): void => {
    if (stopping) process.exit(EXIT.interrupted)
    stopping = true
    terminal.talk('stopping: what runs is finished first (again to force)')
    resolve()
  }
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.on(signal, ask)
  return { asked: promise }
}
