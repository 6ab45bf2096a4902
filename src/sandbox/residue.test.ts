/** Nothing passes from one execution to another, and the same call gives the same answer anywhere (X2). */
import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import type { ReleaseId } from '../model/ids.ts'
import type { Json } from '../model/json.ts'
import { openSandbox } from './open-sandbox.ts'
import type { Sandbox } from './sandbox.ts'
import { callOf, commandsBundle, NEVER, readsOf } from './testing/bundles.ts'

let sandbox: Sandbox
before(async () => {
  sandbox = await openSandbox({ jail: 'plain', cells: 1 })
})
after(() => sandbox.close())

let releases = 0
async function load(bundle: string): Promise<ReleaseId> {
  const release = `rel_${++releases}` as ReleaseId
  await sandbox.load(release, bundle)
  return release
}
async function resultOf(release: ReleaseId, name: string, input: unknown = {}, reads = readsOf()): Promise<Json> {
  const answer = await sandbox.decide(callOf(name, input, { release }), reads, NEVER)
  assert.ok(answer.kind === 'accepted', JSON.stringify(answer))
  return answer.result
}

/** Each counts how often it was run, in a place of its own; an execution must always be the first. */
const MEMORIES: Readonly<Record<string, string>> = {
  'a module variable': 'return ++count',
  'a cache of the module': 'cache.set("n", (cache.get("n") ?? 0) + 1); return cache.get("n")',
  'a member of a function': 'memo.count = (memo.count ?? 0) + 1; return memo.count',
  'a static member of a class': 'return ++Memory.count',
  'a closure': 'return counter()',
  'a generator': 'return numbers.next().value',
  'a weak map keyed by an intrinsic': 'weak.set(Array, (weak.get(Array) ?? 0) + 1); return weak.get(Array)',
  'a weak map keyed by a template':
    'const t = ((strings) => strings)`x`; weak.set(t, (weak.get(t) ?? 0) + 1); return weak.get(t)',
  'the last index of a pattern': 'pattern.test("aaa"); return pattern.lastIndex',
  'a pattern used before': 'const seen = RegExp.$1 ? 2 : 1; /(a)/.exec("a"); return seen',
  'a symbol of the registry':
    'const s = Symbol.for("memory"); try { s.count = (s.count ?? 0) + 1 } catch {} return s.count ?? 1',
  'a member of the application': 'self.count = (self.count ?? 0) + 1; return self.count',
  'a prototype': 'try { Array.prototype.count = (Array.prototype.count ?? 0) + 1 } catch {} return [].count ?? 1',
  'the global object': 'try { globalThis.count = (globalThis.count ?? 0) + 1 } catch {} return globalThis.count ?? 1',
  'the class of a refusal':
    'const c = tx.refuse("x").constructor; try { c.count = (c.count ?? 0) + 1 } catch {} return c.count ?? 1',
  'the prototype of the transaction':
    'const p = Object.getPrototypeOf(tx); try { p.count = (p.count ?? 0) + 1 } catch {} return p.count ?? 1',
  randomness: 'return first === first ? (Math.random() === Math.random() ? 2 : 1) : 2',
  'stack trace settings':
    'const seen = Error.stackTraceLimit === 3 ? 2 : 1; try { Error.stackTraceLimit = 3 } catch {} return seen',
}
const PRELUDE = `let count = 0, first = 0; const cache = new Map(), weak = new WeakMap(), pattern = /a/g, self = {};
function memo() {}
class Memory { static count = 0 }
const counter = (() => { let n = 0; return () => ++n })();
const numbers = (function* () { for (let n = 1; ; n++) yield n })();`

test('no execution remembers another', async () => {
  const release = await load(commandsBundle(MEMORIES, PRELUDE))
  for (const name of Object.keys(MEMORIES))
    for (const time of ['first', 'second', 'third'])
      assert.equal(await resultOf(release, name), 1, `${name}, ${time} time`)
})

test('bundles of another form keep nothing either: they are evaluated anew', async () => {
  const count = 'decide: () => ++n'
  const application = (command: string): string =>
    `({ kind: 'application', entities: {}, commands: { count: { kind: 'command', name: 'count', facts: null, refusals: {}, ${command} } }, readModels: {}, invariants: {} })`
  const bundles = {
    'a closure around the function': `(() => { let n = 0; return () => ${application(count)} })()`,
    'a function that keeps members': `(function f() { f.n = (f.n ?? 0) + 1; return ${application('decide: () => f.n')} })`,
    'two expressions': `0, (() => { let n = 0; return ${application(count)} })`,
  }
  for (const [name, bundle] of Object.entries(bundles)) {
    const release = await load(bundle)
    for (let time = 1; time <= 3; time++) assert.equal(await resultOf(release, 'count'), 1, name)
  }
})

/** Visits every object that can be reached and marks each that takes a mark; reports marks that others have left. */
const WALK = `
const seen = new Set(); const found = []; let marked = 0;
const waiting = [[globalThis, 'globalThis'], [tx, 'tx'], [input, 'input'], [tx.refuse('x'), 'refusal'], [async () => 0, 'async'], [function* () {}, 'generator'],
  [async function* () {}, 'async generator'], [[].values(), 'array iterator'], [new Map().keys(), 'map iterator'], ['x'.matchAll(/x/g), 'match iterator'], [Symbol.iterator, 'symbol'],
  [Promise.resolve(), 'promise'], [new Proxy({}, {}), 'proxy'], [(async function* () {})(), 'async generator object']];
try { tx.append({ name: 'x' }, '', 'x', {}) } catch (e) { waiting.push([e, 'error']) }
try { Date.now.call() ; null.x } catch (e) { waiting.push([e, 'engine error']) }
const reading = tx.lookup(self.entities.thing, 'a'); waiting.push([reading, 'reading']);
if (input.wait) waiting.push([await reading, 'state']);
while (waiting.length) {
  const [value, path] = waiting.pop();
  if ((typeof value !== 'object' && typeof value !== 'function') || value === null || seen.has(value)) continue;
  seen.add(value);
  if (Object.hasOwn(value, 'mark') && value.mark !== input.mark) found.push(path);
  try { Object.defineProperty(value, 'mark', { value: input.mark, configurable: true }); marked++ } catch {}
  waiting.push([Object.getPrototypeOf(value), path + '.[[Prototype]]']);
  for (const key of Reflect.ownKeys(value)) {
    const p = Object.getOwnPropertyDescriptor(value, key);
    waiting.push([p.value, path + '.' + String(key)], [p.get, path + '.get ' + String(key)], [p.set, path + '.set ' + String(key)]);
  }
}
if (input.wait) await tx.lookup(self.entities.thing, 'b');
return { found, visited: seen.size, marked }`

test('no object that can be changed is reachable from two executions, one after the other or at once', async () => {
  const prelude = `const thing = { kind: 'entity', name: 'thing', opens: [], evolve: {} }; const self = { entities: { thing } };`
  const bundle = commandsBundle({ walk: WALK }, prelude).replace('entities: {},', 'entities: { thing },')
  const release = await load(bundle)
  const reads = readsOf({ 'thing/a': { a: [1] } })
  const walk = (mark: number, wait: boolean) => resultOf(release, 'walk', { mark, wait }, reads)
  const results = [
    await walk(1, false),
    await walk(2, false),
    ...(await Promise.all([3, 4, 5].map((mark) => walk(mark, true)))),
  ]
  for (const result of results) {
    const { found, visited, marked } = result as unknown as { found: string[]; visited: number; marked: number }
    assert.deepEqual(found, [])
    assert.ok(visited > 500 && marked > 10, `${visited} visited, ${marked} marked`)
  }
})

test('honest code is not hurt by the frozen intrinsics', async () => {
  const release = await load(
    commandsBundle({
      errors:
        'class Own extends Error { constructor(m) { super(m); this.name = "Own"; this.message = m + "!"; this.code = 7 } } try { throw new Own("x") } catch (e) { return [e.name, e.message, e.code, e instanceof Own, String(e)] }',
      classes:
        'function Old() {} Old.prototype.toString = () => "old"; Old.prototype.constructor = Old; class New { toString() { return "new" } valueOf() { return 3 } } return [String(new Old()), String(new New()), +new New()]',
      objects:
        'const o = {}; o.toString = () => "own"; o.hasOwnProperty = 1; o.constructor = 2; return [String(o), Object.keys(o)]',
      functions: 'const f = () => 1; f.toString = () => "f"; return [String(f), f.name]',
      collections:
        'return [[3, 1, 2].toSorted(), [...new Map([[1, 2]])], Object.groupBy([1, 2, 3], (n) => n % 2 ? "odd" : "even"), [..."aé"], "b a".split(" ").reverse(), Iterator.from([1, 2]).map((n) => n * 2).toArray()]',
      dates:
        'const d = new Date(2024, 0, 31); return [d.toISOString(), new Date("2024-05-01T00:00:00Z").getTime(), d instanceof Date, typeof Date(), new Date(tx.nowMs).getUTCFullYear()]',
      async:
        'const all = await Promise.allSettled([1, Promise.reject(new Error("no"))]); return all.map(({ status }) => status)',
      bigints: 'return String(2n ** 64n)',
    }),
  )
  assert.deepEqual(await resultOf(release, 'errors'), ['Own', 'x!', 7, true, 'Own: x!'])
  assert.deepEqual(await resultOf(release, 'classes'), ['old', 'new', 3])
  assert.deepEqual(await resultOf(release, 'objects'), ['own', ['toString', 'hasOwnProperty', 'constructor']])
  assert.deepEqual(await resultOf(release, 'functions'), ['f', 'f'])
  assert.deepEqual(await resultOf(release, 'collections'), [
    [1, 2, 3],
    [[1, 2]],
    { odd: [1, 3], even: [2] },
    ['a', 'é'],
    ['a', 'b'],
    [2, 4],
  ])
  assert.deepEqual(await resultOf(release, 'dates'), ['2024-01-31T00:00:00.000Z', 1714521600000, true, 'string', 2023])
  assert.deepEqual(await resultOf(release, 'async'), ['fulfilled', 'rejected'])
  assert.equal(await resultOf(release, 'bigints'), '18446744073709551616')
})

test('the same calls in another order, in another process, give the same answers', async () => {
  const bundle = commandsBundle(
    {
      mixed:
        'const seen = [Math.random(), tx.newId("x"), Date.now(), input.n]; last = seen; return [seen, JSON.stringify({ b: 1, a: [1.5, 1e21, -0] }), Object.keys({ 2: 0, 1: 0, b: 0, a: 0 })]',
    },
    'let last;',
  )
  const other = await openSandbox({ jail: 'plain', cells: 2, jit: true })
  try {
    const release = await load(bundle)
    await other.load(release, bundle)
    const calls = Array.from({ length: 20 }, (_, n) => callOf('mixed', { n }, { release, seed: `op_${n % 5}` }))
    const answers = async (where: Sandbox, list: typeof calls): Promise<Map<string, unknown>> => {
      const pairs = list.map(async (call) => {
        const { usage: _, ...answer } = await where.decide(call, readsOf(), NEVER)
        return [call.input, answer] as const
      })
      return new Map(await Promise.all(pairs))
    }
    const here = await answers(sandbox, calls)
    const there = await answers(other, calls.toReversed())
    for (const [input, answer] of here) assert.deepEqual(there.get(input), answer)
  } finally {
    await other.close()
  }
})
