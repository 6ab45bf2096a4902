/** Where a sealed document stands, as text that its ciphertext is bound to: it opens in no other place, stream, or tenant. */
import type { OperationId, StreamId } from '../model/ids.ts'
import { canonicalJson } from '../model/json.ts'

export const eventContext = (log: string, tenant: string, stream: StreamId, version: number, type: string): string =>
  canonicalJson(['event', log, tenant, stream, version, type])
export const operationContext = (log: string, tenant: string, operation: OperationId, state: string): string =>
  canonicalJson(['operation', log, tenant, operation, state])
export const effectContext = (log: string, tenant: string, operation: OperationId, ordinal: number): string =>
  canonicalJson(['effect', log, tenant, operation, ordinal])
export const rowContext = (model: string, id: string, key: string): string => canonicalJson(['row', model, id, key])
export const snapshotContext = (stream: StreamId, version: number): string =>
  canonicalJson(['snapshot', stream, version])
export const sideContext = (operation: OperationId | null, kind: string, recordedAtMs: number): string =>
  canonicalJson(['side', operation, kind, recordedAtMs])
