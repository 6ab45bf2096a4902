/**
 * What an approver's signature stands for, part by part: each is a hash of its own, so that what has changed since can be named. An approval is
 * good for exactly this and nothing else; the whole is compared once more when the operation goes on, just before it is committed.
 */
import { allMayStillApprove } from './approvers.ts'
import type { Accepted } from './decide.ts'
import type { Parts } from './parts.ts'
import type { Proposal } from './proposal.ts'
import type { ReadEntry } from '../model/decision.ts'
import { sha256Hex, type Hash } from '../model/ids.ts'
import { canonicalJson } from '../model/json.ts'
import type { Manifest, Release } from '../model/manifest.ts'

/**
 * `tool` is the command as its manifest defines it, with the effects that it may ask for; `code` what decides it: two versions may declare the same
 * and do something else. `arguments` names the log, so that nothing that was signed for one system is good in another. `state` is all that was read,
 * by version and hash.
 */
export const BOUND_PARTS = ['tool', 'code', 'arguments', 'impact', 'state', 'pins', 'policy', 'epochs'] as const
export type BoundPart = (typeof BOUND_PARTS)[number]
export type Bound = Readonly<Record<BoundPart, Hash>>

export const bindsOf = (bound: Bound): Hash => sha256Hex(canonicalJson(bound))

export function boundBy(parts: Parts, proposal: Proposal, decision: Accepted): Bound {
  const { principal, intent, input } = proposal
  const reads = decision.session.readSet()
  return {
    tool: toolHash(parts.release.manifest, intent.command),
    code: codeHash(parts.release),
    arguments: hashOf({
      log: parts.origin,
      actor: principal.id,
      onBehalfOf: principal.onBehalfOf,
      command: intent.command,
      run: intent.run,
      input,
    }),
    impact: hashOf({
      facts: decision.facts,
      impact: decision.impact,
      effects: decision.effects.map(({ effect, payload }) => ({ effect, payload })),
    }),
    state: hashOf({
      streams: reads.streams.map((entry) => [entry.stream, entry.version, leafOf(parts, entry)]),
      finds: reads.finds.map(({ query, digest }) => ({ query, digest })),
    }),
    pins: hashOf(decision.effects.map(({ effect, pins }) => ({ effect, pins }))),
    policy: parts.policy.status().policySet,
    epochs: hashOf(principal.chain),
  }
}

const codeHashes = new WeakMap<Release, Hash>() // a bundle has up to megabytes
function codeHash(release: Release): Hash {
  let hash = codeHashes.get(release)
  if (hash === undefined) codeHashes.set(release, (hash = sha256Hex(release.bundle)))
  return hash
}

/** Description, schemas, refusals, hints: what a model is told of a tool, and what the tool may touch. */
export function toolHash({ commands, effects }: Manifest, name: string): Hash {
  const command = Object.hasOwn(commands, name) ? commands[name] : undefined
  return hashOf({
    name,
    command: command ?? null,
    effects: (command?.effects ?? []).map((one) => effects[one] ?? null),
  })
}

/** In the order of `BOUND_PARTS`. */
export const changedParts = (before: Bound, now: Bound): readonly BoundPart[] =>
  BOUND_PARTS.filter((part) => before[part] !== now[part])

/** What an approval rests on beside what was signed: that those who signed still may. */
export type RestsOn = BoundPart | 'approvers'

/** What is not as it was when it was held: then it is asked anew. One held before its parts were recorded counts as changed altogether. */
export function changedSinceHeld(parts: Parts, proposal: Proposal, decision: Accepted): readonly RestsOn[] {
  if (proposal.resumed === null) return []
  const { binds, bound } = proposal.resumed
  const now = boundBy(parts, proposal, decision)
  if (bindsOf(now) === binds) return allMayStillApprove(parts, proposal.approvals) ? [] : ['approvers']
  return bound === null || bindsOf(bound) !== binds ? BOUND_PARTS : changedParts(bound, now)
}

const hashOf = (value: unknown): Hash => sha256Hex(canonicalJson(value))

/** A stream read while its last commit was still under way: the log knows its hash by now. */
function leafOf({ reader, states }: Parts, { stream, version, hash }: ReadEntry): string {
  return hash !== '' || version === 0 ? hash : (reader.events(stream, version - 1, states.visible, 1)[0]?.leaf ?? '')
}
