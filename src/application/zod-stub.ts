/**
 * What `zod` is inside the guest bundle: schemas that say nothing. The engine holds every value against the release's schemas before
 * and after application code runs, so the code itself needs none, and an execution starts in microseconds instead of milliseconds.
 * Declaring works; whatever would need a real schema throws, so that nothing is silently wrong. Plain JavaScript, put in as text.
 */

const STUB = `
const fail = (what) => { throw new Error(what) }
const parses = new Set(['parse', 'safeParse', 'parseAsync', 'safeParseAsync', 'spa', 'encode', 'decode', 'encodeAsync', 'decodeAsync',
  'safeEncode', 'safeDecode', 'safeEncodeAsync', 'safeDecodeAsync', 'isOptional', 'isNullable', 'validate'])
const reads = new Set(['enum', 'options', 'value', 'values', 'def', '_def', '_zod', '~standard', 'description', 'toJSONSchema'])
const parse = () => fail('schemas do not parse inside the sandbox: what comes in and goes out is checked by the engine')
const schema = new Proxy(function () {}, {
  get: (_, name) =>
    typeof name === 'symbol' || name === 'then' ? undefined
    : name === 'shape' ? shape
    : parses.has(name) ? parse
    : reads.has(name) ? fail('\`.' + name + '\` of a schema cannot be read inside the sandbox: keep such values in a constant beside the schema')
    : schema,
  apply: () => schema,
})
const shape = new Proxy({}, { get: (_, name) => (typeof name === 'symbol' ? undefined : schema) })
const stub = new Proxy(function () {}, {
  get: (_, name) => (typeof name === 'symbol' || name === 'then' ? undefined : name === 'z' || name === 'default' ? stub : parses.has(name) ? parse : stub),
  apply: () => schema,
  construct: () => fail('zod classes cannot be made inside the sandbox'),
})
`

/** The stub as a module with the same export names as zod itself, so that every form of import finds them. */
export function zodStub(exportNames: readonly string[]): string {
  const names = new Set([...exportNames, 'z', 'default'])
  return `${STUB}\nexport { ${[...names]
    .sort()
    .map((name) => `stub as ${name}`)
    .join(', ')} }\n`
}
