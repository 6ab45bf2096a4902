/** Does a switch reach anything that is known? Who stops something in a hurry types its name: one that nobody has would stop nothing, and look as if it did. */
import type { Manifest } from '../../model/manifest.ts'
import type { AuthoritySnapshot, SwitchScope } from '../../warden/authority.ts'
import { printable } from './terminal.ts'

/** @param manifest of the release that ran last, null where it is not at hand @returns what its operator should know; null when the name is known, or could not be */
export function aimWarning(
  { kind, value }: SwitchScope,
  { number, principals }: Pick<AuthoritySnapshot, 'number' | 'principals'>,
  manifest: Pick<Manifest, 'name' | 'commands' | 'queries' | 'effects'> | null,
): string | null {
  const name = `\`${printable(value)}\``
  if (kind === 'principal' && !principals.some(({ id }) => id === value))
    return `careful: nobody is called ${name} in snapshot ${number}; this reaches only what is done on behalf of somebody of that name`
  if (kind === 'tenant' && !principals.some(({ tenant }) => tenant === value))
    return `careful: no principal in snapshot ${number} is of tenant ${name}`
  if (manifest === null) return null
  if (kind === 'application' && manifest.name !== value)
    return `careful: the application that ran here last is \`${manifest.name}\`, not ${name}`
  const known = [...Object.keys(manifest.commands), ...Object.keys(manifest.queries)]
  if (kind === 'command' && !value.startsWith('plinth.') && !known.includes(value))
    return `careful: \`${manifest.name}\` has no command or query ${name}`
  if (kind === 'effect' && !value.startsWith('plinth.') && !Object.hasOwn(manifest.effects, value))
    return `careful: \`${manifest.name}\` has no effect ${name}`
  return null
}
