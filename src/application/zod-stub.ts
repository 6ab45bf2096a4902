/**
 * What `zod` is inside the guest bundle: schemas that say nothing. The engine holds every value against the release's schemas before
 * and after application code runs, so the code itself needs none, and an execution starts in microseconds instead of milliseconds.
 * Declaring works; whatever would need a real schema throws, so that nothing is silently wrong. Plain JavaScript, put in as text.
 */

const [NOTHING, SHAPE, PARSES, READS] = [0, 1, 2, 3]
const PARSING = [
  ...['parse', 'safeParse', 'parseAsync', 'safeParseAsync', 'spa', 'encode', 'decode', 'encodeAsync', 'decodeAsync'],
  ...['safeEncode', 'safeDecode', 'safeEncodeAsync', 'safeDecodeAsync', 'isOptional', 'isNullable', 'validate'],
]
const READING = [
  'enum',
  'options',
  'value',
  'values',
  'def',
  '_def',
  '_zod',
  '~standard',
  'description',
  'toJSONSchema',
]
const TOLD: Readonly<Record<string, number>> = {
  ...{ then: NOTHING, shape: SHAPE },
  ...Object.fromEntries(PARSING.map((name) => [name, PARSES])),
  ...Object.fromEntries(READING.map((name) => [name, READS])),
}

// Every instance of an application declares its schemas again, without a compiler. So what most names need is one look into one table, and the
// table holds plain numbers: such an object is copied as a whole.
const STUB = `
const fail = (what) => { throw new Error(what) }
const told = ${JSON.stringify(TOLD)}
const parse = () => fail('schemas do not parse inside the sandbox: what comes in and goes out is checked by the engine')
const special = (name) => {
  const kind = typeof name === 'symbol' ? ${NOTHING} : told[name]
  if (kind === ${READS})
    fail('\`.' + name + '\` of a schema cannot be read inside the sandbox: keep such values in a constant beside the schema')
  return kind === ${PARSES} ? parse : kind === ${SHAPE} ? shape : undefined
}
const schema = new Proxy(function () {}, {
  get: (_, name) => (typeof told[name] === 'number' || typeof name === 'symbol' ? special(name) : schema),
  apply: () => schema,
})
const shape = new Proxy({}, { get: (_, name) => (typeof name === 'symbol' ? undefined : schema) })
const stub = new Proxy(function () {}, {
  get: (_, name) => (typeof name === 'symbol' || name === 'then' ? undefined : told[name] === ${PARSES} ? parse : stub),
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
