/**
 * What a limit counts of one committed operation. A pure function of the operation's record, so that counters kept while running, counters rebuilt
 * at start and an audit of the log come to the same numbers. Engine operations (`plinth.…`) are never counted.
 */
import type { JsonObject } from '../../model/json.ts'
import type { ChainLink } from '../../model/principal.ts'
import { canonicalJson } from '../../model/json.ts'
import { SEALED } from '../../model/personal.ts'
import type { Dimension, Limit } from '../../policy/limits.ts'
import type { HistoryEntry, RecordedHistory } from './claims.ts'

/** The members of a record's line that limits look at, and its payload, which is only parsed when one needs it. */
export interface CountedOperation {
  readonly action: string
  readonly actor: string
  readonly chain: readonly ChainLink[]
  readonly onBehalfOf: string | null
  readonly tenant: string
  readonly run: string | null
  readonly body: () => CountedBody
}
export interface CountedBody {
  readonly input: unknown
  readonly facts: unknown
  /** Name of the resource, as in the recorded admission request. */
  readonly resource: string
  /** Of a record that cannot be opened, because it was sealed for somebody who is erased: what it says for each limit of then. */
  readonly sealed?: readonly HistoryEntry[]
}

/** Whether what it counts stands in the payload, which may be sealed. */
export const looksInside = ({ per, sum }: Pick<Limit, 'per' | 'sum'>): boolean => sum !== null || per.includes('entity')

/** What an operation adds to which of a limit's counters; null when that is sealed, and the record does not say it for this limit. */
export function addsTo(
  limit: Pick<Limit, 'counts' | 'per' | 'sum'>,
  operation: CountedOperation,
): { readonly key: string; readonly amount: number } | null {
  if (looksInside(limit)) {
    const { sealed } = operation.body()
    if (sealed !== undefined) {
      const said = sealed.find(({ counts }) => counts === limit.counts)
      return said === undefined ? null : { key: said.key, amount: said.adding }
    }
  }
  return { key: counterKey(limit, operation), amount: amountOf(limit, operation) ?? 0 }
}

export const isCounted = ({ of }: Pick<Limit, 'of'>, action: string): boolean =>
  of === null ? !action.startsWith('plinth.') : of.includes(action)

/** Which of a limit's counters the operation belongs to. No run, or nobody acted for, is a counter of its own. */
export const counterKey = ({ per }: Pick<Limit, 'per'>, operation: CountedOperation): string =>
  per.length === 1 && per[0] === 'principal'
    ? operation.actor
    : canonicalJson(per.map((dimension) => valueOf(dimension, operation)))

function valueOf(dimension: Dimension, operation: CountedOperation): string | null {
  switch (dimension) {
    case 'principal':
      return operation.actor
    case 'owner':
      return operation.chain.at(-1)?.principal ?? operation.actor
    case 'for':
      return operation.onBehalfOf
    case 'run':
      return operation.run
    case 'entity':
      return operation.body().resource
    case 'tenant':
      return operation.tenant
    case 'command':
      return operation.action
    default:
      return dimension satisfies never
  }
}

/** One, or the amount; null when the amount is not a whole number of at least zero: who asks then decides what that means. */
export function amountOf({ sum }: Pick<Limit, 'sum'>, operation: CountedOperation): number | null {
  if (sum === null) return 1
  const { input, facts } = operation.body()
  let value: unknown = { input, facts }
  for (const member of sum)
    value =
      typeof value === 'object' && value !== null && Object.hasOwn(value, member)
        ? (value as JsonObject)[member]
        : undefined
  return Number.isSafeInteger(value) && (value as number) >= 0 ? (value as number) : null
}

/** From what is being committed. Call it for a request whose state is `committed`, and no other. */
export const countedRequest = (
  request: Pick<CountedOperation, 'action' | 'actor' | 'chain' | 'onBehalfOf' | 'tenant' | 'run'> & {
    readonly payload: string
    readonly counted?: CountedBody
  },
): CountedOperation => {
  const { action, actor, chain, onBehalfOf, tenant, run, payload, counted } = request
  return {
    ...{ action, actor, chain, onBehalfOf, tenant, run },
    body: counted === undefined ? bodyOf(payload) : () => counted,
  }
}

/** From an operation's line and payload, as stored. Null for what is no committed operation, which no limit counts. */
export function countedOperation(
  line: string,
  payload: string | null,
): (CountedOperation & { readonly t: number }) | null {
  const record = JSON.parse(line) as {
    readonly kind: string
    readonly state?: string
    readonly t: number
    readonly action: string
    readonly actor: string
    readonly chain: readonly ChainLink[]
    readonly for: string | null
    readonly tenant: string
    readonly run: string | null
  }
  if (record.kind !== 'operation' || record.state !== 'committed') return null
  const { t, action, actor, chain, tenant, run } = record
  return { t, action, actor, chain, onBehalfOf: record.for, tenant, run, body: bodyOf(payload) }
}

export function bodyOf(payload: string | null): () => CountedBody {
  let known: CountedBody | null = null
  return () => {
    if (known !== null) return known
    const document = parsed(payload)
    const { input, facts, request, history } = document
    // Without its request it has been sealed, or was never kept whole.
    const sealed = Object.hasOwn(document, SEALED) || request === null ? { sealed: history?.entries ?? [] } : {}
    return (known = { input, facts, resource: request?.resource ?? '', ...sealed })
  }
}

interface Payload {
  readonly input?: unknown
  readonly facts?: unknown
  readonly request?: { readonly resource?: string } | null
  readonly history?: RecordedHistory | null
}
/** What is no payload of ours has nothing to count. */
function parsed(payload: string | null): Payload {
  try {
    return (JSON.parse(payload ?? '{}') ?? {}) as Payload
  } catch {
    return {}
  }
}
