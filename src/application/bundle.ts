/**
 * Bundles an application's entry module twice, without running any of it: the guest bundle, which becomes part of the release, with a
 * zod that does nothing; and the describing bundle, with the real one, which is run once to learn the manifest.
 *
 * Both are scripts whose completion value is a function that evaluates all modules anew each time it is called: `() => Application`
 * and `() => string`. The same sources give the same text, wherever they lie: names in it are relative to the application.
 */
import { build } from 'esbuild'
import type { BuildFailure, Loader, OnResolveArgs, OnResolveResult, Plugin, PluginBuild } from 'esbuild'
import { existsSync, readFileSync, realpathSync } from 'node:fs'
import { isBuiltin } from 'node:module'
import { basename, dirname, extname, join, relative, resolve, sep } from 'node:path'
import { fileURLToPath } from 'node:url'
import * as zod from 'zod'
import { problem } from '../model/problems.ts'
import type { Problem } from '../model/problems.ts'
import { zodStub } from './zod-stub.ts'

/** UTF-8 bytes of the guest bundle. */
export const BUNDLE_BYTES_MAX = 4 * 1024 * 1024
/** The describing bundle holds zod as well. */
const DESCRIBING_BUNDLE_BYTES_MAX = BUNDLE_BYTES_MAX + 2 * 1024 * 1024
const LISTED_ERRORS_MAX = 5

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

export interface Bundles {
  readonly guest: string
  readonly describing: string
}

/** @throws `release-invalid` naming file and import, or the first things that do not compile */
export async function bundleApplication(entryFile: string): Promise<Bundles> {
  const entry = resolve(entryFile)
  if (!existsSync(entry)) throw problem('release-invalid', `there is no file \`${entryFile}\``)
  const place = placeOf(realpathSync(entry))
  const [guest, describing] = await Promise.all([
    bundle(place, 'guest', `export { default } from './${basename(place.entry)}'`, 'answer.default'),
    bundle(
      place,
      'describing',
      `import { describeApplication } from 'plinth:describe'\nimport application from './${basename(place.entry)}'\n` +
        `export default describeApplication(application)`,
      'answer.default',
    ),
  ])
  bounded('the bundle', guest, BUNDLE_BYTES_MAX)
  bounded('the describing bundle', describing, DESCRIBING_BUNDLE_BYTES_MAX)
  return { guest, describing }
}

interface Place {
  readonly entry: string
  readonly directory: string
  /** Nearest directory upwards with a package.json; files outside it are not the application's own. */
  readonly root: string
}

function placeOf(entry: string): Place {
  const directory = dirname(entry)
  for (let root = directory; ; root = dirname(root)) {
    if (existsSync(join(root, 'package.json'))) return { entry, directory, root }
    if (root === dirname(root)) return { entry, directory, root: directory }
  }
}

function bounded(what: string, text: string, bytesMax: number): void {
  const bytes = Buffer.byteLength(text)
  if (bytes > bytesMax) throw problem('release-invalid', `${what} has ${bytes} bytes, more than ${bytesMax}`)
}

async function bundle(place: Place, kind: 'guest' | 'describing', main: string, answer: string): Promise<string> {
  try {
    const { outputFiles } = await build({
      stdin: { contents: main, resolveDir: place.directory, sourcefile: 'main', loader: 'js' },
      absWorkingDir: place.directory,
      bundle: true,
      write: false,
      format: 'iife',
      globalName: 'answer',
      platform: 'neutral',
      target: 'es2023',
      mainFields: ['module', 'main'],
      conditions: ['import', 'module', 'default'],
      charset: 'utf8',
      legalComments: 'none',
      sourcemap: false,
      logLevel: 'silent',
      // Found configuration would make the text depend on where the application lies.
      tsconfigRaw: '{}',
      plugins: [onlyOwnFiles(place, kind)],
    })
    return `(() => {\n"use strict";\n${outputFiles[0]?.text ?? ''}return ${answer};\n})`
  } catch (error) {
    throw compileProblem(error, place)
  }
}

/** Decides every import: plinth and zod are ours, the application's files and packages are read, everything else is refused. */
function onlyOwnFiles(place: Place, kind: 'guest' | 'describing'): Plugin {
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
      build.onLoad({ filter: /.*/, namespace: 'file' }, ({ path }) => {
        const loader = LOADERS[extname(path)]
        return loader === undefined
          ? { errors: [{ text: `\`${shown(path, place)}\` is not TypeScript, JavaScript or JSON` }] }
          : { contents: readFileSync(path, 'utf8'), loader, resolveDir: dirname(path) }
      })
    },
  }
}

/** Marks a resolution that this plugin asked for itself. */
const FOUND = Symbol('found')

function ours({ path, namespace }: OnResolveArgs, kind: 'guest' | 'describing'): OnResolveResult | undefined {
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
  if (!isReadable(result.path, place)) return refusal(`imports \`${path}\`, which lies outside the application`)
  return { path: result.path, sideEffects: result.sideEffects }
}

/** Inside the application's directory and not hidden, or in a package that is installed for it, or zod. */
function isReadable(path: string, { root }: Place): boolean {
  if (isWithin(path, ZOD_DIRECTORY)) return true
  const packages = path.lastIndexOf(`${sep}node_modules${sep}`)
  const home = packages === -1 ? root : path.slice(0, packages)
  if (packages === -1 ? !isWithin(path, root) : !isWithin(root, home) && !isWithin(home, root)) return false
  return !relative(home, path)
    .split(sep)
    .some((part) => part.startsWith('.'))
}
const isWithin = (path: string, directory: string): boolean =>
  path === directory || path.startsWith(join(directory, sep))

const refusal = (text: string): OnResolveResult => ({ errors: [{ text }] })
const shown = (path: string, { directory }: Place): string => relative(directory, path)

function compileProblem(error: unknown, place: Place): Problem {
  const failures = (error as Partial<BuildFailure>).errors
  if (failures === undefined) throw error
  const listed = failures.slice(0, LISTED_ERRORS_MAX).map(({ text, location }) => {
    const where = location === null ? '' : `\`${location.file}\` line ${location.line}: `
    return `${where}${text}`.replaceAll(place.directory + sep, '')
  })
  return problem('release-invalid', listed.join('; '), { errors: listed })
}
