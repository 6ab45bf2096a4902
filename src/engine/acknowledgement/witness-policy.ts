/**
 * The tlog-policy file of this system: whose cosignatures an answer at level `witnessed` rests on. It belongs to whoever runs the system, is read
 * at start and when it changes, and is refused unless it can do what the level promises.
 */
import { readFileSync } from 'node:fs'
import { sha256Hex, type Hash } from '../../model/ids.ts'
import { problem } from '../../model/problems.ts'
import type { NoteVerifier } from '../../model/signed-note.ts'
import { parsePolicyFile, PolicyFileError, type PolicyFile } from '../../transparency-log/policy-file.ts'
import { judgeQuorum } from '../../transparency-log/policy-file-quorum.ts'
import { quorumSafety, type QuorumSafety } from '../../transparency-log/policy-file-safety.ts'
import type { WitnessAddress } from '../../transparency-log/witness/witness-client.ts'

export interface WitnessPolicy {
  /** Where it was read. */
  readonly path: string
  /** SHA-256 of the file's bytes: which policy was pinned. */
  readonly digest: Hash
  readonly text: string
  readonly policy: PolicyFile
  readonly safety: QuorumSafety
  /** Witnesses that can be asked: those with an address. */
  readonly witnesses: readonly WitnessAddress[]
}

/** @param log the key that this system's log signs with. @throws `witness-policy-invalid` */
export function readWitnessPolicy(path: string, log: NoteVerifier): WitnessPolicy {
  const bytes = readBytes(path)
  const policy = parsed(path, bytes)
  const fail = (detail: string) => problem('witness-policy-invalid', `\`${path}\` ${detail}`, { path })
  const keyOf = ({ publicKey }: NoteVerifier): string => JSON.stringify(publicKey.export({ format: 'jwk' }))
  if (!policy.logs.some(({ key }) => key.name === log.name && keyOf(key) === keyOf(log)))
    throw fail(`has no \`log\` line with the key of \`${log.name}\`: add \`log\` and the line of \`log.vkey\``)
  if (policy.quorum === null) throw fail('says `quorum none`: no witness would stand behind `witnessed`')
  const safety = quorumSafety(policy)
  if (safety.safeWithMalicious < 0)
    throw fail('has a quorum of which two need not share a witness: two callers could be shown two logs; ask for more')
  const witnesses = policy.witnesses.flatMap(({ name, key, url }) => (url === null ? [] : [{ name, key, url }]))
  for (const { name, url } of witnesses)
    if (!URL.canParse(url) || !/^https?:$/.test(new URL(url).protocol))
      throw fail(`gives witness \`${name}\` an address that is not \`http:\` or \`https:\``)
  if (judgeQuorum(policy, new Set(witnesses.map(({ name }) => name))).kind !== 'satisfied')
    throw fail('has a quorum that the witnesses with an address cannot make: give more of them one')
  const addresses = witnesses.map((one) => ({ ...one, url: one.url.replace(/\/+$/, '') }))
  return { path, digest: sha256Hex(bytes), text: bytes.toString('utf8'), policy, safety, witnesses: addresses }
}

function readBytes(path: string): Buffer {
  try {
    return readFileSync(path)
  } catch (cause) {
    throw problem('witness-policy-invalid', `\`${path}\` cannot be read`, { path }, cause)
  }
}

function parsed(path: string, bytes: Buffer): PolicyFile {
  try {
    return parsePolicyFile(bytes)
  } catch (error) {
    if (!(error instanceof PolicyFileError)) throw error
    throw problem('witness-policy-invalid', `\`${path}\`: ${error.message}`, { path, line: error.line }, error)
  }
}
