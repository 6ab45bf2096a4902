/**
 * The signer as others see it: through its socket. It owns one connection, opened when it is needed and again after it was lost; whoever asks
 * says how long to wait, and asks again when the signer is back.
 */
import { connect, type Socket } from 'node:net'
import { Problem, problem } from '../../model/problems.ts'
import type { LogSigner, PreparedRotation, SignAnswer, SignerStanding, SignRequest } from './log-signer.ts'
import { Lines, parseReply, problemOf, type SignerRequest } from './protocol.ts'

interface Waiting {
  readonly resolve: (answer: unknown) => void
  readonly reject: (problem: Problem) => void
}
type Without<Kind, Key extends string> = Kind extends unknown ? Omit<Kind, Key> : never

export class SignerClient implements LogSigner {
  readonly #path: string
  readonly #waiting = new Map<number, Waiting>()
  #socket: Socket | null = null
  #id = 0

  /** @param path of the signer's socket */
  constructor(path: string) {
    this.#path = path
  }

  claim(signal: AbortSignal): Promise<SignerStanding> {
    return this.#ask<SignerStanding>({ ask: 'claim' }, signal)
  }
  standing(signal: AbortSignal): Promise<SignerStanding> {
    return this.#ask<SignerStanding>({ ask: 'standing' }, signal)
  }
  sign(request: SignRequest, signal: AbortSignal): Promise<SignAnswer> {
    return this.#ask<SignAnswer>({ ask: 'sign', request }, signal)
  }
  prepareRotation(afterNext: string | null, release: boolean, signal: AbortSignal): Promise<PreparedRotation> {
    return this.#ask<PreparedRotation>({ ask: 'prepare-rotation', afterNext, release }, signal)
  }
  close(): Promise<void> {
    this.#socket?.destroy()
    return Promise.resolve()
  }

  /** Abort leaves it unknown whether the signer has done it: asking again finds out. */
  async #ask<Answer>(request: Without<SignerRequest, 'id'>, signal: AbortSignal): Promise<Answer> {
    if (signal.aborted) throw unavailable('nobody waits for it any more')
    const id = ++this.#id
    const { promise, resolve, reject } = Promise.withResolvers<unknown>()
    this.#waiting.set(id, { resolve, reject })
    const onAbort = (): void => reject(unavailable('the signer did not answer in time', signal.reason))
    signal.addEventListener('abort', onAbort, { once: true })
    try {
      this.#connected().write(`${JSON.stringify({ id, ...request })}\n`)
      return (await promise) as Answer
    } finally {
      signal.removeEventListener('abort', onAbort)
      this.#waiting.delete(id)
    }
  }

  #connected(): Socket {
    if (this.#socket !== null) return this.#socket
    const socket = connect(this.#path)
    const lines = new Lines()
    const lose = (cause?: unknown): void => {
      if (this.#socket === socket) this.#socket = null
      socket.destroy()
      const lost = unavailable('the connection to the signer was lost', cause)
      for (const { reject } of this.#waiting.values()) reject(lost)
      this.#waiting.clear()
    }
    socket
      .setEncoding('utf8')
      .on('data', (text) => {
        const whole = lines.take(String(text))
        if (whole === null) return lose()
        for (const line of whole) this.#receive(line, lose)
      })
      .on('error', lose)
      .on('close', () => {
        if (this.#socket === socket) lose()
      })
    this.#socket = socket
    return socket
  }

  #receive(line: string, lose: (cause: unknown) => void): void {
    try {
      const reply = parseReply(line)
      const waiting = this.#waiting.get(reply.id)
      if ('problem' in reply) waiting?.reject(problemOf(reply.problem))
      else waiting?.resolve(reply.answer)
    } catch (error) {
      lose(error)
    }
  }
}

const unavailable = (detail: string, cause?: unknown): Problem => problem('signer-unavailable', detail, {}, cause)
