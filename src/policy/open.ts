/**
 * Permission, from the policies of the authority snapshot in force. Scope says whether an action exists for a principal; admission says whether
 * this one may happen, and on what grounds. Nothing is allowed unless a policy permits it, and an error is a denial.
 *
 * Owns the compiled sets: the one in force and the one before, so that what was decided a moment ago can be replayed. Closing releases them.
 */
import type { Admission, AdmissionRequest, Authority } from '../model/admission.ts'
import { sha256Hex, type Hash } from '../model/ids.ts'
import { canonicalJson } from '../model/json.ts'
import type { Manifest } from '../model/manifest.ts'
import type { Principal } from '../model/principal.ts'
import type { AuthoritySnapshot, AuthoritySource } from '../warden/authority.ts'
import { evaluator, parseSchema } from './cedar.ts'
import { ContextError } from './context-type.ts'
import type { Limit } from './limits.ts'
import type { AdmitRequest, Policy } from './policy.ts'
import { policyFilesHash } from './policy-set.ts'
import {
  cedarRequest,
  emptyRequest,
  recordedRequest,
  requestFromRecord,
  resourceName,
  scopeRequest,
} from './request.ts'
import { schemaOf, type PolicySchema } from './schema.ts'
import { compileSet, type CompiledSet, type Verdict } from './verdict.ts'

const SETS_MAX = 2 // in force, and the one before or a candidate
const SCOPES_MAX = 10_000 // remembered answers of one snapshot

export interface PolicyStatus {
  readonly policySet: Hash
  readonly schema: Hash
  readonly evaluator: string
  readonly policies: number
  /** Why everything is denied; empty when the set can be evaluated. */
  readonly faults: readonly string[]
  /** Policies that do not fit the application: they deny where they apply. */
  readonly misfits: readonly string[]
  /** What policies cannot see. */
  readonly leftOut: readonly string[]
}
export interface OpenPolicy extends Policy {
  status(): PolicyStatus
  /** Of the set in force. */
  limits(): readonly Limit[]
  /** Whether its policies, the limits' own rules apart, see this limit's value for this action. */
  seesHistory(action: string, limit: string): boolean
  /** A command's resource as records name it. @throws ContextError for an entity that is not there */
  resourceName(resource: AdmitRequest['resource']): string
  /** Takes a past snapshot's policies in hand for `replay`, in place of the least recently used set that is not in force. */
  recall(snapshot: AuthoritySnapshot): void
  close(): void
}

/** @throws `release-invalid` when the manifest has no schema */
export function openPolicy(options: { readonly source: AuthoritySource; readonly manifest: Manifest }): OpenPolicy {
  const { source } = options
  const schema = schemaOf(options.manifest)
  const parsed = { admission: parseSchema(schema.admission), scope: parseSchema(schema.scope) }
  const hashes = new WeakMap<AuthoritySnapshot, Hash>()
  const sets = new Map<Hash, CompiledSet>() // least recently used first
  let scopes = new Map<string, { readonly inScope: boolean; readonly hiddenBy: readonly string[] | null }>()
  let scopedBy: AuthoritySnapshot | null = null

  function setOf(snapshot: AuthoritySnapshot): CompiledSet {
    let hash = hashes.get(snapshot)
    if (hash === undefined) hashes.set(snapshot, (hash = policyFilesHash(snapshot.policies)))
    let set = sets.get(hash)
    if (set === undefined) {
      const inForce = hashes.get(source.current())
      const oldest = [...sets.values()].find((one) => one.hash !== inForce)
      if (sets.size >= SETS_MAX && oldest !== undefined) {
        sets.delete(oldest.hash)
        oldest.release()
      }
      set = compileSet(snapshot.policies, schema, parsed)
    }
    sets.delete(hash)
    sets.set(hash, set)
    return set
  }

  const OUT = { inScope: false, hiddenBy: null }
  function scopeOf(
    principal: Principal,
    action: string,
  ): typeof OUT | { inScope: boolean; hiddenBy: readonly string[] | null } {
    if (!schema.actions.has(action)) return OUT
    const snapshot = source.current()
    if (snapshot !== scopedBy || scopes.size >= SCOPES_MAX) {
      scopes = new Map()
      scopedBy = snapshot
    }
    const { id, kind, roles, chain, tenant, onBehalfOf, above = [] } = principal
    const owner = chain[1]?.principal ?? null
    const key = canonicalJson([action, id, kind, roles, owner, tenant, onBehalfOf, above])
    let answer = scopes.get(key)
    if (answer === undefined) {
      const set = setOf(snapshot)
      const request = scopeRequest(schema, principal, action)
      const inScope = set.inScope(request)
      scopes.set(key, (answer = { inScope, hiddenBy: inScope ? set.hiddenBy(request) : null }))
    }
    return answer
  }
  const inScope = (principal: Principal, action: string): boolean => scopeOf(principal, action).inScope

  function admit(asked: AdmitRequest): Admission {
    const snapshot = source.current()
    const set = setOf(snapshot)
    let request: AdmissionRequest
    let verdict: Verdict
    try {
      const action = schema.actions.get(asked.action)
      const full = cedarRequest(set.schema, asked)
      request = recordedRequest(full)
      verdict = set.verdict(full, action?.group ?? 'engine')
    } catch (error) {
      if (!(error instanceof ContextError)) throw error
      request = emptyRequest(schema, asked)
      verdict = { kind: 'denied', rules: [], errors: [error.message] }
    }
    const { hiddenBy } = scopeOf(asked.principal, asked.action)
    const seen =
      hiddenBy === null ? verdict : { ...verdict, observed: { kind: 'out-of-scope', rules: hiddenBy } as const }
    const authority = authorityOf(snapshot, set, set.schema, asked, request, seen)
    switch (verdict.kind) {
      case 'admitted':
        return { kind: 'admitted', authority, request }
      case 'held':
        return {
          kind: 'held',
          authority,
          request,
          requires: verdict.requires,
          forMs: verdict.forMs,
          grants: verdict.grants,
        }
      case 'denied':
        return { kind: 'denied', authority, request, errors: verdict.errors }
      default:
        return verdict satisfies never
    }
  }

  const replay: Policy['replay'] = (recorded, authority) => {
    const set = sets.get(authority.policySet)
    const unknown = { kind: 'unknown', rules: [], verdict: null } as const
    if (set === undefined || authority.schema !== set.schema.hash || authority.evaluator !== evaluator()) return unknown
    const request = requestFromRecord(recorded)
    if (request === null) return unknown
    if (sha256Hex(canonicalJson(recorded)) !== authority.request) return { kind: 'differs', rules: [], verdict: null }
    const group = schema.actions.get(request.action.id)?.group ?? 'engine'
    const { kind: verdict, rules } = set.plainVerdict(request, group)
    return { kind: canonicalJson(rules) === canonicalJson(authority.rules) ? 'agrees' : 'differs', rules, verdict }
  }

  setOf(source.current())
  // Compiled before it is in force, so that the first decision on it does not wait. It never refuses: a revocation must not fail for a policy's sake.
  const unsubscribe = source.onAdopt((snapshot) => void setOf(snapshot))

  return {
    inScope,
    admit,
    replay,
    recall: (snapshot) => void setOf(snapshot),
    limits: () => setOf(source.current()).limits,
    seesHistory: (action, limit) =>
      setOf(source.current()).seesHistory(action, schema.actions.get(action)?.group ?? 'engine', limit),
    resourceName: (resource) => resourceName(schema, resource),
    status() {
      const { hash: policySet, size, faults, misfits, schema: own } = setOf(source.current())
      const { hash, leftOut } = own
      return { policySet, schema: hash, evaluator: evaluator(), policies: size, faults, misfits, leftOut }
    },
    close() {
      unsubscribe()
      for (const set of sets.values()) set.release()
      sets.clear()
      parsed.admission.release()
      parsed.scope.release()
    },
  }
}

const authorityOf = (
  snapshot: AuthoritySnapshot,
  set: CompiledSet,
  schema: PolicySchema,
  asked: AdmitRequest,
  request: AdmissionRequest,
  { rules, obligations, observed }: Verdict,
): Authority => ({
  snapshot: snapshot.number,
  policySet: set.hash,
  schema: schema.hash,
  evaluator: evaluator(),
  rules,
  request: sha256Hex(canonicalJson(request)),
  chain: asked.principal.chain,
  onBehalfOf: asked.principal.onBehalfOf,
  approvals: asked.approvals.map(({ approval, by }) => ({ approval, by: by as Authority['approvals'][number]['by'] })),
  ...(obligations === undefined ? {} : { obligations }),
  ...(observed === undefined ? {} : { observed }),
})
