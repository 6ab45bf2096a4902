#!/usr/bin/env node
// Starts the command line. A checkout runs the TypeScript sources as they are; a published package holds plain JavaScript beside this file.
import { spawn } from 'node:child_process'
import { existsSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { useCompileCache } from './compile-cache.mjs'

const NODE_MAJOR = 24
const here = (path) => fileURLToPath(new URL(path, import.meta.url))

if (Number(process.versions.node.split('.')[0]) >= NODE_MAJOR) {
  useCompileCache()
  await import(existsSync(here('../src/main.js')) ? '../src/main.js' : '../src/main.ts')
} else {
  // A checkout brings its own Node 24 (a development dependency); whoever started us with an older one gets that instead.
  const node = here('../node_modules/node/bin/node')
  if (!existsSync(node)) {
    process.stderr.write(`plinth needs Node.js ${NODE_MAJOR} or newer; this is ${process.versions.node}\n`)
    process.exit(2)
  }
  const child = spawn(node, [here('./plinth.mjs'), ...process.argv.slice(2)], { stdio: 'inherit' })
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) process.on(signal, () => child.kill(signal))
  child.on('exit', (code, signal) => process.exit(code ?? (signal === 'SIGINT' ? 130 : 1)))
}
