/**
 * C2SP tlog-policy: which logs and witnesses a verifier knows, and which of them together are enough. A policy belongs to whoever verifies
 * and is never taken from what is being verified. Stricter than the specification in one thing: names and comments must be UTF-8.
 */
import { parseVerifierKey, type NoteVerifier } from '../model/signed-note.ts'
import { parseCosignatureKey, type CosignatureVerifier } from './cosignature.ts'

/** A policy that is not one. `line` counts from 1; 0 where the fault is of the whole file. */
export class PolicyFileError extends Error {
  override readonly name = 'PolicyFileError'
  readonly line: number
  constructor(line: number, detail: string) {
    super(line === 0 ? detail : `line ${line}: ${detail}`)
    this.line = line
  }
}

export interface PolicyLog {
  /** Its name is the log's origin. */
  readonly key: NoteVerifier
  readonly url: string | null
}
export interface PolicyWitness {
  readonly kind: 'witness'
  /** Known in this policy alone; the name in signature lines is that of the key. */
  readonly name: string
  readonly key: CosignatureVerifier
  readonly url: string | null
}
export interface PolicyGroup {
  readonly kind: 'group'
  readonly name: string
  /** At least this many of the members must have witnessed: 1 to `members.length`. */
  readonly threshold: number
  readonly members: readonly PolicyMember[]
}
export type PolicyMember = PolicyWitness | PolicyGroup
export interface PolicyFile {
  readonly logs: readonly PolicyLog[]
  readonly witnesses: readonly PolicyWitness[]
  readonly groups: readonly PolicyGroup[]
  /** Null for `quorum none`: no cosignature is asked for. Every witness stands at most once below it. */
  readonly quorum: PolicyMember | null
}

// The specification wants at least 32 of each; a policy is written by hand, and evaluated for every checkpoint.
export const POLICY_BYTES_MAX = 65_536
export const POLICY_LOGS_MAX = 256
export const POLICY_WITNESSES_MAX = 256
export const POLICY_GROUPS_MAX = 256

/** @param source the bytes of the file @throws PolicyFileError that names the line */
export function parsePolicyFile(source: string | Uint8Array): PolicyFile {
  const lines = linesOf(source)
  const policy = new PolicyBuilder()
  for (const [index, line] of lines.entries()) {
    const words = line.split(/[ \t]+/).filter((word) => word !== '')
    if (words.length > 0 && !words[0]?.startsWith('#')) policy.take(index + 1, words)
  }
  return policy.finish()
}

/** Lines without their newlines. Octets that the format allows, and no others. */
function linesOf(source: string | Uint8Array): string[] {
  const bytes = typeof source === 'string' ? Buffer.from(source) : source
  if (bytes.length > POLICY_BYTES_MAX) throw new PolicyFileError(0, `a policy has at most ${POLICY_BYTES_MAX} bytes`)
  let text: string
  try {
    text = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes)
  } catch {
    throw new PolicyFileError(0, 'the policy is not UTF-8')
  }
  const lines = text.split('\n')
  if (lines.pop() !== '') throw new PolicyFileError(lines.length + 1, 'does not end in a newline')
  for (const [index, line] of lines.entries()) {
    const bad = [...line].find((one) => one === '\x7f' || (one < ' ' && one !== '\t'))
    if (bad !== undefined)
      throw new PolicyFileError(index + 1, `holds the control character U+${hex4(bad.charCodeAt(0))}`)
  }
  return lines
}
const hex4 = (code: number): string => code.toString(16).toUpperCase().padStart(4, '0')

/** What has been defined so far: a line can name only what stands above it. */
class PolicyBuilder {
  readonly #logs: PolicyLog[] = []
  readonly #members = new Map<string, PolicyMember>()
  /** Name of a member to the group that has it: none may count twice. */
  readonly #memberOf = new Map<string, string>()
  readonly #keys = new Map<string, string>()
  #quorum: PolicyMember | null | undefined
  #line = 0

  take(line: number, words: readonly string[]): void {
    this.#line = line
    const [keyword, ...rest] = words
    if (keyword === 'log') this.#log(rest)
    else if (keyword === 'witness') this.#witness(rest)
    else if (keyword === 'group') this.#group(rest)
    else if (keyword === 'quorum') this.#quorumLine(rest)
    else this.#fail(`\`${keyword}\` is none of \`log\`, \`witness\`, \`group\`, \`quorum\``)
  }

  finish(): PolicyFile {
    if (this.#quorum === undefined) throw new PolicyFileError(0, 'the policy has no `quorum` line')
    const members = [...this.#members.values()]
    return {
      logs: this.#logs,
      witnesses: members.filter((one) => one.kind === 'witness'),
      groups: members.filter((one) => one.kind === 'group'),
      quorum: this.#quorum,
    }
  }

  #log(words: readonly string[]): void {
    const [vkey, url, ...more] = words
    if (vkey === undefined || more.length > 0) this.#fail('a log is `log <vkey> [<url>]`')
    if (this.#logs.length >= POLICY_LOGS_MAX) this.#fail(`a policy has at most ${POLICY_LOGS_MAX} logs`)
    const key = this.#key(parseVerifierKey, vkey)
    this.#onlyOnce('log', key.publicKey.export({ format: 'jwk' }).x, vkey)
    this.#logs.push({ key, url: url ?? null })
  }

  #witness(words: readonly string[]): void {
    const [name, vkey, url, ...more] = words
    if (name === undefined || vkey === undefined || more.length > 0)
      this.#fail('a witness is `witness <name> <vkey> [<url>]`')
    if (this.#count('witness') >= POLICY_WITNESSES_MAX)
      this.#fail(`a policy has at most ${POLICY_WITNESSES_MAX} witnesses`)
    const key = this.#key(parseCosignatureKey, vkey)
    this.#onlyOnce('witness', key.publicKey.export({ format: 'jwk' }).x, name)
    this.#define({ kind: 'witness', name, key, url: url ?? null })
  }

  #group(words: readonly string[]): void {
    const [name, threshold, ...names] = words
    if (name === undefined || threshold === undefined || names.length === 0)
      this.#fail('a group is `group <name> all|any|<k> <member>…`')
    if (this.#count('group') >= POLICY_GROUPS_MAX) this.#fail(`a policy has at most ${POLICY_GROUPS_MAX} groups`)
    const members = names.map((member) => {
      const owner = this.#memberOf.get(member)
      if (owner !== undefined) this.#fail(`\`${member}\` is already a member of \`${owner}\``)
      const found = this.#named(member)
      this.#memberOf.set(member, name)
      return found
    })
    this.#define({ kind: 'group', name, threshold: this.#threshold(threshold, members.length), members })
  }

  #threshold(text: string, count: number): number {
    if (text === 'all') return count
    if (text === 'any') return 1
    const threshold = /^[1-9][0-9]{0,3}$/.test(text) ? Number(text) : 0
    if (threshold < 1 || threshold > count)
      this.#fail(`\`${text}\` is none of \`all\`, \`any\`, and a number from 1 to ${count}`)
    return threshold
  }

  #quorumLine(words: readonly string[]): void {
    const [name, ...more] = words
    if (name === undefined || more.length > 0) this.#fail('the quorum is `quorum <name>` or `quorum none`')
    if (this.#quorum !== undefined) this.#fail('there is a `quorum` line already')
    this.#quorum = name === 'none' ? null : this.#named(name)
  }

  #named(name: string): PolicyMember {
    return this.#members.get(name) ?? this.#fail(`\`${name}\` is not defined above`)
  }
  #define(member: PolicyMember): void {
    if (member.name === 'none') this.#fail('`none` cannot be the name of a witness or group')
    if (this.#members.has(member.name)) this.#fail(`\`${member.name}\` is defined already`)
    this.#members.set(member.name, member)
  }
  #count(kind: PolicyMember['kind']): number {
    return [...this.#members.values()].filter((one) => one.kind === kind).length
  }
  #key<K>(parse: (vkey: string) => K, vkey: string): K {
    try {
      return parse(vkey)
    } catch (error) {
      return this.#fail(error instanceof Error ? error.message : String(error))
    }
  }
  /** The same public key under another name is the same signer. */
  #onlyOnce(kind: 'log' | 'witness', publicKey: string | undefined, name: string): void {
    const id = `${kind} ${publicKey}`
    const first = this.#keys.get(id)
    if (first !== undefined) this.#fail(`${kind} \`${name}\` has the same key as \`${first}\``)
    this.#keys.set(id, name)
  }
  #fail(detail: string): never {
    throw new PolicyFileError(this.#line, detail)
  }
}
