/** Decides every import of an application: plinth and zod are ours, its own files and packages are read, everything else is refused. */
import type { Loader, OnLoadArgs, OnLoadResult, OnResolveArgs, OnResolveResult, Plugin, PluginBuild } from 'esbuild'
import { readFileSync, statSync } from 'node:fs'
import { isBuiltin } from 'node:module'
import { basename, dirname, extname } from 'node:path'
import { fileURLToPath } from 'node:url'
import * as zod from 'zod'
import { isReadable, isWithin, shownPath } from './place.ts'
import type { Place } from './place.ts'
import { zodStub } from './zod-stub.ts'

export type BundleKind = 'guest' | 'describing'

/** Bytes of all sources of one bundle, packages included; zod is not counted. */
export const SOURCE_BYTES_MAX = 16 * 1024 * 1024

const LOADERS: Readonly<Record<string, Loader>> = {
  '.ts': 'ts',
  '.mts': 'ts',
  '.cts': 'ts',
  '.js': 'js',
  '.mjs': 'js',
  '.cjs': 'js',
  '.json': 'json',
}

/** Modules of this directory are named without extension, so that a bundle is the same from the sources and from the published package. */
const EXTENSION = extname(import.meta.url)
const ownFile = (name: string): string => fileURLToPath(new URL(`${name}${EXTENSION}`, import.meta.url))
const ownName = (path: string): string => basename(path, extname(path))
const ZOD_ENTRY = fileURLToPath(import.meta.resolve('zod'))
const ZOD_DIRECTORY = dirname(ZOD_ENTRY)

export function bundleImports(place: Place, kind: BundleKind): Plugin {
  let sourceBytes = 0
  const load = ({ path }: OnLoadArgs): OnLoadResult => {
    const loader = LOADERS[extname(path)]
    if (loader === undefined) return refusal(`\`${shownPath(path, place)}\` is not TypeScript, JavaScript or JSON`)
    const own = isWithin(path, ZOD_DIRECTORY)
    // Asked again here: an import with a pattern (`./data/${name}.json`) finds files without asking how they resolve.
    if (!own && !isReadable(path, place)) return refusal(`\`${shownPath(path, place)}\` lies outside the application`)
    if (!own && (sourceBytes += statSync(path).size) > SOURCE_BYTES_MAX) {
      return refusal(`the sources have more than ${SOURCE_BYTES_MAX} bytes`)
    }
    return { contents: readFileSync(path, 'utf8'), loader, resolveDir: dirname(path) }
  }
  return {
    name: 'plinth',
    setup(build) {
      build.onResolve({ filter: /.*/ }, async (args) => {
        if (args.pluginData === FOUND) return undefined
        return ours(args, kind) ?? (await found(build, place, args))
      })
      build.onLoad({ filter: /.*/, namespace: 'plinth' }, ({ path }) => ({
        contents: readFileSync(ownFile(path), 'utf8'),
        loader: 'ts',
      }))
      build.onLoad({ filter: /.*/, namespace: 'zod' }, () => ({ contents: zodStub(Object.keys(zod)), loader: 'js' }))
      build.onLoad({ filter: /.*/, namespace: 'file' }, load)
    },
  }
}

/** Marks a resolution that this plugin asked for itself. */
const FOUND = Symbol('found')

function ours({ path, namespace }: OnResolveArgs, kind: BundleKind): OnResolveResult | undefined {
  if (path === 'plinth') return { path: 'declarations', namespace: 'plinth', sideEffects: false }
  if (path === 'plinth:describe') return { path: 'describe', namespace: 'plinth' }
  if (namespace === 'plinth' && path.startsWith('./')) return { path: ownName(path), namespace: 'plinth' }
  if (path === 'zod' || path === 'zod/v4') {
    return kind === 'guest'
      ? { path: 'zod', namespace: 'zod', sideEffects: false }
      : { path: ZOD_ENTRY, sideEffects: false }
  }
  if (path.startsWith('zod/')) return refusal(`imports \`${path}\`: import \`zod\` itself`)
  if (path.startsWith('plinth/'))
    return refusal(`imports \`${path}\`: only \`plinth\` itself exists inside the sandbox`)
  if (isBuiltin(path)) return refusal(`imports \`${path}\`: application code has no files, network or processes`)
  return undefined
}

async function found(build: PluginBuild, place: Place, args: OnResolveArgs): Promise<OnResolveResult> {
  const { path, importer, resolveDir, kind } = args
  const result = await build.resolve(path, { importer, resolveDir, kind, pluginData: FOUND })
  if (result.errors.length > 0) return refusal(`imports \`${path}\`, which is not there`)
  if (result.external || result.namespace !== 'file') return refusal(`imports \`${path}\`, which cannot be bundled`)
  if (!isWithin(result.path, ZOD_DIRECTORY) && !isReadable(result.path, place)) {
    return refusal(`imports \`${path}\`, which lies outside the application`)
  }
  return { path: result.path, sideEffects: result.sideEffects }
}

const refusal = (text: string): { readonly errors: { readonly text: string }[] } => ({ errors: [{ text }] })
