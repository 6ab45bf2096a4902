/** Groups the records of a log into transactions, and says of each what of it cannot be believed: bytes that do not match their hashes. */
import type { Evidence, EvidenceRecord } from './evidence.ts'
import type { OperationPayload } from '../operation-payload.ts'
import { sha256Hex } from '../../model/ids.ts'
import type { JsonObject } from '../../model/json.ts'
import { leafHash } from '../../model/merkle.ts'
import { parseRecord } from '../../model/record-line.ts'
import type { EventRecord, OperationRecord } from '../../model/record.ts'

export interface AuditedEvent {
  readonly record: EventRecord
  /** Null when its payload is gone: erased, or not in the evidence. */
  readonly data: JsonObject | null
}
export interface Transaction {
  readonly position: number
  /** Null when the record that ends it cannot be read. */
  readonly record: OperationRecord | null
  readonly payload: OperationPayload | null
  readonly events: readonly AuditedEvent[]
  /** Why what it says cannot be believed; null when every byte matches its hash. */
  readonly damage: string | null
}

/** Yields each transaction once its last record is read; a log that ends within one yields what there is of it. */
export async function* transactionsOf(
  evidence: Pick<Evidence, 'pages'>,
  signal: AbortSignal,
): AsyncGenerator<Transaction> {
  let open = new OpenTransaction()
  for await (const page of evidence.pages(signal)) {
    signal.throwIfAborted()
    for (const record of page) {
      const ended = open.add(record)
      if (ended === null) continue
      yield ended
      open = new OpenTransaction()
    }
  }
  const rest = open.cutOff()
  if (rest !== null) yield rest
}

class OpenTransaction {
  readonly #events: AuditedEvent[] = []
  #damage: string | null = null
  #position = -1

  add(stored: EvidenceRecord): Transaction | null {
    const { position, line } = stored
    const payload = stored.opened ?? stored.payload
    this.#position = position
    const record = parseRecord(line)
    this.#damage ??= damageOf(stored, record)
    if (record?.kind === 'event') {
      this.#events.push({ record, data: parsed<JsonObject>(payload) })
      return null
    }
    // A line that cannot be read ends the transaction: what follows is judged by itself.
    return this.#end(record, parsed<OperationPayload>(payload))
  }

  cutOff(): Transaction | null {
    if (this.#position < 0) return null
    this.#damage ??= 'its transaction is not complete'
    return this.#end(null, null)
  }

  #end(record: OperationRecord | null, payload: OperationPayload | null): Transaction {
    return { position: this.#position, record, payload, events: this.#events, damage: this.#damage }
  }
}

function damageOf({ line, payload, leaf }: EvidenceRecord, record: ReturnType<typeof parseRecord>): string | null {
  if (record === null) return 'its line is not in the form of a record'
  if (leaf !== null && leafHash(line) !== leaf) return 'its line is not the one that the tree holds'
  if (payload !== null && sha256Hex(payload) !== record.payload.hash) return 'its payload does not match its hash'
  return null
}

function parsed<Value>(text: string | null): Value | null {
  if (text === null) return null
  try {
    return JSON.parse(text) as Value
  } catch {
    return null
  }
}
