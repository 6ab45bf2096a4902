/**
 * An application's `generate.ts` as one module that needs no file: it is then run where it can read none (src/main/first-data.ts). It may import
 * what the application may, and Node's own modules, which will not let it do much there.
 */
import { build } from 'esbuild'
import { readFileSync } from 'node:fs'
import { isBuiltin } from 'node:module'
import { basename, extname, sep } from 'node:path'
import { oneAtATime } from './compiler.ts'
import { isReadable, placeOf, shownPath } from './place.ts'
import { problem } from '../model/problems.ts'

/** Prints one record a line. `generate` answers always the same records, by importer, in the form that the importers take. */
const PROGRAM = `
if (typeof generate !== 'function') throw new Error('it does not export a function \`generate\`')
for (const [importer, records] of Object.entries(generate()))
  for await (const record of records)
    if (!process.stdout.write(JSON.stringify({ importer, record }) + '\\n')) await once(process.stdout, 'drain')
`

/** Packages are read wherever they are installed, or linked to: they are no secrets, and this code is not part of a release. */
const PACKAGES = `${sep}node_modules${sep}`

/** @throws `release-invalid` naming what does not compile, or lies outside the application */
export async function bundleGenerator(module: string): Promise<string> {
  const place = placeOf(module)
  const main = `import { once } from 'node:events'\nimport * as module from ${JSON.stringify(`./${basename(place.entry)}`)}\nconst { generate } = module\n`
  try {
    const { outputFiles } = await oneAtATime(() =>
      build({
        stdin: { contents: main + PROGRAM, resolveDir: place.directory, sourcefile: 'main', loader: 'js' },
        absWorkingDir: place.directory,
        bundle: true,
        write: false,
        format: 'esm',
        platform: 'node',
        target: 'node24',
        charset: 'utf8',
        logLevel: 'silent',
        tsconfigRaw: '{}',
        plugins: [
          {
            name: 'generator',
            setup({ onResolve, onLoad }) {
              onResolve({ filter: /.*/ }, ({ path }) => (isBuiltin(path) ? { path, external: true } : undefined))
              onLoad({ filter: /.*/ }, ({ path }) =>
                path.includes(PACKAGES) || isReadable(path, place)
                  ? { contents: readFileSync(path, 'utf8'), loader: extname(path) === '.json' ? 'json' : 'ts' }
                  : { errors: [{ text: `\`${shownPath(path, place)}\` lies outside the application` }] },
              )
            },
          },
        ],
      }),
    )
    return outputFiles[0]?.text ?? ''
  } catch (error) {
    throw problem(
      'release-invalid',
      `\`${module}\`: ${error instanceof Error ? error.message : String(error)}`,
      {},
      error,
    )
  }
}
