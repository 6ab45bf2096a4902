/** Requests for the committer, and a data directory for it, in tests. */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { CommitRequest } from '../../src/engine/committer/commit-request.ts'
import { sha256Hex, type OperationId, type Position, type PrincipalId } from '../../src/model/ids.ts'
import type { ReadModelManifest } from '../../src/model/manifest.ts'

export const ORIGIN = 'log.example/test'
export const AGENT = 'agent' as PrincipalId

/** What a request is unless said otherwise: it writes nothing but its own record. */
export function commitRequest(operation: string, over: Partial<CommitRequest> = {}): CommitRequest {
  return {
    operation: operation as OperationId,
    intentHash: sha256Hex(operation),
    action: 'do',
    chain: [{ principal: AGENT, epoch: 1 }],
    actor: AGENT,
    onBehalfOf: null,
    tenant: 'default',
    run: null,
    correlation: null,
    causation: null,
    release: null,
    gate: '',
    state: 'committed',
    streams: [],
    finds: [],
    readPosition: -1 as Position,
    events: [],
    rows: [],
    effects: [],
    payload: '{"input":null}',
    ...over,
  }
}

export const readModel = (indexes: readonly (readonly string[])[], of = 'order'): ReadModelManifest => ({
  ...{ describe: '', of, row: { type: 'object' }, indexes },
})

/** A new directory, removed when the test's scope ends. */
export function dataDirectory(): { readonly path: string } & Disposable {
  const path = mkdtempSync(join(tmpdir(), 'plinth-data-'))
  return { path, [Symbol.dispose]: () => rmSync(path, { recursive: true, force: true, maxRetries: 20 }) }
}
