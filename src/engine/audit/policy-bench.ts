/**
 * Policy sets compiled for judging the past: by the files of a snapshot and the manifest of a release, the least recently used released first.
 * The same evaluator and the same schema as admission has, and none of its memory of verdicts.
 */
import type { Manifest } from '../../model/manifest.ts'
import { sha256Hex, type Hash, type ReleaseId } from '../../model/ids.ts'
import { canonicalJson } from '../../model/json.ts'
import { evaluate, parsePolicySet, parseSchema, type CedarRequest, type Parsed } from '../../policy/cedar.ts'
import { readPolicyFiles, textsOf } from '../../policy/policy-set.ts'
import type { Limit } from '../../policy/limits.ts'
import { schemaOf, type PolicySchema } from '../../policy/schema.ts'
import { compileSet, type CompiledSet, type Verdict } from '../../policy/verdict.ts'
import type { AuthoritySnapshot } from '../../warden/authority.ts'

/** What the engine keeps of parsed sets is never given back, only used again: few at once. */
const SETS_MAX = 4
const SCHEMAS_MAX = 4

export interface Judgement {
  /** The release's, and what the set's own limits add to it: what admission is evaluated with. */
  readonly schema: PolicySchema
  readonly limits: readonly Limit[]
  /** What of the set does not fit the application: such a rule fails where it applies, and so denies. */
  readonly misfits: readonly string[]
  /** Whether a policy that somebody wrote sees this limit's value for this action. */
  seesHistory(action: string, limit: string): boolean
  verdict(request: CedarRequest): Verdict
  inScope(request: CedarRequest): boolean
  /** Rules that let an action into scope, or keep it out: for saying why. */
  scopeRules(request: CedarRequest): readonly string[]
}

export interface Schemas {
  readonly schema: PolicySchema
  readonly admission: Parsed
  readonly scope: Parsed
}

export class PolicyBench {
  readonly #schemas = new Map<ReleaseId, Schemas>()
  readonly #sets = new Map<string, { readonly set: CompiledSet; readonly scope: Parsed | null }>()
  readonly #hashes = new WeakMap<object, Hash>()

  /** @throws Problem `release-invalid` when the manifest has no schema */
  schemas(release: ReleaseId, manifest: Manifest): Schemas {
    let found = this.#schemas.get(release)
    if (found === undefined) {
      const schema = schemaOf(manifest)
      found = { schema, admission: parseSchema(schema.admission), scope: parseSchema(schema.scope) }
      this.#makeRoomForSchema()
    }
    this.#schemas.delete(release)
    this.#schemas.set(release, found)
    return found
  }

  hashOf(files: AuthoritySnapshot['policies']): Hash {
    let hash = this.#hashes.get(files)
    if (hash === undefined) this.#hashes.set(files, (hash = sha256Hex(canonicalJson(files))))
    return hash
  }

  judge(files: AuthoritySnapshot['policies'], release: ReleaseId, manifest: Manifest): Judgement {
    const schemas = this.schemas(release, manifest)
    const key = `${this.hashOf(files)} ${release}`
    let found = this.#sets.get(key)
    if (found === undefined) {
      this.#makeRoom()
      const { policies, faults } = readPolicyFiles(files)
      const scope =
        faults.length === 0 ? parsePolicySet(textsOf(policies.scope.filter(({ mode }) => mode === 'enforce'))) : null
      found = { set: compileSet(files, schemas.schema, schemas), scope }
    }
    this.#sets.delete(key)
    this.#sets.set(key, found)
    const { set, scope } = found
    const groupOf = (action: string) => schemas.schema.actions.get(action)?.group ?? 'engine'
    return {
      schema: set.schema,
      limits: set.limits,
      misfits: [...set.faults, ...set.misfits],
      seesHistory: (action, limit) => set.seesHistory(action, groupOf(action), limit),
      verdict: (request) => set.plainVerdict(request, groupOf(request.action.id)),
      inScope: (request) => set.inScope(request),
      scopeRules: (request) => {
        const answer = scope === null ? null : evaluate(scope, schemas.scope, request)
        return answer === null || answer.kind === 'error' ? [] : answer.rules
      },
    }
  }

  close(): void {
    for (const key of [...this.#sets.keys()]) this.#dropSet(key)
    for (const release of [...this.#schemas.keys()]) this.#dropSchema(release)
  }

  #makeRoom(): void {
    for (const key of this.#sets.keys()) {
      if (this.#sets.size < SETS_MAX) return
      this.#dropSet(key)
    }
  }
  #makeRoomForSchema(): void {
    for (const release of this.#schemas.keys()) {
      if (this.#schemas.size < SCHEMAS_MAX) return
      for (const key of [...this.#sets.keys()]) if (key.endsWith(` ${release}`)) this.#dropSet(key)
      this.#dropSchema(release)
    }
  }
  #dropSet(key: string): void {
    const found = this.#sets.get(key)
    found?.set.release()
    found?.scope?.release()
    this.#sets.delete(key)
  }
  #dropSchema(release: ReleaseId): void {
    const found = this.#schemas.get(release)
    found?.admission.release()
    found?.scope.release()
    this.#schemas.delete(release)
  }
}
