/**
 * Which schemas can be stated in full as JSON Schema. What zod would quietly leave out (a refinement, a transformation, a default) is
 * refused instead: the engine would otherwise check less than the author wrote. Runs in the sandbox, beside the author's code.
 */
import type { z } from 'zod'

type Definition = Readonly<Record<string, unknown>> & { readonly type?: string; readonly check?: string }
type Schema = { readonly _zod: { readonly def: Definition } }

const SCALARS = new Set([
  'string',
  'number',
  'boolean',
  'null',
  'enum',
  'literal',
  'any',
  'unknown',
  'never',
  'template_literal',
])
const CHECKS = new Set([
  'number_format',
  'string_format',
  'greater_than',
  'less_than',
  'multiple_of',
  'min_length',
  'max_length',
  'length_equals',
])
const ADVICE: Readonly<Record<string, string>> = {
  default: 'defaults are not filled in: make it optional and write `input.x ?? …`',
  prefault: 'defaults are not filled in: make it optional and write `input.x ?? …`',
  catch: 'values are not repaired: refuse them',
  pipe: 'values are not transformed: do it in `decide` or `read`',
  transform: 'values are not transformed: do it in `decide` or `read`',
  custom: 'a refinement has no JSON Schema: check it in `decide` and refuse with a code',
  overwrite:
    'values are not transformed (`trim`, `toLowerCase`…): do it in `decide`, or ask for the form with a pattern',
  date: 'JSON has no dates: use `z.iso.date()`, `z.iso.datetime()`, or milliseconds',
  bigint: 'JSON has no big integers: use `z.int()` or a string',
  undefined: 'JSON has no undefined: make it optional',
  void: 'JSON has no undefined: leave the schema out',
}

/** @throws Error saying what cannot be stated and what to write instead */
export function refuseUnstatable(schema: z.ZodType, seen = new Set<unknown>()): void {
  visit(schema as unknown as Schema, seen)
}

function visit(schema: Schema, seen: Set<unknown>): void {
  if (seen.has(schema)) return
  seen.add(schema)
  const { def } = schema._zod
  if (def['coerce'] === true) throw new Error('values are not coerced: ask for the type that is sent')
  if (def.check !== undefined) refuseCheck(def)
  for (const check of (def['checks'] ?? []) as readonly Schema[]) refuseCheck(check._zod.def)
  for (const child of children(def)) visit(child, seen)
}

function refuseCheck(def: Definition): void {
  const name = def.check ?? ''
  if (!CHECKS.has(name)) throw new Error(ADVICE[name] ?? `the check \`${name}\` has no JSON Schema`)
  const flags = def['pattern'] instanceof RegExp ? def['pattern'].flags : ''
  if (/[^duv]/.test(flags)) throw new Error(`a pattern in JSON Schema has no flags, and this one has \`${flags}\``)
}

function children(def: Definition): readonly Schema[] {
  const one = (name: string) => [def[name] as Schema]
  switch (def.type) {
    case 'object':
      return [...Object.values(def['shape'] as Record<string, Schema>), ...(def['catchall'] ? one('catchall') : [])]
    case 'array':
      return one('element')
    case 'tuple':
      return [...(def['items'] as Schema[]), ...(def['rest'] ? one('rest') : [])]
    case 'record':
      return [...one('keyType'), ...one('valueType')]
    case 'union':
      return def['options'] as Schema[]
    case 'intersection':
      return [...one('left'), ...one('right')]
    case 'optional':
    case 'nonoptional':
    case 'nullable':
    case 'readonly':
      return one('innerType')
    case 'lazy':
      return [(def['getter'] as () => Schema)()]
    default:
      if (SCALARS.has(def.type ?? '')) return []
      throw new Error(ADVICE[def.type ?? ''] ?? `\`z.${def.type}()\` has no JSON Schema`)
  }
}
