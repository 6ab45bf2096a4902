/** The commands of docs/operating/erasure.md, in order, as an operator would type them, on the clinic; then no byte of her is found. */
import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { chmodSync, cpSync, mkdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs'
import { delimiter, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { test } from 'node:test'
import { promisify } from 'node:util'
import { CLINIC } from '../support/clinic-history.ts'
import { PLINTH, startPlinth, temporaryFolder } from '../support/plinth-process.ts'
import { textsFound } from '../support/search-files.ts'

const ROOT = fileURLToPath(new URL('../..', import.meta.url))
const PAGE = join(ROOT, 'docs/operating/erasure.md')

test('the runbook of erasure does what it says', { timeout: 120_000 }, async (t) => {
  await using workspace = await temporaryFolder()
  const folder = join(workspace.path, 'clinic')
  cpSync(CLINIC, folder, { recursive: true })
  mkdirSync(join(folder, 'node_modules'))
  symlinkSync(ROOT, join(folder, 'node_modules', 'plinth'))
  symlinkSync(join(ROOT, 'node_modules', 'zod'), join(folder, 'node_modules', 'zod'))
  symlinkSync(join(ROOT, 'verifier'), join(folder, 'verifier'))
  const keys = join(workspace.path, 'keys')
  const start = ['--app', '.', '--dir', '.plinth', '--port', '0']
  const system = await startPlinth('start', start, { cwd: folder })
  t.after(() => system.stop('SIGKILL'))
  const env = environment(workspace.path)
  const blocks = [...readFileSync(PAGE, 'utf8').matchAll(/^```sh\n([\s\S]*?)^```$/gm)].map(([, block = '']) => block)
  let output = ''
  for (const line of blocks.flatMap((block) => block.trim().split('\n'))) {
    t.diagnostic(line)
    output += await shell(line, folder, env)
  }
  assert.match(output, /\[erased\]/)
  assert.match(output, /valid with erasures/)
  assert.match(output, /^VALID_WITH_ERASURES/m)
  const said = ['Ann Example', 'ann@example.org', '555-0199', 'a sprained ankle']
  assert.deepEqual(textsFound(join(folder, '.plinth'), said), [])
  // The key store, moved as the page says.
  assert.equal(await system.stop(), 0)
  mkdirSync(keys)
  for (const file of ['subject-keys.db', 'subject-keys.key'])
    cpSync(join(folder, '.plinth', file), join(keys, file), { force: true })
  await shell('rm .plinth/subject-keys.*', folder, env)
  const moved = await startPlinth('start', [...start, '--subject-keys', keys], { cwd: folder })
  t.after(() => moved.stop('SIGKILL'))
  assert.match(await shell('npx plinth state patient p-1', folder, env), /\[erased\]/)
  assert.match(await shell(`npx plinth verify --subject-keys ${keys}`, folder, env), /valid with erasures/)
})

async function shell(line: string, cwd: string, env: NodeJS.ProcessEnv): Promise<string> {
  const wanted = Number(/# exits with (\d+)/.exec(line)?.[1] ?? 0)
  const done = await promisify(execFile)('sh', ['-c', line], { cwd, env }).then(
    ({ stdout, stderr }) => ({ code: 0, output: stdout + stderr }),
    (error: { code: number; stdout: string; stderr: string }) => ({
      code: error.code,
      output: error.stdout + error.stderr,
    }),
  )
  assert.equal(done.code, wanted, `${line}\n${done.output}`)
  return done.output
}

/** `npx plinth …` runs this checkout's command line. */
function environment(scratch: string): NodeJS.ProcessEnv {
  const tools = join(scratch, 'bin')
  mkdirSync(tools)
  writeFileSync(join(tools, 'npx'), `#!/bin/sh\nshift\nexec "${process.execPath}" "${PLINTH}" "$@"\n`)
  writeFileSync(join(tools, 'node'), `#!/bin/sh\nexec "${process.execPath}" "$@"\n`)
  for (const tool of ['npx', 'node']) chmodSync(join(tools, tool), 0o755)
  const { NODE_TEST_CONTEXT: _context, ...inherited } = process.env
  return {
    ...{ ...inherited, PATH: `${tools}${delimiter}${process.env['PATH'] ?? ''}`, NO_COLOR: '1' },
    ...{ PLINTH_DIR: '', PLINTH_URL: '', PLINTH_TOKEN: '', PLINTH_HEADS: 'off' },
  }
}
