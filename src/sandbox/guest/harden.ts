/**
 * Turns a fresh context into the realm that application code sees: no clock, no entropy, no code generation, no threads, no view of the
 * garbage collector, no locale; every intrinsic and the global object frozen. Runs before any application code, once for each context.
 *
 * G1 after `harden`, no object that application code can reach is shared between executions and can be changed.
 * G2 time and randomness come from the execution that runs now, and throw where the result must depend on the arguments alone.
 */

/** What Date and Math.random draw on; null while a pure function runs. */
export interface Ambient {
  readonly nowMs: number
  random(): number
}

let ambient: Ambient | null = null

/** Makes this the source of time and randomness, and returns the one before. */
export function enter(next: Ambient | null): Ambient | null {
  const before = ambient
  ambient = next
  return before
}

const REMOVED_GLOBALS = [
  'console', 'Intl', 'WebAssembly', 'SharedArrayBuffer', 'Atomics', 'WeakRef', 'FinalizationRegistry', 'ShadowRealm', 'eval', 'escape',
  'unescape', 'gc', 'Temporal',
] // prettier-ignore
const LOCALE_METHODS = [
  'toLocaleString',
  'toLocaleDateString',
  'toLocaleTimeString',
  'toLocaleLowerCase',
  'toLocaleUpperCase',
  'localeCompare',
]
/** Members that honest code assigns on its own objects: on a frozen prototype they must be accessors, or the assignment would throw. */
const OVERRIDABLE = [
  'constructor',
  'toString',
  'valueOf',
  'name',
  'message',
  'hasOwnProperty',
  'toJSON',
  'stack',
  'cause',
  'code',
]

type Bag = Record<PropertyKey, unknown>
interface IteratorHelpers {
  from(iterator: { next(): { done: boolean; value: number } }): object
}
type Constructor = { readonly prototype: object }

export function harden(): void {
  const functions = [() => 0, async () => 0, function* () {}, async function* () {}]
  const typedArray = Object.getPrototypeOf(Uint8Array) as Constructor
  for (const name of REMOVED_GLOBALS) Reflect.deleteProperty(globalThis, name)
  for (const owner of [Number, BigInt, String, Array, Date, typedArray])
    for (const name of LOCALE_METHODS) Reflect.deleteProperty(owner.prototype, name)
  removeCodeGeneration(functions)
  removeRegExpMemory()
  replaceClock()
  replaceRandom()
  freezeAll([globalThis, ...hiddenIntrinsics(functions)])
}

function removeCodeGeneration(functions: readonly object[]): void {
  const blocked = function Function() {
    throw new TypeError('code cannot be made from text here')
  }
  Object.defineProperty(blocked, 'prototype', { value: Function.prototype })
  for (const example of functions) {
    const prototype = Object.getPrototypeOf(example) as object
    Object.defineProperty(prototype, 'constructor', { value: blocked, writable: true, configurable: true })
  }
  Object.defineProperty(globalThis, 'Function', { value: blocked, writable: true, configurable: true })
}

/** `RegExp.$1` and its kind remember the last match of anybody; `compile` changes a pattern in place. */
function removeRegExpMemory(): void {
  const kept = new Set<PropertyKey>(['prototype', 'length', 'name', 'escape', Symbol.species])
  for (const name of Reflect.ownKeys(RegExp)) if (!kept.has(name)) Reflect.deleteProperty(RegExp, name)
  Reflect.deleteProperty(RegExp.prototype, 'compile')
}

function replaceClock(): void {
  const RealDate = Date
  const now = (): number => {
    if (ambient === null) throw new TypeError('there is no clock here: take the time from the data')
    return ambient.nowMs
  }
  const PlinthDate = function Date(...parts: []): unknown {
    if (!new.target) return new RealDate(now()).toUTCString()
    return Reflect.construct(RealDate, parts.length === 0 ? [now()] : parts, new.target)
  }
  Object.defineProperties(PlinthDate, {
    prototype: { value: RealDate.prototype },
    length: { value: 7 },
    now: { value: now },
    parse: { value: RealDate.parse },
    UTC: { value: RealDate.UTC },
  })
  Object.defineProperty(RealDate.prototype, 'constructor', { value: PlinthDate, writable: true, configurable: true })
  Object.defineProperty(globalThis, 'Date', { value: PlinthDate, writable: true, configurable: true })
}

function replaceRandom(): void {
  const random = (): number => {
    if (ambient === null) throw new TypeError('there is no randomness here: take it from the data')
    return ambient.random()
  }
  Object.defineProperty(Math, 'random', { value: random, writable: true, configurable: true })
}

/** Objects that no global leads to, found through an example of each. */
function hiddenIntrinsics(functions: readonly object[]): readonly unknown[] {
  const iterators = [
    [][Symbol.iterator](),
    ''[Symbol.iterator](),
    new Map()[Symbol.iterator](),
    new Set()[Symbol.iterator](),
    'a'.matchAll(/a/g),
    (globalThis as unknown as { Iterator: IteratorHelpers }).Iterator.from({ next: () => ({ done: true, value: 0 }) }),
    ([].values() as unknown as { map(each: () => number): object }).map(() => 0),
  ]
  // Every error carries the same two functions, as getter and setter of its stack.
  const errors: object[] = [new Error('example'), {}]
  Error.captureStackTrace(errors[1] as object)
  return [...errors, ...[...functions, ...iterators].map((example) => Object.getPrototypeOf(example) as unknown)]
}

function freezeAll(roots: readonly unknown[]): void {
  const seen = new Set<unknown>()
  const waiting = [...roots]
  while (waiting.length > 0) {
    const value = waiting.pop()
    if ((typeof value !== 'object' && typeof value !== 'function') || value === null || seen.has(value)) continue
    seen.add(value)
    waiting.push(Object.getPrototypeOf(value))
    for (const key of Reflect.ownKeys(value)) {
      const property = Object.getOwnPropertyDescriptor(value, key)
      if (property === undefined) continue
      waiting.push(property.value, property.get, property.set)
    }
  }
  for (const value of seen) if (isPrototype(value)) for (const key of OVERRIDABLE) allowOverride(value as Bag, key)
  // The getters and setters just made are not in `seen`; they are frozen where they are made.
  for (const value of seen) Object.freeze(value)
}

const isPrototype = (value: unknown): boolean => {
  if (value === Function.prototype) return true
  const maker = typeof value === 'object' ? (value as Bag)['constructor'] : undefined
  return typeof maker === 'function' && (maker as unknown as Bag)['prototype'] === value
}

/**
 * Replaces a data member by an accessor whose setter defines the member on the object that is assigned to, as if nothing were frozen.
 * Accessors of a literal have no `prototype` object that could be written to.
 */
function allowOverride(owner: Bag, key: string): void {
  const property = Object.getOwnPropertyDescriptor(owner, key)
  if (property === undefined || !('value' in property) || property.configurable !== true) return
  const value: unknown = property.value
  const accessors = {
    get [key](): unknown {
      return value
    },
    set [key](next: unknown) {
      if (this === owner) throw new TypeError(`cannot change \`${key}\` of an intrinsic`)
      Object.defineProperty(this, key, { value: next, writable: true, enumerable: true, configurable: true })
    },
  }
  const { get, set } = Object.getOwnPropertyDescriptor(accessors, key) as Required<TypedPropertyDescriptor<unknown>>
  Object.defineProperty(owner, key, {
    get: Object.freeze(get),
    set: Object.freeze(set),
    enumerable: property.enumerable === true,
    configurable: false,
  })
}
