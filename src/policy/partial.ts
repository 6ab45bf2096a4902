/**
 * Policies evaluated as far as a principal and an action alone decide them. What a call brings along (its resource, its context, for whom it is) is
 * unknown; an expression is true or false only where it is so for every call. Sound, not complete: `unknown` is always a safe answer.
 */
import type { CedarExpression, CedarPolicy, EntityUid } from './cedar.ts'

export type Truth = 'true' | 'false' | 'unknown'
export interface Partial {
  readonly applies: Truth
  /** Whether some call may make it fail, which denies that call: arithmetic can overflow, a text may be no decimal. */
  readonly mayFail: boolean
}

/** All that is known of every call of this kind. */
export interface KnownCall {
  readonly principal: EntityUid
  /** Groups that the principal is in: its roles. */
  readonly groups: readonly EntityUid[]
  readonly attrs: Readonly<Record<string, string>>
  /** Attributes that some calls have and others have not, or with other values. */
  readonly openAttrs: readonly string[]
  readonly action: string
  /** Group of the action: `commands`, `queries` or `engine`. */
  readonly actionGroup: string
  /** Types that the resource can have. */
  readonly resourceTypes: readonly string[]
}

type Known = boolean | string | number | EntityUid | readonly Known[]
/** Undefined: it differs from call to call, or is not worked out here. */
type Result = { readonly value: Known | undefined; readonly mayFail: boolean }

export function evaluatePartially(policy: CedarPolicy, call: KnownCall): Partial {
  const parts = [
    principalScope(policy.principal, call),
    actionScope(policy.action, call),
    resourceScope(policy.resource, call),
    ...policy.conditions.map(({ kind, body }) => {
      const { value, mayFail } = evaluate(body, call)
      const truth = truthOf(value)
      return { truth: kind === 'when' ? truth : not(truth), mayFail }
    }),
  ]
  let applies: Truth = 'true'
  let mayFail = false
  for (const part of parts) {
    mayFail ||= part.mayFail
    applies = and(applies, part.truth)
    if (applies === 'false') break // what stands behind is not evaluated when this comes first and is false
  }
  return { applies, mayFail }
}

interface Part {
  readonly truth: Truth
  readonly mayFail: boolean
}
const sure = (truth: boolean): Part => ({ truth: truth ? 'true' : 'false', mayFail: false })
const OPEN: Part = { truth: 'unknown', mayFail: false }
const and = (one: Truth, other: Truth): Truth =>
  one === 'false' || other === 'false' ? 'false' : one === 'true' && other === 'true' ? 'true' : 'unknown'
const not = (truth: Truth): Truth => (truth === 'true' ? 'false' : truth === 'false' ? 'true' : 'unknown')
const truthOf = (value: Known | undefined): Truth => (typeof value === 'boolean' ? `${value}` : 'unknown')

const sameUid = (one: EntityUid, other: EntityUid): boolean => one.type === other.type && one.id === other.id
type Reference = { readonly type: string; readonly id: string } | { readonly __entity: EntityUid }
const uidOf = (entity: Reference): EntityUid => ('__entity' in entity ? entity.__entity : entity)

function principalScope(scope: CedarPolicy['principal'], call: KnownCall): Part {
  switch (scope.op) {
    case 'All':
      return sure(true)
    case '==':
      return 'entity' in scope ? sure(sameUid(call.principal, uidOf(scope.entity))) : OPEN
    case 'in':
      return 'entity' in scope ? sure(isIn(call, call.principal, uidOf(scope.entity))) : OPEN
    case 'is': {
      if (scope.entity_type !== call.principal.type) return sure(false)
      const group = (scope as { readonly in?: { readonly entity?: Reference } }).in
      if (group === undefined) return sure(true)
      return group.entity === undefined ? OPEN : sure(isIn(call, call.principal, uidOf(group.entity)))
    }
    default:
      return OPEN
  }
}

function actionScope(scope: CedarPolicy['action'], call: KnownCall): Part {
  const self: EntityUid = { type: 'Action', id: call.action }
  switch (scope.op) {
    case 'All':
      return sure(true)
    case '==':
      return 'entity' in scope ? sure(sameUid(self, uidOf(scope.entity))) : OPEN
    case 'in': {
      const groups = 'entities' in scope ? scope.entities : 'entity' in scope ? [scope.entity] : null
      return groups === null ? OPEN : sure(groups.some((group) => isIn(call, self, uidOf(group))))
    }
    default:
      return OPEN
  }
}

function resourceScope(scope: CedarPolicy['resource'], { resourceTypes }: KnownCall): Part {
  switch (scope.op) {
    case 'All':
      return sure(true)
    case '==':
    case 'in':
      // Resources are in no groups, so being in an entity is being that entity.
      return 'entity' in scope && !resourceTypes.includes(uidOf(scope.entity).type) ? sure(false) : OPEN
    case 'is':
      if (!resourceTypes.includes(scope.entity_type)) return sure(false)
      return resourceTypes.length === 1 && !('in' in scope && scope.in !== undefined) ? sure(true) : OPEN
    default:
      return OPEN
  }
}

function isIn({ principal, groups, action, actionGroup }: KnownCall, entity: EntityUid, group: EntityUid): boolean {
  if (sameUid(entity, group)) return true
  if (sameUid(entity, principal)) return groups.some((one) => sameUid(one, group))
  return entity.type === 'Action' && entity.id === action && sameUid(group, { type: 'Action', id: actionGroup })
}

const UNKNOWN: Result = { value: undefined, mayFail: false }
const known = (value: Known): Result => ({ value, mayFail: false })

/** An expression is an object with one member, its operator. */
function evaluate(expression: CedarExpression, call: KnownCall): Result {
  const [entry] = Object.entries(expression) as [string, unknown][]
  const [operator, operand] = entry ?? ['', undefined]
  const { left, right, arg, attr } = (operand ?? {}) as {
    readonly left?: CedarExpression
    readonly right?: CedarExpression
    readonly arg?: CedarExpression
    readonly attr?: string
  }
  const both = (): readonly [Result, Result] => [evaluate(left as never, call), evaluate(right as never, call)]
  switch (operator) {
    case 'Value':
      return known(literal(operand))
    case 'Var':
      return operand === 'principal'
        ? known(call.principal)
        : operand === 'action'
          ? known({ type: 'Action', id: call.action })
          : UNKNOWN
    case 'Set': {
      const items = (operand as readonly CedarExpression[]).map((item) => evaluate(item, call))
      const values = items.map(({ value }) => value)
      const mayFail = items.some((item) => item.mayFail)
      return { value: values.includes(undefined) ? undefined : (values as readonly Known[]), mayFail }
    }
    case '!': {
      const inner = evaluate(arg as CedarExpression, call)
      return { ...inner, value: typeof inner.value === 'boolean' ? !inner.value : undefined }
    }
    case '&&':
    case '||': {
      const [one, other] = both()
      const decides = operator === '||'
      // The right side is evaluated only where the left one does not decide.
      if (one.value === decides) return one
      if (one.value === !decides) return { ...other, mayFail: one.mayFail || other.mayFail }
      return { value: other.value === decides ? decides : undefined, mayFail: one.mayFail || other.mayFail }
    }
    case '==':
    case '!=': {
      const [one, other] = both()
      const same =
        equal(one.value, other.value) ?? resourceIs(left, other.value, call) ?? resourceIs(right, one.value, call)
      const value = same === undefined ? undefined : same === (operator === '==')
      return { value, mayFail: one.mayFail || other.mayFail }
    }
    case 'in': {
      const [one, other] = both()
      const groups = Array.isArray(other.value) ? (other.value as readonly Known[]) : [other.value]
      const decided = isUid(one.value) && groups.every(isUid)
      const value = decided ? groups.some((group) => isIn(call, one.value as EntityUid, group)) : undefined
      return { value, mayFail: one.mayFail || other.mayFail }
    }
    case 'contains': {
      const [one, other] = both()
      const answers = Array.isArray(one.value)
        ? (one.value as readonly Known[]).map((item) => equal(item, other.value))
        : null
      const value = answers === null || answers.includes(undefined) ? undefined : answers.includes(true)
      return { value, mayFail: one.mayFail || other.mayFail }
    }
    case 'is': {
      const { entity_type: type, in: group } = operand as {
        readonly entity_type: string
        readonly in?: CedarExpression
      }
      if (isVariable(left, 'resource') && !call.resourceTypes.includes(type)) return known(false)
      const self = evaluate(left as CedarExpression, call)
      if (isUid(self.value) && self.value.type !== type) return known(false)
      if (group !== undefined) return { value: undefined, mayFail: self.mayFail || evaluate(group, call).mayFail }
      if (isVariable(left, 'resource') && call.resourceTypes.length === 1) return known(true)
      return { value: isUid(self.value) ? true : undefined, mayFail: self.mayFail }
    }
    case 'has':
      return isVariable(left, 'principal') && !call.openAttrs.includes(attr ?? '')
        ? known(Object.hasOwn(call.attrs, attr ?? ''))
        : { value: undefined, mayFail: evaluate(left as CedarExpression, call).mayFail }
    case '.':
      return isVariable(left, 'principal') &&
        !call.openAttrs.includes(attr ?? '') &&
        Object.hasOwn(call.attrs, attr ?? '')
        ? known(call.attrs[attr ?? ''] as string)
        : { value: undefined, mayFail: evaluate(left as CedarExpression, call).mayFail }
    case 'if-then-else': {
      const parts = operand as {
        readonly if: CedarExpression
        readonly then: CedarExpression
        readonly else: CedarExpression
      }
      const condition = evaluate(parts.if, call)
      const [yes, no] = [evaluate(parts.then, call), evaluate(parts.else, call)]
      if (typeof condition.value === 'boolean') {
        const taken = condition.value ? yes : no
        return { ...taken, mayFail: condition.mayFail || taken.mayFail }
      }
      const same = equal(yes.value, no.value) === true
      return { value: same ? yes.value : undefined, mayFail: condition.mayFail || yes.mayFail || no.mayFail }
    }
    default:
      return { value: undefined, mayFail: mayOverflow(expression) }
  }
}

/** Operators that have a value for all operands of the right types, which the schema sees to. */
const TOTAL = ['<', '<=', '>', '>=', 'like', 'containsAll', 'containsAny', 'isEmpty', 'Record', 'Unknown']

/** Whether anything below this may have no value though its types are right. What is not known here may. */
function mayOverflow(expression: CedarExpression): boolean {
  const [entry] = Object.entries(expression) as [string, unknown][]
  const [operator, operand] = entry ?? ['', undefined]
  const total = [
    ...TOTAL,
    'Value',
    'Var',
    'Set',
    '!',
    '&&',
    '||',
    '==',
    '!=',
    'in',
    'contains',
    'is',
    'has',
    '.',
    'if-then-else',
  ]
  if (!total.includes(operator)) return true
  return operandsOf(operand).some(mayOverflow)
}
function operandsOf(operand: unknown): readonly CedarExpression[] {
  if (Array.isArray(operand)) return operand as readonly CedarExpression[]
  if (typeof operand !== 'object' || operand === null) return []
  const isExpression = (value: unknown): value is CedarExpression =>
    typeof value === 'object' && value !== null && !Array.isArray(value) && Object.keys(value).length === 1
  return Object.values(operand).filter(isExpression)
}

function literal(value: unknown): Known {
  if (typeof value === 'object' && value !== null && '__entity' in value) return uidOf(value as Reference)
  return value as Known
}
const isUid = (value: unknown): value is EntityUid =>
  typeof value === 'object' && value !== null && !Array.isArray(value) && 'type' in value && 'id' in value
const isVariable = (expression: CedarExpression | undefined, name: string): boolean =>
  expression !== undefined && 'Var' in expression && expression.Var === name

/** Undefined when one of them is not known. */
function equal(one: Known | undefined, other: Known | undefined): boolean | undefined {
  if (one === undefined || other === undefined) return undefined
  if (isUid(one) && isUid(other)) return sameUid(one, other)
  if (Array.isArray(one) || Array.isArray(other)) return undefined
  return one === other
}
/** A resource is never an entity of a type that it cannot have. */
const resourceIs = (
  side: CedarExpression | undefined,
  other: Known | undefined,
  call: KnownCall,
): boolean | undefined =>
  isVariable(side, 'resource') && isUid(other) && !call.resourceTypes.includes(other.type) ? false : undefined
