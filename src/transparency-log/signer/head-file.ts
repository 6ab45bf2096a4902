/**
 * The last tree that was signed, and for which epoch: one file of two slots, written in turn. It is allocated once, so that a write is one
 * overwritten sector and one `fdatasync`, and costs no journal of the file system.
 *
 * H1 What `put` has returned for is on the disk, and no crash brings an older one back.
 * H2 A slot that was torn by a crash is not read: the other one holds what was answered for last.
 */
import { hash } from 'node:crypto'
import { closeSync, fdatasyncSync, openSync, readFileSync, writeSync } from 'node:fs'
import type { Hash } from '../../model/ids.ts'
import { problem } from '../../model/problems.ts'
import { replaceDurablySync } from '../witness/durable-files.ts'

export interface SignedHead {
  readonly size: number
  readonly rootHash: Hash
  readonly epoch: number
}
interface Slot extends SignedHead {
  /** Rises with each write; the greater of the two slots counts. */
  readonly write: number
  /** Start of SHA-256 of the origin: a file put beside the keys of another log is noticed. */
  readonly log: string
}

const SLOT_BYTES = 512 // a sector: disks write it whole, and the checksum tells when one did not

export class HeadFile {
  readonly #file: number
  readonly #log: string
  readonly #durable: boolean
  #slot: Slot

  private constructor(file: number, slot: Slot, durable: boolean) {
    this.#file = file
    this.#slot = slot
    this.#log = slot.log
    this.#durable = durable
  }

  static create(path: string, origin: string, head: SignedHead): void {
    const slot = { ...head, write: 0, log: tagOf(origin) }
    replaceDurablySync(path, `${slotText(slot)}${slotText(slot)}`, 0o600)
  }

  /** @param durable false only in tests @throws `signer-state-damaged` */
  static open(path: string, origin: string, durable = true): HeadFile {
    const text = readFileSync(path, 'latin1')
    const slots = [0, 1].flatMap((place) => readSlot(text.slice(place * SLOT_BYTES, (place + 1) * SLOT_BYTES)) ?? [])
    const newest = slots.sort((one, other) => other.write - one.write)[0]
    if (newest === undefined) throw problem('signer-state-damaged', `\`${path}\` does not say what was signed last`)
    if (newest.log !== tagOf(origin))
      throw problem('signer-state-damaged', `\`${path}\` is of another log than \`${origin}\``)
    return new HeadFile(openSync(path, 'r+'), newest, durable)
  }

  get head(): SignedHead {
    return this.#slot
  }

  /** A crash before the sync is done leaves this head or the one before; nothing was answered for it yet. */
  put({ size, rootHash, epoch }: SignedHead): void {
    const slot = { size, rootHash, epoch, write: this.#slot.write + 1, log: this.#log }
    writeSync(this.#file, slotText(slot), (slot.write % 2) * SLOT_BYTES, 'latin1')
    if (this.#durable) fdatasyncSync(this.#file)
    this.#slot = slot
  }

  close(): void {
    closeSync(this.#file)
  }
}

const tagOf = (origin: string): string => hash('sha256', origin, 'hex').slice(0, 16)

/** One line of JSON and its checksum, filled up to a sector. */
function slotText({ write, log, epoch, size, rootHash }: Slot): string {
  const json = JSON.stringify({ write, log, epoch, size, rootHash })
  return `${json} ${hash('sha256', json, 'hex')}`.padEnd(SLOT_BYTES - 1) + '\n'
}

function readSlot(text: string): Slot | null {
  const [, json = '', sum] = /^(\{[^}]*\}) ([0-9a-f]{64}) *\n$/.exec(text) ?? []
  return sum !== undefined && hash('sha256', json, 'hex') === sum ? (JSON.parse(json) as Slot) : null
}
