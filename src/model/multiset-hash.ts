/**
 * A sum over the hashes of entries: equal when two sides hold the same entries, in whatever order they come. It compares what somebody derived with
 * what he derives again; who could choose all entries could find others of the same sum, with much work.
 */
import { hash } from 'node:crypto'

const MODULUS = 2n ** 256n

export class MultisetHash {
  #count = 0
  #sum = 0n

  get count(): number {
    return this.#count
  }
  /** Hex. */
  get sum(): string {
    return this.#sum.toString(16)
  }
  add(entry: string): void {
    this.#count += 1
    this.#sum = (this.#sum + BigInt(`0x${hash('sha256', entry)}`)) % MODULUS
  }
  /** Takes in what another has added up. */
  merge({ count, sum }: { readonly count: number; readonly sum: string }): void {
    this.#count += count
    this.#sum = (this.#sum + BigInt(`0x${sum}`)) % MODULUS
  }
}

/** Entry of an index of events: where events of a stream are that are next to each other. */
export const eventEntry = (stream: string, version: number, position: number, count: number): string =>
  `${stream}\n${version}\n${position}\n${count}`
/** Entry of an index of streams: since when there is one. */
export const streamEntry = (stream: string, since: number): string => `${stream}\n${since}`
/** Entry of an index of operations: where the record of one is. */
export const operationEntry = (digest: number, position: number): string => `${digest}\n${position}`
