/**
 * Declarations of an application, by kind and name, each with a hash over everything that it says. Operators protect a declaration by its hash: a
 * release in which it differs does not become active before they have signed the new one.
 */
import { sha256Hex, type Hash } from './ids.ts'
import { canonicalJson, type Json } from './json.ts'
import type { Manifest } from './manifest.ts'

export const DECLARATION_KINDS = [
  ...(['entity', 'event', 'command', 'query', 'read-model', 'effect', 'invariant', 'importer', 'attested'] as const),
] as const
export type DeclarationKind = (typeof DECLARATION_KINDS)[number]

export interface DeclarationName {
  readonly kind: DeclarationKind
  /** As the manifest names it; an event as `entity.event`, the attested facts as `facts`. */
  readonly name: string
}
export interface ProtectedDeclaration extends DeclarationName {
  readonly hash: Hash
}
export interface ChangedDeclaration extends ProtectedDeclaration {
  /** Its hash in the release at hand; null when the release leaves it out. */
  readonly now: Hash | null
}

/** What a release says of it, as the hash covers it; null when it has no such declaration. */
export function declarationOf(manifest: Manifest, { kind, name }: DeclarationName): Json | null {
  const own = (group: object): Json | null =>
    Object.hasOwn(group, name) ? ((group as Readonly<Record<string, Json>>)[name] ?? null) : null
  switch (kind) {
    case 'entity':
      return own(manifest.entities)
    case 'event':
      return eventOf(manifest, name)
    case 'command':
      return own(manifest.commands)
    case 'query':
      return own(manifest.queries)
    case 'read-model':
      return own(manifest.readModels)
    case 'effect':
      return own(manifest.effects)
    case 'invariant':
      return own(manifest.invariants)
    case 'importer':
      return own(manifest.importers)
    case 'attested':
      return name === 'facts' ? (manifest.attested as Json) : null
    default:
      return kind satisfies never
  }
}

/** With what the entity says of this event alone: whether it opens a stream, its level, its personal members. */
function eventOf({ entities }: Manifest, name: string): Json | null {
  const [entity = '', event = ''] = name.split('.')
  const found = Object.hasOwn(entities, entity) ? entities[entity] : undefined
  if (found === undefined || !Object.hasOwn(found.events, event)) return null
  return {
    schema: found.events[event] as Json,
    opens: found.opens.includes(event),
    acknowledge: found.acknowledge?.[event] ?? null,
    personal: found.personal?.events[event] ?? null,
  }
}

export function declarationHash(manifest: Manifest, named: DeclarationName): Hash | null {
  const said = declarationOf(manifest, named)
  return said === null ? null : sha256Hex(canonicalJson({ kind: named.kind, name: named.name, said }))
}

/** Those that this release changes or leaves out, in the order given. */
export function changedDeclarations(
  manifest: Manifest,
  protectedOnes: readonly ProtectedDeclaration[],
): readonly ChangedDeclaration[] {
  return protectedOnes.flatMap(({ kind, name, hash }) => {
    const now = declarationHash(manifest, { kind, name })
    return now === hash ? [] : [{ kind, name, hash, now }]
  })
}

/**
 * What would be missed most if a release weakened it: invariants, effects that cannot be taken back and the commands that ask for them, entities
 * with personal data, commands that say whom they reach, levels of acknowledgement, answers from outside, and the facts a front door attests.
 */
export function weightyDeclarations(manifest: Manifest): readonly DeclarationName[] {
  const { invariants, effects, entities, commands, queries, attested } = manifest
  const irreversible = named('effect', effects, ({ risk }) => risk === 'irreversible')
  const asksFor = (own: readonly string[]): boolean => irreversible.some(({ name }) => own.includes(name))
  return [
    ...named('invariant', invariants, () => true),
    ...irreversible,
    ...named('entity', entities, ({ personal, acknowledge }) => personal !== undefined || acknowledge !== undefined),
    ...named(
      'command',
      commands,
      (one) => one.reaches !== undefined || one.acknowledge !== undefined || asksFor(one.effects),
    ),
    ...named('query', queries, ({ returns }) => returns === 'external'),
    ...(Object.keys(attested['properties'] ?? {}).length === 0 ? [] : [{ kind: 'attested', name: 'facts' } as const]),
  ]
}

const named = <One>(
  kind: DeclarationKind,
  group: Readonly<Record<string, One>>,
  is: (one: One) => boolean,
): readonly DeclarationName[] => Object.entries(group).flatMap(([name, one]) => (is(one) ? [{ kind, name }] : []))
