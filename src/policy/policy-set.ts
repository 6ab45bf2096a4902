/**
 * Policy files → a set that can be evaluated: every policy named, annotations read (the engine does not give them back), scope apart from
 * admission. What is wrong is said in words, before a set is signed and again when it is adopted.
 */
import { sha256Hex, type Hash } from '../model/ids.ts'
import { canonicalJson } from '../model/json.ts'
import { annotation, annotationsOf, type RuleAnnotations } from './annotations.ts'
import { splitPolicies, validatePolicies, type CedarPolicy, type PolicyTexts } from './cedar.ts'
import { BREAKERS_FILE, readBreakers } from './breakers.ts'
import { LIMITS_FILE, limitRuleText, readLimits, type Limit } from './limits.ts'
import type { PolicySchema } from './schema.ts'

export const POLICIES_MAX = 1_000 // the engine looks at each of them on every evaluation

export interface NamedPolicy extends RuleAnnotations {
  /** From `@id`. */
  readonly id: string
  readonly file: string
  readonly text: string
  readonly policy: CedarPolicy
}
export interface PolicyFiles {
  /** SHA-256 over the canonical JSON of the files, as the snapshot holds them. */
  readonly hash: Hash
  readonly scope: readonly NamedPolicy[]
  /** With the rules that the limits are. */
  readonly admission: readonly NamedPolicy[]
  readonly limits: readonly Limit[]
}

type Files = Readonly<Record<string, string>>

export const policyFilesHash = (files: Files): Hash => sha256Hex(canonicalJson(files))

export const textsOf = (policies: readonly NamedPolicy[]): PolicyTexts =>
  Object.fromEntries(policies.map(({ id, text }) => [id, text]))

/**
 * Everything wrong with these files, in words; empty when they can be published. With a schema also what the application does not have.
 * This is the check that `setPolicies` and `createAuthority` of the warden ask for.
 */
export function policyFaults(files: Files, schema?: PolicySchema): readonly string[] {
  const { policies, faults } = readPolicyFiles(files)
  if (faults.length > 0) return faults
  const unknown = [...policies.scope, ...policies.admission].flatMap(({ id, unknown: names }) =>
    names.map(
      (name) => `\`${id}\`: there is no obligation \`@${name}\`; where this rule determines a verdict, it would deny`,
    ),
  )
  return [...unknown, ...(schema === undefined ? [] : misfitsOf(policies, schema))]
}

/** What of these policies the application does not have. @param schema of the application, without limits */
export function misfitsOf({ scope, admission, limits }: PolicyFiles, schema: PolicySchema): readonly string[] {
  const { admission: own, misfits } = schema.withLimits(limits)
  return [...misfits, ...validatePolicies(textsOf(scope), schema.scope), ...validatePolicies(textsOf(admission), own)]
}

/** Reads all that can be read. When `faults` is not empty, the set must not be evaluated. */
export function readPolicyFiles(files: Files): { readonly policies: PolicyFiles; readonly faults: readonly string[] } {
  const faults: string[] = []
  const named: NamedPolicy[] = []
  const seen = new Set<string>()
  const { limits, faults: limitFaults } = readLimits(files)
  faults.push(...limitFaults, ...readBreakers(files).faults)
  const sources: (readonly [string, string])[] = [
    ...Object.entries(files).filter(([file]) => file !== LIMITS_FILE && file !== BREAKERS_FILE),
    ...limits.flatMap((limit) =>
      limit.max === null ? [] : [[LIMITS_FILE, limitRuleText({ ...limit, max: limit.max })] as const],
    ),
  ]
  for (const [file, source] of sources.sort(([one], [other]) => (one < other ? -1 : one > other ? 1 : 0))) {
    for (const { text, policy } of readFile(file, source, faults)) {
      const id = annotation(policy, 'id') ?? ''
      if (!/^[A-Za-z0-9][A-Za-z0-9._:/-]{0,127}$/.test(id)) {
        faults.push(`\`${file}\`: a policy has no usable \`@id("…")\`: ${text.slice(0, 60).replaceAll(/\s+/g, ' ')}`)
        continue
      }
      if (seen.has(id)) faults.push(`\`${file}\`: there is another policy \`${id}\``)
      seen.add(id)
      named.push({ id, file, text, policy, ...annotationsOf(id, file, policy, faults) })
    }
  }
  if (named.length > POLICIES_MAX) faults.push(`there are ${named.length} policies; at most ${POLICIES_MAX} are taken`)
  const isScope = ({ file }: NamedPolicy) => file.startsWith('scope/')
  const policies = {
    hash: policyFilesHash(files),
    scope: named.filter(isScope),
    admission: named.filter((policy) => !isScope(policy)),
    limits,
  }
  return { policies, faults }
}

function readFile(file: string, source: string, faults: string[]): ReturnType<typeof splitPolicies> {
  if (!file.endsWith('.cedar') && file !== LIMITS_FILE) {
    faults.push(
      `\`${file}\`: policy files end in \`.cedar\`; beside them there may be \`${LIMITS_FILE}\` and \`${BREAKERS_FILE}\``,
    )
    return []
  }
  if (!source.isWellFormed()) {
    faults.push(`\`${file}\`: not well-formed Unicode`)
    return []
  }
  try {
    return splitPolicies(source)
  } catch (error) {
    faults.push(`\`${file}\`: ${error instanceof Error ? error.message : String(error)}`)
    return []
  }
}
