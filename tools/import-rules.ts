/** Imports point one way (docs/architecture.md): what each folder of src/ may import. Pure, so that a test can hand it a wrong import. */
import { posix } from 'node:path'

export interface Import {
  /** File that imports, relative to the repository, e.g. `src/engine/submit.ts`. */
  readonly from: string
  /** As written: `../model/ids.ts`, `zod`, `node:fs`. */
  readonly specifier: string
  readonly typeOnly: boolean
}

/** Parts know the vocabulary, the storage port and the host, and never each other. */
const PARTS = [
  'identity',
  'policy',
  'warden',
  'sandbox',
  'event-log',
  'read-models',
  'outbox',
  'personal-data',
  'transparency-log',
  'releases',
  'storage',
  'data-flow',
]
const PART_SEES = ['model', 'application', 'host']
const LAYERS: Readonly<Record<string, readonly string[]>> = {
  model: [],
  host: ['model'],
  application: ['model'],
  ...Object.fromEntries(PARTS.map((part) => [part, PART_SEES])),
  engine: ['model', 'application', 'host', ...PARTS],
  client: ['model', 'application'],
  doors: ['model', 'host'],
  main: ['model', 'application', 'host', 'engine', 'doors', 'client', ...PARTS],
}

/** Contract files: types that cross a border on purpose. `*` is every folder. */
const CONTRACTS: Readonly<Record<string, readonly string[]>> = {
  'src/storage/storage.ts': [...PARTS, 'doors'],
  'src/warden/authority.ts': ['identity', 'policy', 'doors'],
  'src/sandbox/sandbox.ts': ['application', 'doors'],
  'src/engine/engine.ts': ['doors'],
  'src/engine/audit/report.ts': ['doors'],
}

/** Only the command line and the composition root may sign authority: no door of the runtime can. */
export const WARDEN_READING: readonly string[] = [
  'authority',
  'source',
  'snapshot',
  'approval-decision',
  'switches',
  'lease',
]

/** npm packages a folder may load when it runs. Folders not listed may load any. */
const PACKAGES: Readonly<Record<string, readonly string[]>> = {
  model: [],
  host: [],
  'transparency-log': [],
  storage: [],
  'event-log': [],
  'read-models': [],
  outbox: [],
  warden: ['zod'],
  policy: ['@cedar-policy/cedar-wasm'],
  engine: ['ajv'],
  client: [],
}

/** What of the log a client may load: the formats and the arithmetic, nothing that listens, writes or holds a key. */
const CLIENT_SEES: readonly string[] = [
  'checkpoint',
  'cosignature-checkpoint',
  'head-evidence',
  'proofs',
  'tlog-proof',
  'witness/equivocation',
].map((name) => `src/transparency-log/${name}.ts`)

/** Null when the import is allowed, otherwise what is wrong with it. */
export function faultOf(one: Import): string | null {
  if (one.from.startsWith('verifier/')) return verifierFault(one)
  if (!one.from.startsWith('src/') || isTest(one.from)) return null
  const source = folderOf(one.from)
  if (!one.specifier.startsWith('.')) return packageFault(one, source)
  const path = posix.join(posix.dirname(one.from), one.specifier)
  if (!path.startsWith('src/')) return `src/ does not reach out of itself`
  const target = folderOf(path)
  if (source === target) return doorFault(one.from, path)
  if (source === 'index')
    return target === 'application' || target === 'model'
      ? null
      : `src/index.ts exports only src/application/ and src/model/`
  if (CONTRACTS[path]?.includes(source) === true)
    return one.typeOnly || path === 'src/engine/engine.ts' ? null : `\`${path}\` is a contract here: \`import type\``
  if (path === 'src/engine/open.ts' && source === 'main') return null
  if (source === 'client' && target === 'transparency-log')
    return CLIENT_SEES.includes(path) ? null : 'a client loads only the formats and the arithmetic of the log'
  if (one.from.startsWith('src/doors/cli/') && path.startsWith('src/client/log/')) return null // the command line is a client
  if (isWardenWriting(path) && (source === 'main' || one.from.startsWith('src/doors/cli/'))) return null
  if (isWardenWriting(path))
    return 'the writing half of the warden belongs to the command line and the composition root'
  if (LAYERS[source]?.includes(target) === true) return null
  return `\`${source}\` may not import \`${target}\``
}

function packageFault(one: Import, source: string): string | null {
  const name = one.specifier
    .split('/')
    .slice(0, one.specifier.startsWith('@') ? 2 : 1)
    .join('/')
  if (one.typeOnly || name.startsWith('node:')) return null
  const allowed = PACKAGES[source]
  return allowed === undefined || allowed.includes(name)
    ? null
    : `\`${source}\` may not depend on the package \`${name}\``
}

/** Doors do not know each other. */
function doorFault(from: string, to: string): string | null {
  const door = (path: string): string => path.split('/')[2] ?? ''
  if (!from.startsWith('src/doors/') || door(from) === door(to)) return null
  return door(to) === 'http' && door(from) === 'mcp'
    ? null
    : `door \`${door(from)}\` may not import door \`${door(to)}\``
}

function verifierFault(one: Import): string | null {
  const path = posix.join(posix.dirname(one.from), one.specifier)
  if (one.specifier.startsWith('.')) return path.startsWith('verifier/') ? null : 'the verifier stands alone'
  return one.specifier.startsWith('node:') || isTest(one.from) ? null : 'the verifier depends on no package'
}

const isWardenWriting = (path: string): boolean =>
  path.startsWith('src/warden/') && !WARDEN_READING.includes(posix.basename(path, '.ts'))

const isTest = (path: string): boolean => path.endsWith('.test.ts') || path.includes('/testing/')

/** `src/engine/committer/x.ts` → `engine`; files directly in src/ are `index` or `main`. */
function folderOf(path: string): string {
  const [, folder = ''] = path.split('/')
  return folder === 'main.ts' ? 'main' : folder.endsWith('.ts') ? folder.slice(0, -'.ts'.length) : folder
}

/** Every import, export-from, dynamic import and `new URL('./x.ts', import.meta.url)` of a source text. */
export function importsOf(from: string, source: string): readonly Import[] {
  const text = source.replace(/\/\*[\s\S]*?\*\//g, '').replace(/^\s*\/\/.*$/gm, '')
  const found: Import[] = []
  const statement = /^\s*(import|export)\b(\s+type\b)?([^'"`;]*?\bfrom\s*)?\s*['"]([^'"\n]+)['"]/gm
  for (const match of text.matchAll(statement)) {
    const typeOnly = match[2] !== undefined || onlyTypes(match[3] ?? '')
    found.push({ from, specifier: match[4] ?? '', typeOnly })
  }
  for (const match of text.matchAll(/\bimport\(\s*['"]([^'"\n]+)['"]\s*\)(\.\w+)?/g)) {
    // `import('x').Name` in a type position; a loaded module is awaited or then'd
    const typeOnly = /^\.[A-Z]/.test(match[2] ?? '')
    found.push({ from, specifier: match[1] ?? '', typeOnly })
  }
  for (const match of text.matchAll(/new URL\(\s*['"](\.[^'"\n]+\.ts)['"]\s*,\s*import\.meta\.url/g))
    found.push({ from, specifier: match[1] ?? '', typeOnly: false })
  return found
}

/** `{ type A, type B } from`: nothing of it is left when it runs. */
function onlyTypes(clause: string): boolean {
  const names = /^\s*\{([^}]*)\}\s*from\s*$/.exec(clause)?.[1]
  if (names === undefined) return false
  const parts = names.split(',').map((name) => name.trim())
  return parts.filter((name) => name !== '').every((name) => name.startsWith('type '))
}

/** Inner barrels hide structure and breed cycles: only src/index.ts may re-export everything. */
export function barrelFault(path: string, source: string): string | null {
  if (!path.startsWith('src/') || path === 'src/index.ts') return null
  if (path.endsWith('/index.ts')) return 'an inner barrel: name the file for its idea'
  return /^\s*export\s+\*\s+from/m.test(source) ? 'an inner barrel: import the file that defines a thing' : null
}
