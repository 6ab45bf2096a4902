/** For the tests of this folder: a small application's manifest, a principal, and an authority source that publishes in memory. */
import { sha256Hex, streamId, type Hash, type PrincipalId } from '../../model/ids.ts'
import { canonicalJson, type JsonObject, type JsonSchema } from '../../model/json.ts'
import type { ActionManifest, CommandManifest, Manifest } from '../../model/manifest.ts'
import type { Principal } from '../../model/principal.ts'
import type { AuthoritySnapshot, AuthoritySource } from '../../warden/authority.ts'
import { NO_LEVERS } from '../../warden/snapshot.ts'
import type { AdmitRequest } from '../policy.ts'

export const object = (properties: JsonObject, required: readonly string[] = Object.keys(properties)): JsonSchema => ({
  type: 'object',
  properties,
  required,
  additionalProperties: false,
})
export const string = { type: 'string' } as const
export const integer = { type: 'integer' } as const

const action = (input: JsonSchema, more: Partial<ActionManifest> = {}): ActionManifest => ({
  describe: '',
  input,
  output: null,
  facts: null,
  refusals: {},
  targets: [],
  ...more,
})
const command = (input: JsonSchema, more: Partial<CommandManifest> = {}): CommandManifest => ({
  ...action(input, more),
  appends: [],
  effects: [],
  destructive: false,
  hasUndo: false,
  ...more,
})

const order = { entity: 'order', member: 'orderId' }

export const manifest: Manifest = {
  format: 1,
  name: 'shop',
  describe: '',
  entities: { order: { describe: '', state: {}, events: {}, opens: [], hasInitial: true } },
  commands: {
    cancel_order: command(object({ orderId: string, reason: string }), {
      targets: [order],
      facts: object({ total: integer, owner: string }),
    }),
    pay: command(
      object({ orderId: string, amount: integer, rate: { type: 'number' }, note: string }, ['orderId', 'amount']),
      {
        targets: [order],
      },
    ),
  },
  queries: { get_order: action(object({ orderId: string }), { targets: [order] }) },
  readModels: {},
  effects: {},
  invariants: {},
  importers: {},
  attested: object({ userId: string, confirmed: { type: 'boolean' } }, []),
}

export const principal = (more: Partial<Principal> = {}): Principal => {
  const id = more.id ?? ('helper' as PrincipalId)
  const chain = [
    { principal: id, epoch: 1 },
    { principal: 'operator' as PrincipalId, epoch: 1 },
  ]
  return { id, kind: 'agent', roles: ['agent'], chain, onBehalfOf: null, tenant: '', ...more }
}

export const asking = (more: Partial<AdmitRequest> = {}): AdmitRequest => ({
  principal: principal(),
  action: 'pay',
  resource: { entity: 'order', id: '#W1' },
  input: { orderId: '#W1', amount: 10 },
  facts: null,
  impact: { events: ['order.paid'], streams: [streamId('order', '#W1')], effects: [], irreversible: false },
  attested: {},
  approvals: [],
  ...more,
})

export const cancelling = (more: Partial<AdmitRequest> = {}): AdmitRequest =>
  asking({
    action: 'cancel_order',
    input: { orderId: '#W1', reason: 'late' },
    facts: { total: 100, owner: 'mia' },
    ...more,
  })

export const SCOPE_ALL = { 'scope/all.cedar': '@id("scope-all") permit (principal, action, resource);' }

/** A source whose snapshots are given to it; signatures and folders are the warden's own tests' matter. */
export function memorySource(policies: Readonly<Record<string, string>>): AuthoritySource & {
  publish(policies: Readonly<Record<string, string>>): Promise<void>
} {
  const listeners = new Set<(snapshot: AuthoritySnapshot, hash: Hash) => void | Promise<void>>()
  let current: AuthoritySnapshot = {
    format: 1,
    number: 1,
    previous: '',
    createdAtMs: 0,
    principals: [],
    issuers: [],
    policies,
    ...NO_LEVERS,
  }
  const hash = () => sha256Hex(canonicalJson(current))
  return {
    current: () => current,
    hash,
    status: () => ({ number: current.number, hash: hash(), adoptedAtMs: 0, findings: [], watching: 'polling' }),
    onAdopt(listener) {
      listeners.add(listener)
      return () => void listeners.delete(listener)
    },
    close: () => listeners.clear(),
    async publish(next) {
      const snapshot = { ...current, number: current.number + 1, previous: hash(), policies: next }
      for (const listener of listeners) await listener(snapshot, sha256Hex(canonicalJson(snapshot)))
      current = snapshot
    },
  }
}
