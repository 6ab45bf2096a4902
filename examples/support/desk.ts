/**
 * An application and its policies, in memory: what is asked is decided by the application's declarations and admitted by its Cedar files,
 * without a sandbox, a log or a door. For tests of rules; the same questions go through a whole system in the end-to-end tests.
 */
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { checkManifest } from '../../src/application/check-manifest.ts'
import type { AnyApplication } from '../../src/application/declarations.ts'
import { describeApplication } from '../../src/application/describe.ts'
import { sha256Hex } from '../../src/model/ids.ts'
import type { PrincipalId } from '../../src/model/ids.ts'
import { canonicalJson } from '../../src/model/json.ts'
import type { JsonObject } from '../../src/model/json.ts'
import { openPolicy } from '../../src/policy/open.ts'
import type { AuthoritySnapshot, AuthoritySource } from '../../src/warden/authority.ts'
import { NO_LEVERS } from '../../src/warden/snapshot.ts'
import { World } from './world.ts'
import type { Asked, Decided } from './world.ts'

const AGENT = 'agent' as PrincipalId

export interface Verdict {
  /** `admitted`: it happened. */
  readonly kind: 'admitted' | 'held' | 'denied' | 'refused'
  /** Policies that determined it; of a refusal, the rule that it names. */
  readonly rules: readonly string[]
  /** Evaluation errors: there should be none. */
  readonly errors: readonly string[]
  readonly decided: Decided
}

export class Desk implements Disposable {
  world: World
  readonly #application: AnyApplication
  readonly #manifest
  readonly #policy

  /** @param policies folder of Cedar files */
  constructor(application: AnyApplication, policies: string) {
    this.#application = application
    this.world = new World(application)
    this.#manifest = checkManifest(JSON.parse(describeApplication(application)))
    this.#policy = openPolicy({ source: unsignedSource(readPolicies(policies)), manifest: this.#manifest })
  }

  /** Empties the world; the policies stay as they are. */
  reset(): World {
    this.world = new World(this.#application)
    return this.world
  }

  /** What is wrong with the policies, in words. */
  faults(): readonly string[] {
    const { faults, misfits } = this.#policy.status()
    return [...faults, ...misfits]
  }

  /** An agent's call in a run for which `attested` was attested; what is admitted happens. */
  async ask(
    name: string,
    input: JsonObject,
    asked: Asked & { readonly approvals?: readonly string[] } = {},
  ): Promise<Verdict> {
    let verdict: Omit<Verdict, 'decided'> | null = null
    const judge = (decided: Decided): boolean => {
      verdict = this.#admit(name, input, decided, asked)
      return verdict.kind === 'admitted'
    }
    const decided = await this.world.run(name, input, asked, judge)
    if (decided.kind === 'refused') {
      const rule = decided.detail['rule']
      return { kind: 'refused', rules: typeof rule === 'string' ? [rule] : [], errors: [], decided }
    }
    return { ...(verdict ?? this.#admit(name, input, decided, asked)), decided }
  }

  [Symbol.dispose](): void {
    this.#policy.close()
  }

  #admit(name: string, input: JsonObject, decided: Decided, asked: Asked & { readonly approvals?: readonly string[] }) {
    const isCommand = Object.hasOwn(this.#manifest.commands, name)
    const action = this.#manifest.commands[name] ?? this.#manifest.queries[name]
    const target = action?.targets[0]
    const id = target === undefined ? undefined : input[target.member]
    const admission = this.#policy.admit({
      principal: {
        id: AGENT,
        kind: 'agent',
        roles: ['agent'],
        chain: [{ principal: AGENT, epoch: 1 }],
        onBehalfOf: null,
        tenant: 'default',
      },
      action: name,
      resource: target !== undefined && typeof id === 'string' ? { entity: target.entity, id } : null,
      input,
      facts: decided.facts as JsonObject | null,
      impact: isCommand
        ? {
            events: [...new Set(decided.events.map(({ entity, event }) => `${entity}.${event}`))],
            streams: [],
            effects: [...new Set(decided.effects.map(({ effect }) => effect))],
            irreversible: decided.effects.some(
              ({ effect }) => this.#application.effects[effect]?.risk === 'irreversible',
            ),
          }
        : null,
      attested: (asked.attested ?? {}) as JsonObject,
      approvals: (asked.approvals ?? []).map((role) => ({ approval: 'apr', by: 'operator', role })),
    })
    return {
      kind: admission.kind,
      rules: admission.authority.rules,
      errors: admission.kind === 'denied' ? admission.errors : [],
    }
  }
}

/** Authority that nobody signed and that never changes: tests of rules need no more. */
function unsignedSource(policies: AuthoritySnapshot['policies']): AuthoritySource {
  const snapshot: AuthoritySnapshot = {
    format: 1,
    number: 1,
    previous: '',
    createdAtMs: 0,
    principals: [],
    issuers: [],
    policies,
    ...NO_LEVERS,
  }
  const hash = sha256Hex(canonicalJson(snapshot))
  return {
    current: () => snapshot,
    hash: () => hash,
    status: () => ({ number: 1, hash, adoptedAtMs: 0, findings: [], watching: 'polling' }),
    onAdopt: () => () => {},
    close: () => {},
  }
}

/** Cedar source by path below the folder, as an authority snapshot holds it. */
function readPolicies(folder: string): Record<string, string> {
  const files = readdirSync(folder, { recursive: true, encoding: 'utf8' }).filter((file) => file.endsWith('.cedar'))
  return Object.fromEntries(files.map((file) => [file, readFileSync(join(folder, file), 'utf8')]))
}
