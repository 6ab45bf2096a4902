/**
 * Which inputs of a request a policy set can see at all, read from the policies' structure. Whatever is not understood counts as seeing everything.
 */
import type { Json, JsonObject } from '../model/json.ts'
import { canonicalJson } from '../model/json.ts'
import type { CedarExpression, CedarPolicy } from './cedar.ts'

/** What the policies that could apply to one action read, beside action and principal, which always count. */
export interface Visible {
  /** Member paths of the context, none below another; the empty path is all of it. */
  readonly paths: readonly (readonly string[])[]
  /** Whether any policy tells resources of one type apart. */
  readonly resourceId: boolean
}

/** @param names the action's own name and those of the groups it is in */
export function visibleTo(policies: readonly CedarPolicy[], names: readonly string[]): Visible {
  const paths = new Map<string, readonly string[]>()
  const see = (path: readonly string[]): void => void paths.set(canonicalJson(path), path)
  const found = { see, has: see, compare: () => false, resourceId: false }
  lookThrough(policies, names, found)
  return { paths: outermost([...paths.values()]), resourceId: found.resourceId }
}

/** Told of whatever the policies that could apply to an action look at. */
export interface Found {
  /** The value at this path of the context is looked at. */
  see(path: readonly string[]): void
  /** Only whether it is there. */
  has(path: readonly string[]): void
  /** A comparison; true when that is all that needs to be known of its operands, which are then not looked at. */
  compare(operator: string, left: CedarExpression, right: CedarExpression): boolean
  resourceId: boolean
}

export function lookThrough(policies: readonly CedarPolicy[], names: readonly string[], found: Found): void {
  for (const policy of policies) {
    if (!mayApply(policy.action, names)) continue
    const { op } = policy.resource
    if (op === '==' || op === 'in' || (op === 'is' && 'in' in policy.resource)) found.resourceId = true
    for (const { body } of policy.conditions) look(body, found)
  }
}

export function readsApprovals(policy: CedarPolicy): boolean {
  const { paths } = visibleTo([{ ...policy, action: { op: 'All' } }], [])
  return paths.some(([first]) => first === undefined || first === 'approvals')
}

/** `[value]`, or how many members along the path are there. */
export function valueAt(context: JsonObject, path: readonly string[]): Json {
  let value: Json = context
  for (const [depth, name] of path.entries()) {
    if (typeof value !== 'object' || value === null || Array.isArray(value)) return depth
    const members = value as JsonObject
    if (!Object.hasOwn(members, name)) return depth
    value = members[name] ?? null
  }
  return [value]
}

/** Whether a policy with this action constraint could apply to an action of these names. What is not understood could. */
export function mayApply(constraint: CedarPolicy['action'], names: readonly string[]): boolean {
  if (constraint.op === 'All') return true
  const isNamed = (entity: { readonly id: string } | { readonly __entity: { readonly id: string } }): boolean =>
    names.includes('__entity' in entity ? entity.__entity.id : entity.id)
  if ('entities' in constraint) return constraint.entities.some(isNamed)
  return 'entity' in constraint ? isNamed(constraint.entity) : true
}

/** An expression is an object with one member, its operator. */
function look(expression: CedarExpression, found: Found): void {
  const path = contextPath(expression)
  if (path !== null) return 'has' in expression ? found.has(path) : found.see(path)
  const [entry] = Object.entries(expression)
  const [operator, operand] = entry ?? []
  if (operator !== undefined && isPair(operand) && found.compare(operator, operand.left, operand.right)) return
  switch (operator) {
    case 'Value':
      return
    case 'Var':
      if (operand === 'resource') found.resourceId = true
      return
    case 'Record':
      for (const value of Object.values(operand as Record<string, CedarExpression>)) look(value, found)
      return
    case 'is': {
      const { left, in: group } = operand as { left: CedarExpression; in?: CedarExpression }
      if (group !== undefined) look(group, found)
      // The type of a resource always counts; only more than its type needs its id.
      if (group !== undefined || !('Var' in left && left.Var === 'resource')) look(left, found)
      return
    }
    default:
      if (Array.isArray(operand)) for (const one of operand as readonly CedarExpression[]) look(one, found)
      else if (typeof operand === 'object' && operand !== null) lookAtOperands(operand, found)
      else seesAll(found)
  }
}

const OPERANDS = ['left', 'right', 'arg', 'if', 'then', 'else'] as const
const PLAIN = ['attr', 'pattern', 'entity_type'] as const

function lookAtOperands(operand: object, found: Found): void {
  for (const [name, value] of Object.entries(operand)) {
    if (OPERANDS.some((known) => known === name)) look(value as CedarExpression, found)
    else if (!PLAIN.some((known) => known === name)) seesAll(found)
  }
}

const isPair = (operand: unknown): operand is { readonly left: CedarExpression; readonly right: CedarExpression } =>
  typeof operand === 'object' && operand !== null && 'left' in operand && 'right' in operand

function seesAll(found: Found): void {
  found.see([])
  found.resourceId = true
}

/** `context.a.b` and `context.a has b` → ['a', 'b']; null when it is not a path from the context. */
export function contextPath(expression: CedarExpression): readonly string[] | null {
  if ('Var' in expression) return expression.Var === 'context' ? [] : null
  const step = '.' in expression ? expression['.'] : 'has' in expression ? expression.has : null
  if (step === null || Array.isArray(step)) return null
  const base = contextPath(step.left)
  return base === null ? null : [...base, ...(Array.isArray(step.attr) ? step.attr : [step.attr])]
}

export function outermost(paths: readonly (readonly string[])[]): readonly (readonly string[])[] {
  const isBelow = (path: readonly string[], other: readonly string[]) =>
    path !== other && other.length <= path.length && other.every((name, index) => path[index] === name)
  return paths.filter((path) => !paths.some((other) => isBelow(path, other)))
}
