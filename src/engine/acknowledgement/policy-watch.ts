/**
 * Looks whether the policy file, or the key that signs, is another than when it was read, and has the witnesses taken up anew: so that a log that changes
 * its key, or a witness, goes on without a restart. A file that cannot serve changes nothing: the policy in force stays, and the fault is shown.
 */
import { statSync } from 'node:fs'

export interface PolicyWatchOptions {
  readonly path: string
  /** Public key that signs now. */
  readonly vkey: () => string
  /** Reads the file and takes it up. @throws why it cannot serve */
  readonly takeUp: () => Promise<void>
  readonly onProblem: (what: string, error: unknown) => void
  readonly everyMs?: number
}

const EVERY_MS = 1_000

export class PolicyWatch {
  readonly #options: PolicyWatchOptions
  readonly #timer: NodeJS.Timeout
  #seen: string
  #fault: string | null = null
  #looking: Promise<void> = Promise.resolve()
  #busy = false
  #closed = false

  /** The file has just been read. */
  constructor(options: PolicyWatchOptions) {
    this.#options = options
    this.#seen = this.#version()
    this.#timer = setInterval(() => {
      if (!this.#busy) this.#looking = this.#look()
    }, options.everyMs ?? EVERY_MS)
    this.#timer.unref()
  }

  /** Why the file as it is now is not in force; null when it is. */
  get fault(): string | null {
    return this.#fault
  }
  async close(): Promise<void> {
    this.#closed = true
    clearInterval(this.#timer)
    await this.#looking
  }

  async #look(): Promise<void> {
    const version = this.#version()
    if (version === this.#seen || this.#closed) return
    this.#busy = true
    try {
      await this.#options.takeUp()
      this.#fault = null
    } catch (error) {
      this.#fault = error instanceof Error ? error.message : String(error)
      this.#options.onProblem('the witness policy has changed, and the one before stays in force', error)
    }
    this.#seen = version // a write that came while it was read shows in the next look
    this.#busy = false
  }

  #version(): string {
    const { path, vkey } = this.#options
    const found = statSync(path, { throwIfNoEntry: false })
    return `${found?.ino}:${found?.size}:${found?.mtimeMs}:${vkey()}`
  }
}
