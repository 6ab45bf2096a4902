/**
 * The programs that leave this process as text: the cell's, the guest envelope inside it, and the probe. They are written as modules of this
 * project, so that they are type checked, and are put together here: types taken away, the envelope's modules joined into one script.
 */
import { readFileSync } from 'node:fs'
import { createRequire, stripTypeScriptTypes } from 'node:module'
import { dirname } from 'node:path'

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

let program: CellProgram | undefined

export function cellProgram(): CellProgram {
  program ??= {
    source: withoutTypes('./cell/process.ts'),
    envelope: joined(GUEST_MODULES.map((name) => withoutTypes(`./guest/${name}.ts`))),
    probe: withoutTypes('./jail/probe-program.ts'),
    engine: enginePath(),
  }
  return program
}

/** One strict script: imports between the modules fall away, since they share one scope; its value is the envelope. */
function joined(modules: readonly string[]): string {
  const bodies = modules.map((text) =>
    text
      .replace(/^import\s[^;]*?from '\.\/[a-z]+\.ts'$/gm, '')
      .replace(/^export (?=(async )?function|const|class)/gm, ''),
  )
  return `(() => { 'use strict';\n${bodies.join('\n')}\nreturn envelope })()`
}

function withoutTypes(path: string): string {
  const source = readFileSync(new URL(path, import.meta.url), 'utf8')
  // Node says at every start that this function may still change. Whoever runs the system can do nothing about it.
  const emitWarning = process.emitWarning
  process.emitWarning = () => {}
  try {
    return stripTypeScriptTypes(source)
  } finally {
    process.emitWarning = emitWarning
  }
}

function enginePath(): string {
  const require = createRequire(import.meta.url)
  const main = require.resolve('isolated-vm')
  const find = createRequire(main)('node-gyp-build') as { path(directory: string): string }
  return find.path(dirname(main))
}
