/**
 * The programs that leave this process as text: the cell's, the guest envelope inside it, and the probe. They are written as modules of this
 * project, so that they are type checked, and are put together here: types taken away, the envelope's modules joined into one script.
 */
import { readFile } from 'node:fs/promises'
import { createRequire } from 'node:module'
import { dirname } from 'node:path'
import { oneAtATime, withoutTypes } from '../application/compiler.ts'

/** In order of their imports: each may use what stands before it. */
const GUEST_MODULES = ['harden', 'execution', 'fold', 'transaction', 'conclude', 'bulk', 'envelope']

export interface CellProgram {
  readonly source: string
  readonly envelope: string
  /** Tries from inside a jail what a cell must not be able to do. */
  readonly probe: string
  /** Path of the native isolate engine, bound into the jail. */
  readonly engine: string
}

let program: Promise<CellProgram> | undefined

export const cellProgram = (): Promise<CellProgram> => (program ??= oneAtATime(assemble))

async function assemble(): Promise<CellProgram> {
  const [source = '', probe = '', ...guest] = await Promise.all(
    ['./cell/process.ts', './jail/probe-program.ts', ...GUEST_MODULES.map((name) => `./guest/${name}.ts`)].map(
      async (path) => withoutTypes(await readFile(new URL(path, import.meta.url), 'utf8')),
    ),
  )
  return { source, envelope: joined(guest), probe, engine: enginePath() }
}

/** One strict script: imports between the modules fall away, since they share one scope; its value is the envelope. */
function joined(modules: readonly string[]): string {
  const bodies = modules.map((text) =>
    text
      .replace(/^import\s[^;]*?from "\.\/[a-z]+\.ts";$/gm, '')
      .replace(/^export (?=(async )?function|const|class)/gm, ''),
  )
  return `(() => { 'use strict';\n${bodies.join('\n')}\nreturn envelope })()`
}

function enginePath(): string {
  const require = createRequire(import.meta.url)
  const main = require.resolve('isolated-vm')
  const find = createRequire(main)('node-gyp-build') as { path(directory: string): string }
  return find.path(dirname(main))
}
