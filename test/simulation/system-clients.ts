/** Concurrent HTTP clients of a running system that may die under them: what they were told, and what they must ask again. */
import { parseVerifierKey, type NoteVerifier } from '../../src/model/signed-note.ts'
import type { Receipt } from '../../src/model/receipt.ts'
import { send, type Started } from '../support/plinth-process.ts'
import { acknowledgement, readAcknowledgements, type Acknowledged } from './crash-audit.ts'
import { random } from './random.ts'

interface Ask {
  readonly key: string
  readonly command: string
  readonly input: object
}

interface Client {
  next: number
  unanswered: Ask | null
  readonly pick: () => number
}

/** Each client opens an account and pays into it and into one that all share, one command after the other. */
export class SystemClients {
  readonly acknowledged: Acknowledged[] = []
  /** What was answered wrongly: another outcome for a key that had one, or a fault that is none of the expected. */
  readonly broken: string[] = []
  readonly #clients: readonly Client[]
  readonly #answers = new Map<string, string>()

  constructor(seed: number, count: number) {
    this.#clients = Array.from({ length: count }, (_, client) => ({
      ...{ next: 0, unanswered: null, pick: random(`client ${seed} ${client}`) },
    }))
  }

  /** Runs until the system stops answering. */
  async run(system: Started, vkey: string): Promise<void> {
    const log = parseVerifierKey(vkey)
    await Promise.all(this.#clients.map((_, client) => this.#runOne(system, client, log)))
  }

  async #runOne(system: Started, client: number, log: NoteVerifier): Promise<void> {
    const state = this.#clients[client] as Client
    for (;;) {
      const ask = (state.unanswered ??= this.#nextAsk(client, state.next, state.pick))
      let answer: Awaited<ReturnType<typeof send>>
      try {
        answer = await send(system, ask.command, ask.key, ask.input)
      } catch {
        return // the system is gone, or went while it answered: the same key is asked again after the restart
      }
      if (answer.status >= 500 || answer.status === 409) continue // its retry advice: the same key
      this.#take(ask, answer.body, log)
      state.unanswered = null
      state.next++
      if (state.pick() < 0.05) state.unanswered = ask // a caller who did not notice its answer
    }
  }

  #nextAsk(client: number, number: number, pick: () => number): Ask {
    const account = `own-${client}`
    if (number === 0) return { key: `open-${client}`, command: 'open_account', input: { account, owner: 'someone' } }
    if (number === 1) return { key: 'open-shared', command: 'open_account', input: { account: 'shared', owner: 'all' } }
    const to = pick() < 0.7 ? account : 'shared'
    return { key: `pay-${client}-${number}`, command: 'deposit', input: { account: to, amount: 1 } }
  }

  #take({ key }: Ask, body: { readonly [member: string]: unknown }, log: NoteVerifier): void {
    const { kind, operation, position, receipt } = body
    if (kind !== 'committed') {
      // All ask for the shared account under one key, so nothing may be turned down.
      this.broken.push(`\`${key}\` was answered ${JSON.stringify(body).slice(0, 200)}`)
      return
    }
    const outcome = `${String(operation)} at ${String(position)}`
    const before = this.#answers.get(key)
    if (before !== undefined && before !== outcome) this.broken.push(`\`${key}\` was ${before}, and then ${outcome}`)
    this.#answers.set(key, outcome)
    this.acknowledged.push(...readAcknowledgements(acknowledgement(String(operation), receipt as Receipt, log)))
  }
}
