/** What a checkout keeps of its compiled files, and that it lies where the code does. */
import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { accessSync, constants, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { COMPILE_CACHE } from '../bin/compile-cache.mjs'

const PROGRAM = `
  import { useCompileCache } from ${JSON.stringify(fileURLToPath(new URL('../bin/compile-cache.mjs', import.meta.url)))}
  import module from 'node:module'
  useCompileCache()
  console.log(JSON.stringify({ used: module.getCompileCacheDir() ?? null, handedOn: process.env.NODE_COMPILE_CACHE }))`

const run = (environment: NodeJS.ProcessEnv): { readonly used: string | null; readonly handedOn: string } =>
  JSON.parse(
    execFileSync(process.execPath, ['--input-type=module', '--eval', PROGRAM], {
      encoding: 'utf8',
      env: { PATH: process.env['PATH'], ...environment },
    }),
  ) as { readonly used: string | null; readonly handedOn: string }

function mayWrite(folder: string): boolean {
  try {
    accessSync(folder, constants.W_OK)
    return true
  } catch {
    return false
  }
}

test('a checkout keeps what it has compiled beside its packages, and hands the folder on to threads and children', (t) => {
  assert.ok(COMPILE_CACHE !== null && COMPILE_CACHE.includes('node_modules'))
  if (!mayWrite(dirname(dirname(COMPILE_CACHE)))) return t.skip('NOT CHECKED: the checkout belongs to somebody else')
  const { used, handedOn } = run({})
  assert.ok(used?.startsWith(COMPILE_CACHE))
  assert.equal(handedOn, COMPILE_CACHE)
})

test('whoever names a folder for it gets that one', () => {
  const own = mkdtempSync(join(tmpdir(), 'plinth-compiled-'))
  try {
    const { used, handedOn } = run({ NODE_COMPILE_CACHE: own })
    assert.ok(used?.startsWith(own))
    assert.equal(handedOn, own)
  } finally {
    rmSync(own, { recursive: true, force: true })
  }
})
