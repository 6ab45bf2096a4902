/** Batches as a committer would prepare them, for tests that drive a storage adapter without one. */
import type { RowChange } from '../../src/model/decision.ts'
import { sha256Hex, type Hash, type OperationId, type Position, type StreamId } from '../../src/model/ids.ts'
import { EMPTY_ROOT, leafHash } from '../../src/model/merkle.ts'
import { lineComposer } from '../../src/model/record-line.ts'
import type { PreparedBatch, PreparedCommit } from '../../src/storage/storage.ts'
import { Tree } from '../../src/transparency-log/tree.ts'

export interface CommitPlan {
  readonly operation?: string
  readonly events?: readonly { readonly stream: string; readonly type?: string; readonly data?: string }[]
  readonly rows?: readonly RowChange[]
  readonly effects?: readonly { readonly effect: string; readonly payload: string }[]
  readonly payload?: string
}

/** Numbers, links and hashes whatever it is asked for. One writer writes one log; `plan` does not advance it, `batch` does. */
export class BatchMaker {
  readonly #tree = Tree.restore(0, () => new Uint8Array(256 * 32), [])
  readonly #heads = new Map<string, { version: number; leaf: string }>()
  #operations = 0
  recordedAtMs = 1_000

  batch(plans: readonly CommitPlan[]): PreparedBatch {
    const commits = plans.map((plan) => this.#commit(plan))
    return {
      commits,
      tiles: this.#tree.takeFullTiles(),
      head: {
        position: (this.#tree.size - 1) as Position,
        treeSize: this.#tree.size,
        rootHash: this.#tree.size === 0 ? EMPTY_ROOT : this.#tree.rootHash(),
        recordedAtMs: this.recordedAtMs,
      },
    }
  }

  #commit({ events = [], rows = [], effects = [], payload = '{}', ...plan }: CommitPlan): PreparedCommit {
    const first = this.#tree.size as Position
    const operation = (plan.operation ?? `op_${this.#operations++}`) as OperationId
    const compose = lineComposer({
      ...{ log: 'log.example/test', op: operation, n: events.length + 1, t: this.recordedAtMs, actor: 'a' as never },
      ...{ chain: [], for: null, tenant: 't', run: null, corr: null, cause: null, release: null, gate: '' },
    })
    const fields = (text: string) => ({ hash: sha256Hex(text), bytes: Buffer.byteLength(text) })
    const records: { line: string; payload: string; leaf: Hash }[] = []
    const add = (line: string, text: string): Hash => {
      const leaf = leafHash(line)
      records.push({ line, payload: text, leaf })
      this.#tree.append(leaf)
      return leaf
    }
    const prepared = events.map(({ stream, type = 'happened', data = '{}' }, i) => {
      const head = this.#heads.get(stream) ?? { version: 0, leaf: '' }
      const version = head.version + 1
      const leaf = add(compose.event(i, stream as StreamId, version, head.leaf, type, fields(data)), data)
      this.#heads.set(stream, { version, leaf })
      return { stream: stream as StreamId, version, type, position: (first + i) as Position }
    })
    const last = (first + events.length) as Position
    const named = effects.map((one) => ({ effect: one.effect, hash: sha256Hex(one.payload) }))
    add(compose.operation('do', 'committed', named, fields(payload)), payload)
    return {
      operation,
      intentHash: sha256Hex(operation),
      recordedAtMs: this.recordedAtMs,
      first,
      records,
      events: prepared,
      rows: rows.map((row) => ({ ...row, position: last })),
      effects: effects.map((effect, ordinal) => ({ ...effect, position: last, ordinal })),
    }
  }
}
