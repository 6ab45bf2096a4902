/** May this release become active? Not while it changes or leaves out a declaration that operators have signed otherwise. */
import type { Parts } from './parts.ts'
import { changedDeclarations, type ChangedDeclaration } from '../model/declaration.ts'
import type { Json } from '../model/json.ts'
import { problem, type Problem } from '../model/problems.ts'

const NAMED_MAX = 20

/** @throws `protected-declaration` naming each that differs from what was signed */
export function refuseUnsigned({ release, authority }: Pick<Parts, 'release' | 'authority'>): void {
  const changed = changedDeclarations(release.manifest, authority.current().protected)
  if (changed.length > 0) throw protectedProblem(changed)
}

export function protectedProblem(changed: readonly ChangedDeclaration[]): Problem {
  const lines = changed
    .slice(0, NAMED_MAX)
    .map(({ kind, name, now }) => `${kind} \`${name}\` is ${now === null ? 'left out' : 'not as it was signed'}`)
  const more = changed.length > NAMED_MAX ? [`and ${changed.length - NAMED_MAX} more`] : []
  return problem('protected-declaration', [...lines, ...more].join('; '), {
    changed: changed.slice(0, NAMED_MAX) as unknown as Json,
  })
}
