/** The first Ctrl-C or SIGTERM asks for a clean stop; a second one, when somebody has had time to mean it, forces it. */
import { EXIT } from './exit-codes.ts'
import type { Terminal } from './terminal.ts'

// One Ctrl-C may arrive twice: from the terminal, and again from npm, which passes signals on to what it runs.
const SAME_PRESS_MS = 500

export interface StopSignal {
  /** Resolves when a stop was asked for. */
  readonly asked: Promise<void>
  /** True once it was. */
  readonly wasAsked: boolean
}

export function stopSignal(terminal: Terminal): StopSignal {
  const { promise, resolve } = Promise.withResolvers<void>()
  let askedAtMs: number | null = null
  const ask = (): void => {
    const nowMs = performance.now()
    if (askedAtMs !== null) {
      if (nowMs - askedAtMs >= SAME_PRESS_MS) process.exit(EXIT.interrupted)
      return
    }
    askedAtMs = nowMs
    terminal.talk('stopping: what runs is finished first (again to force)')
    resolve()
  }
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.on(signal, ask)
  return {
    asked: promise,
    get wasAsked() {
      return askedAtMs !== null
    },
  }
}
