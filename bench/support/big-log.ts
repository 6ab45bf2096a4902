/** A log of any size, written through the committer in bulk: accounts of a hundred events each, their events lying among those of others. */
import { openCommitter } from '../../src/engine/committer/committer.ts'
import type { CommitRequest } from '../../src/engine/committer/commit-request.ts'
import { ENGINE_READ_MODELS } from '../../src/engine/approval-request.ts'
import { openSystem, type System } from '../../src/main/open-system.ts'
import { sha256Hex, streamId, type OperationId, type Position, type PrincipalId } from '../../src/model/ids.ts'
import type { Sandbox } from '../../src/sandbox/sandbox.ts'
import { accountId, APPLICATION } from './application.ts'

export const EVENTS_PER_ACCOUNT = 100
export const EVENTS_PER_COMMIT = 10
const WAITING_MAX = 512 // commits handed in at once
const AMOUNT = 1

export const ownerOf = (account: number): string => `owner-${account}`

/** Makes a data directory with so many events. @returns seconds that the writing took */
export async function buildLog(dir: string, events: number, sandbox: Sandbox): Promise<number> {
  const first = await openSystem({ dir, application: APPLICATION, sandbox })
  const { origin } = first.installation
  const { readModels } = first.release.manifest
  await first.close()
  const committer = await openCommitter({ dir, origin })
  const startedMs = performance.now()
  try {
    await committer.declareReadModels({ ...readModels, ...ENGINE_READ_MODELS })
    const accounts = Math.max(1, Math.floor(events / EVENTS_PER_ACCOUNT))
    const pending = new Set<Promise<unknown>>()
    for (let version = 0; version < EVENTS_PER_ACCOUNT; version += EVENTS_PER_COMMIT)
      for (let account = 0; account < accounts; account++) {
        const one: Promise<unknown> = committer.commit(bulkCommit(account, version)).then(({ kind }) => {
          if (kind !== 'committed') throw new Error(`a bulk commit was answered \`${kind}\``)
          pending.delete(one)
        })
        pending.add(one)
        if (pending.size >= WAITING_MAX) await Promise.race(pending)
      }
    await Promise.all(pending)
  } finally {
    await committer.close()
  }
  return (performance.now() - startedMs) / 1000
}

export const openBuilt = (dir: string, sandbox: Sandbox): Promise<System> =>
  openSystem({ dir, application: APPLICATION, sandbox })

/** The account's next events, and its row after them. */
function bulkCommit(account: number, version: number): CommitRequest {
  const id = accountId(account)
  const stream = streamId('account', id)
  const operation = `op_bulk_${account}_${version}` as OperationId
  const last = version + EVENTS_PER_COMMIT
  return {
    operation,
    intentHash: sha256Hex(operation),
    action: 'bulk',
    chain: [],
    actor: 'bench' as PrincipalId,
    onBehalfOf: null,
    ...{ tenant: '', run: null, correlation: null, causation: null, release: null, gate: '', state: 'committed' },
    streams: [{ stream, version }],
    finds: [],
    readPosition: -1 as Position,
    events: Array.from({ length: EVENTS_PER_COMMIT }, (_, place) => ({
      ...{ stream, version: version + place + 1 },
      ...eventAt(account, version + place + 1),
    })),
    rows: [{ model: 'balances', id, key: '', row: { owner: ownerOf(account), balance: (last - 1) * AMOUNT } }],
    effects: [],
    payload: `{"input":null,"intentHash":"${sha256Hex(operation)}","authority":null,"request":null}`,
  }
}

const eventAt = (account: number, version: number): { readonly type: string; readonly data: string } =>
  version === 1
    ? { type: 'opened', data: JSON.stringify({ owner: ownerOf(account) }) }
    : {
        type: 'added',
        data: JSON.stringify({ amount: AMOUNT, reference: `reference-${version}`, note: 'Paid at the counter.' }),
      }
