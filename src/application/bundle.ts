/**
 * Bundles an application's entry module twice, without running any of it: the guest bundle, which becomes part of the release, with a
 * zod that does nothing; and the describing bundle, with the real one, which is run once to learn the manifest.
 *
 * Both are scripts whose completion value is a function that evaluates all modules anew each time it is called: `() => Application`
 * and `() => string`. The same sources give the same text, wherever they lie: names in it are relative to the application.
 */
import { build } from 'esbuild'
import type { BuildFailure } from 'esbuild'
import { statSync } from 'node:fs'
import { basename, sep } from 'node:path'
import { problem } from '../model/problems.ts'
import type { Problem } from '../model/problems.ts'
import { bundleImports } from './bundle-imports.ts'
import type { BundleKind } from './bundle-imports.ts'
import { oneAtATime } from './compiler.ts'
import { placeOf } from './place.ts'
import type { Place } from './place.ts'

/** UTF-8 bytes of the guest bundle. */
export const BUNDLE_BYTES_MAX = 4 * 1024 * 1024
/** The describing bundle holds zod as well. */
const DESCRIBING_BUNDLE_BYTES_MAX = BUNDLE_BYTES_MAX + 2 * 1024 * 1024
const LISTED_ERRORS_MAX = 5

export interface Bundles {
  readonly guest: string
  readonly describing: string
}

/** @throws `release-invalid` naming file and import, or the first things that do not compile */
export async function bundleApplication(entryFile: string): Promise<Bundles> {
  if (statSync(entryFile, { throwIfNoEntry: false })?.isFile() !== true) {
    throw problem('release-invalid', `there is no file \`${entryFile}\``)
  }
  const place = placeOf(entryFile)
  const entry = JSON.stringify(`./${basename(place.entry)}`)
  return oneAtATime(async () => ({
    guest: await bundle(place, 'guest', `import application from ${entry}\nanswer = application`, BUNDLE_BYTES_MAX),
    describing: await bundle(
      place,
      'describing',
      `import { describeApplication } from 'plinth:describe'
       import application from ${entry}
       answer = describeApplication(application)`,
      DESCRIBING_BUNDLE_BYTES_MAX,
    ),
  }))
}

async function bundle(place: Place, kind: BundleKind, main: string, bytesMax: number): Promise<string> {
  try {
    const { outputFiles } = await build({
      stdin: { contents: main, resolveDir: place.directory, sourcefile: 'main', loader: 'js' },
      absWorkingDir: place.directory,
      bundle: true,
      write: false,
      format: 'iife',
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
      plugins: [bundleImports(place, kind)],
    })
    // Not the module's exports: making an object of them takes a third of what making an instance of a small application does.
    const text = `(() => {\n"use strict";\nlet answer;\n${outputFiles[0]?.text ?? ''}return answer;\n})`
    const bytes = Buffer.byteLength(text)
    if (bytes > bytesMax)
      throw problem('release-invalid', `the ${kind} bundle has ${bytes} bytes, more than ${bytesMax}`)
    return text
  } catch (error) {
    throw compileProblem(error, place)
  }
}

function compileProblem(error: unknown, place: Place): Problem {
  const failures = (error as Partial<BuildFailure>).errors
  if (failures === undefined) {
    if (error instanceof Error && error.message.startsWith('The service ')) {
      return problem('release-invalid', 'the compiler gave up on these sources: they are nested too deep', {}, error)
    }
    throw error
  }
  const listed = failures.slice(0, LISTED_ERRORS_MAX).map(({ text, location }) => {
    const where = location === null ? '' : `\`${location.file}\` line ${location.line}: `
    return `${where}${text}`.replaceAll(place.directory + sep, '')
  })
  return problem('release-invalid', listed.join('; '), { errors: listed })
}
