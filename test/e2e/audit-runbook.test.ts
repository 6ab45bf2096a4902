/** The commands of docs/operating/audit.md, in order, as an operator would type them; and the policy cases of every example. */
import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { chmodSync, cpSync, globSync, mkdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs'
import { delimiter, dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { test } from 'node:test'
import { plinth, PLINTH, STARTER, startPlinth, temporaryFolder } from '../support/plinth-process.ts'

const ROOT = fileURLToPath(new URL('../..', import.meta.url))

test('the runbook of audits does what it says', { timeout: 150_000 }, async (t) => {
  await using workspace = await temporaryFolder()
  const folder = join(workspace.path, 'shop')
  cpSync(STARTER, folder, { recursive: true })
  mkdirSync(join(folder, 'node_modules'))
  symlinkSync(ROOT, join(folder, 'node_modules', 'plinth'))
  symlinkSync(join(ROOT, 'node_modules', 'zod'), join(folder, 'node_modules', 'zod'))
  symlinkSync(join(ROOT, 'verifier'), join(folder, 'verifier'))
  const env = environment(workspace.path)
  const system = await startPlinth('start', ['--app', '.', '--dir', '.plinth'], { cwd: folder })
  t.after(() => system.stop('SIGKILL'))
  const text = readFileSync(join(ROOT, 'docs/operating/audit.md'), 'utf8')
  let outputs = ''
  for (const [, language, block = ''] of text.matchAll(/^```(\w+)\n([\s\S]*?)^```$/gm)) {
    if (language === 'json') {
      writeFileSync(join(folder, 'policies', 'page.cases.json'), block)
      outputs += await shell('npx plinth policy test policies', folder, env)
      continue
    }
    assert.equal(language, 'sh')
    for (const line of block.trim().split('\n')) {
      outputs += await shell(line, folder, env)
      t.diagnostic(line)
    }
  }
  assert.match(outputs, /^agreed: \d+ of \d+ admissions/m)
  assert.match(outputs, /^VALID_UNWITNESSED$/m)
  assert.match(outputs, /^admissions {3}\d+ come out again as recorded$/m)
  assert.match(outputs, /^passed: 9 of 9 cases, 7 of 7 policies determined one$/m)
  assert.match(outputs, /^0 of \d+ verdicts would flip/m)
  assert.match(outputs, /@id\("narrow:agent"\)/)

  // The narrower policy, as the page says: written down, tried, and nothing that was allowed flips.
  const reach = await plinth(['reach', 'agent', '--json'], {
    cwd: folder,
    env: { PLINTH_DIR: join(folder, '.plinth') },
  })
  const { narrower } = reach.json() as { narrower: { file: string; text: string; removes: string[] } }
  assert.deepEqual(narrower.removes, ['find_product'])
  writeFileSync(join(folder, 'policies', narrower.file), narrower.text)
  assert.match(await shell('npx plinth policy replay policies', folder, env), /^0 of \d+ verdicts would flip/m)
})

test('the policy cases of the examples pass, and every policy determines one', { timeout: 120_000 }, async () => {
  const folders = new Set(globSync('examples/*/policies/*.cases.json', { cwd: ROOT }).map((file) => dirname(file)))
  assert.equal(folders.size, 3)
  for (const folder of folders) {
    const finished = await plinth(['policy', 'test', join(ROOT, folder), '--json'])
    assert.equal(finished.code, 0, finished.stderr + finished.stdout)
    const { cases, passed, uncovered } = finished.json()
    assert.deepEqual([passed, uncovered], [cases, []], folder)
  }
})

test('bad input is said, with what to do', async () => {
  await using workspace = await temporaryFolder()
  const nowhere = { env: { PLINTH_DIR: workspace.path } }
  const wrong: [args: string[], said: RegExp][] = [
    [['audit'], /takes 1 word/],
    [['audit', 'everything'], /none of `admissions`/],
    [['audit', 'admissions'], /is not a data directory/],
    [['audit', 'admissions', '--bundle', join(workspace.path, 'none.tar')], /cannot be read/],
    [['audit', 'admissions', '--bundle', join(ROOT, 'package.json')], /is no bundle/],
    [['audit', 'admissions', '--root-key', join(workspace.path, 'none')], /there is no key/],
    [['reach', 'agent'], /is not a data directory/],
    [['reach', 'agent', '--at', 'soon'], /neither a position nor a time/],
    [['policy', 'replay'], /say which folder/],
    [['policy', 'replay', join(ROOT, 'examples/starter/policies'), '--last', 'week'], /is not a time like/],
    [['policy', 'test', workspace.path], /holds no cases/],
  ]
  for (const [args, said] of wrong) {
    const { code, stderr } = await plinth(args, nowhere)
    assert.equal(code, 2, `${args.join(' ')}: ${stderr}`)
    assert.match(stderr, said)
    assert.doesNotMatch(stderr, /^\s+at /m)
  }
})

async function shell(line: string, cwd: string, env: NodeJS.ProcessEnv): Promise<string> {
  const wanted = Number(/# exits with (\d+)/.exec(line)?.[1] ?? 0)
  const child = spawn('sh', ['-c', line], { cwd, env, stdio: ['ignore', 'pipe', 'pipe'] })
  let output = ''
  for (const stream of [child.stdout, child.stderr])
    stream.setEncoding('utf8').on('data', (text: string) => (output += text))
  const [code] = (await once(child, 'close')) as [number | null]
  assert.equal(code, wanted, `${line}\n${output}`)
  return output
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
    ...{ PLINTH_DIR: '', PLINTH_URL: '', PLINTH_TOKEN: '', PLINTH_HEADS: '', XDG_DATA_HOME: join(scratch, 'data') },
  }
}
