/**
 * Programs that try to run away, to exhaust memory, to flood, to get out, or to learn something they must not. Each is the body of a
 * command and says in which class it must end. `contained` programs return a text that begins with ESCAPED if they got out.
 */
export type Expected =
  /** Stopped by a limit of time or memory. */
  | 'stopped'
  /** Stopped, or over quickly with an error of the code: engines differ, the bounds do not. */
  | 'stopped-or-failed'
  /** Any answer, as long as it comes within the bounds. */
  | 'bounded'
  /** Refused as an answer. */
  | 'failed'
  | 'output-size'
  | 'contained'

export interface HostileProgram {
  readonly name: string
  readonly expected: Expected
  readonly body: string
}

const WASM_LOOP = '[0,97,115,109,1,0,0,0,1,4,1,96,0,0,3,2,1,0,7,5,1,1,102,0,0,10,9,1,7,0,3,64,12,0,11,11]'

const program = (name: string, expected: Expected, body: string): HostileProgram => ({ name, expected, body })

export const HOSTILE_PROGRAMS: readonly HostileProgram[] = [
  // time
  program('endless loop', 'stopped', 'for (;;) {}'),
  program('endless throwing and catching', 'stopped', 'for (;;) { try { throw 1 } catch {} }'),
  program(
    'loop that re-enters from finally',
    'stopped',
    '(function f() { for (;;) { try { for (;;) {} } catch {} finally { f() } } })()',
  ),
  program('recursion doubled by finally', 'stopped', '(function f() { try { f() } finally { f() } })()'),
  program('regular expression that backtracks', 'stopped', 'return /^(a+)+$/.test("a".repeat(45) + "b")'),
  program('lookbehind that backtracks', 'bounded', 'return /(?<=^(\\w+\\s?)*)$!/.test("aaaa ".repeat(60))'),
  program('power of big integers', 'stopped-or-failed', 'return String(7n ** (7n ** 8n)).length'),
  program(
    'squaring of big integers',
    'stopped-or-failed',
    'let x = 3n; for (let i = 0; i < 40; i++) x = x * x; return String(x).length',
  ),
  program('indexOf over 2^53 places', 'stopped', 'return Array.prototype.indexOf.call({ length: 2 ** 53 - 1 }, 1)'),
  program('join of a sparse array', 'bounded', 'return Array(2 ** 32 - 1).join("").length'),
  program(
    'reverse through a proxy',
    'stopped-or-failed',
    'const a = [1]; a.length = 2 ** 32 - 1; Array.prototype.reverse.call(new Proxy(a, {})); return 1',
  ),
  program('sort with an endless comparison', 'stopped', '[1, 2, 3].sort(() => { for (;;) {} })'),
  program(
    'sort of a large typed array',
    'stopped-or-failed',
    'return new Float64Array(3e7).map((_, i) => -i).sort()[0]',
  ),
  program(
    'replace and split of large texts',
    'stopped-or-failed',
    'return "ab".repeat(2 ** 24).replace(/a/g, "bbb").split("b").length',
  ),
  program('endless chain of microtasks', 'stopped', 'const f = () => Promise.resolve().then(f); f(); return "started"'),
  program(
    'endless async generator',
    'stopped',
    '(async () => { for await (const x of (async function* () { for (;;) yield 1 })()) {} })(); return "started"',
  ),
  program('waiting on shared memory', 'failed', 'Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0)'),
  program(
    'endless WebAssembly',
    'failed',
    `return new WebAssembly.Instance(new WebAssembly.Module(new Uint8Array(${WASM_LOOP}))).exports.f()`,
  ),
  program('result whose text is endless', 'stopped', 'return { toJSON() { for (;;) {} } }'),
  program(
    'thrown object that is endless to read',
    'stopped',
    'throw { get message() { for (;;) {} }, get name() { for (;;) {} }, toString() { for (;;) {} } }',
  ),
  program(
    'unhandled rejection that is endless to read',
    'stopped',
    'Promise.reject({ get message() { for (;;) {} }, get stack() { for (;;) {} } }); Promise.reject(new (class extends Error { get message() { for (;;) {} } })()); for (;;) {}',
  ),
  program('deeply nested JSON', 'stopped-or-failed', 'return JSON.parse("[".repeat(5e6))'),
  program(
    'JSON of a tree that is shared 2^24 times',
    'stopped-or-failed',
    'let o = {}; for (let i = 0; i < 24; i++) o = { a: o, b: o }; return JSON.stringify(o).length',
  ),
  program('normalising a large text', 'stopped-or-failed', 'return "\\u0390".repeat(2e7).normalize("NFD").length'),
  program('thenable that never ends', 'stopped', 'return { then() { for (;;) {} } }'),
  program('proxy as a result', 'stopped', 'return new Proxy({}, { ownKeys() { for (;;) {} } })'),
  // memory
  program('arrays without end', 'stopped', 'const a = []; for (;;) a.push(new Array(1e5).fill({ x: 1 }))'),
  program(
    'arrays without end, in a catch',
    'stopped',
    'const a = []; for (;;) { try { for (;;) a.push(new Array(1e5).fill({ x: 1 })) } catch {} }',
  ),
  program(
    'texts without end',
    'stopped',
    'const a = []; for (let i = 0; ; i++) { const s = "x".repeat(1e6) + i; s.charCodeAt(5); JSON.parse("\\"" + s + "\\""); a.push(s) }',
  ),
  program('buffers without end', 'stopped-or-failed', 'const a = []; for (;;) a.push(new Uint8Array(1e7).fill(1))'),
  program(
    'shared buffers without end',
    'failed',
    'const a = []; for (;;) a.push(new Uint8Array(new SharedArrayBuffer(1e7)).fill(1))',
  ),
  program('one large array', 'stopped-or-failed', 'return new Array(2 ** 27).fill(0).length'),
  program('one large buffer', 'stopped-or-failed', 'return new Uint8Array(2 ** 32 - 1).fill(1).length'),
  program('symbols in the registry', 'stopped', 'for (let i = 0; ; i++) Symbol.for("k".repeat(200) + i)'),
  program(
    'promises that stay pending',
    'stopped',
    'const a = []; for (;;) a.push(new Promise(() => {}).then(() => a))',
  ),
  program(
    'WebAssembly memories',
    'failed',
    'const a = []; for (;;) { const m = new WebAssembly.Memory({ initial: 1024 }); new Uint8Array(m.buffer).fill(1); a.push(m) }',
  ),
  program('deep recursion', 'failed', 'return (function f(n) { return f(n + 1) + 1 })(0)'),
  program(
    'deeply nested regular expression', // a quick machine gets through it within the limit
    'bounded',
    'return new RegExp("(?:".repeat(1e5) + "a" + ")".repeat(1e5)).test("a")',
  ),
  program('large quantifiers', 'bounded', 'return new RegExp("(?:(?:(?:a{1,1000}){1,1000}){1,1000})").test("a")'),
  program(
    'functions without end',
    'failed',
    'const a = []; for (let i = 0; ; i++) a.push(new Function("return " + i + "+\\"" + "y".repeat(1e4) + "\\""))',
  ),
  program('maps without end', 'stopped', 'const m = new Map(); for (let i = 0; ; i++) m.set({ i }, [i])'),
  // output
  program('large result', 'output-size', 'return "x".repeat(2e6)'),
  program('very large result', 'stopped-or-failed', 'return "x".repeat(2e8)'),
  program('large error', 'bounded', 'throw new Error("x".repeat(2e8))'),
  program('lone surrogates', 'failed', 'return "\\ud800".repeat(1000)'),
  program('lone surrogate as a name', 'failed', 'return { ["\\udc00"]: 1 }'),
  program('deep result', 'failed', 'let a = []; for (let i = 0; i < 70; i++) a = [a]; return a'),
  program('result that names __proto__', 'failed', 'return JSON.parse("{\\"__proto__\\":{\\"polluted\\":1}}")'),
  program('cyclic result', 'failed', 'const a = {}; a.a = a; return a'),
  program('big integer as a result', 'failed', 'return 1n'),
  // ways out
  program(
    'constructors of everything',
    'contained',
    `for (const o of [globalThis, Object, JSON, () => {}, tx, tx.get, tx.principal, input]) {
    try { const p = o.constructor.constructor('return typeof process !== "undefined" && process.pid')(); if (p) return 'ESCAPED ' + p } catch {} }
    return 'contained'`,
  ),
  program(
    'constructors of functions',
    'contained',
    `for (const f of [() => {}, async () => {}, function* () {}, async function* () {}]) {
    try { f.constructor('return 1')(); return 'ESCAPED by ' + f.constructor } catch {}
    try { Object.getPrototypeOf(f).constructor('return 1')(); return 'ESCAPED' } catch {} }
    return typeof eval === 'undefined' ? 'contained' : 'ESCAPED eval'`,
  ),
  program(
    'call sites of a stack trace',
    'contained',
    `let got = 'contained';
    try { Error.prepareStackTrace = (e, sites) => { for (const c of sites ?? []) for (const x of [c.getThis?.(), c.getFunction?.()]) if (x) got = 'ESCAPED ' + typeof x; return '' } } catch {}
    try { null.x } catch (e) { e.stack } return got`,
  ),
  program(
    'error of the engine',
    'contained',
    `let out = 'contained';
    (function r() { try { r() } catch (e) { try { if (e.constructor.constructor('return typeof process !== "undefined"')()) out = 'ESCAPED' } catch {} } })(); return out`,
  ),
  program(
    'dynamic import',
    'contained',
    `try { const fs = await import('node:fs'); return 'ESCAPED ' + typeof fs.readFileSync } catch (e) { return 'contained ' + e.name }`,
  ),
  program(
    'what is lying around',
    'contained',
    `const there = ['process', 'require', 'module', 'Buffer', 'fetch', 'setTimeout', 'queueMicrotask', 'Deno', 'Bun', 'WebSocket', 'Worker', 'std', 'os', 'console',
    'gc', 'performance', 'crypto', 'structuredClone', 'WebAssembly', 'SharedArrayBuffer', 'Atomics', 'WeakRef', 'FinalizationRegistry', 'Intl', 'ivm', 'envelope', 'harden'].filter((name) => name in globalThis);
    return there.length ? 'ESCAPED ' + there : 'contained'`,
  ),
  program(
    'pollution of prototypes',
    'contained',
    `let worked = [];
    for (const [name, f] of Object.entries({ object: () => { Object.prototype.polluted = 1 }, array: () => { Array.prototype.polluted = 1 }, then: () => { Object.prototype.then = (r) => r('hijack') },
      json: () => { JSON.parse = () => 7 }, method: () => { String.prototype.slice = () => 'x' }, global: () => { globalThis.hidden = 1 }, proto: () => { ({}).__proto__.polluted = 1 },
      define: () => { Object.defineProperty(Promise.prototype, 'then', { value: () => 0 }) }, set: () => { Object.setPrototypeOf(Object.prototype, {}) } }))
      try { f(); worked.push(name) } catch {}
    return worked.length || ({}).polluted !== undefined ? 'ESCAPED ' + worked : 'contained'`,
  ),
  program(
    'callers and arguments',
    'contained',
    `function f() { return f.caller } try { return f() ? 'ESCAPED' : 'contained' } catch (e) { return 'contained' }`,
  ),
  program(
    'memory of regular expressions',
    'contained',
    `/(secret)/.exec('secret'); return RegExp.$1 === undefined && RegExp.input === undefined ? 'contained' : 'ESCAPED'`,
  ),
  program(
    'mending the clock',
    'contained',
    `for (const change of [() => { Date.now = () => 1 }, () => { Math.random = () => 0 }, () => { Date = 1 }]) try { change(); return 'ESCAPED' } catch {} return 'contained'`,
  ),
  program(
    'locale and time zone',
    'contained',
    `return ['toLocaleString', 'toLocaleDateString', 'localeCompare', 'toLocaleUpperCase'].some((name) => name in Date.prototype && name !== 'toLocaleString' || name in String.prototype && name !== 'toLocaleString')
    || new Date(0).getTimezoneOffset() !== 0 ? 'ESCAPED' : 'contained'`,
  ),
  program(
    'calling the transaction later',
    'contained',
    `const get = tx.get; Promise.resolve().then(() => get({ name: 'x' }, 'y')).catch(() => {}); return 'contained'`,
  ),
  program('foreign objects as entities', 'failed', `await tx.get({ name: '__proto__' }, 'x')`),
]
