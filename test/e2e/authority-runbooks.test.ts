/** The commands of docs/operating/switches.md, warden.md and operator-keys.md, in order, as an operator would type them; with a real SSH agent. */
import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { chmodSync, existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { delimiter, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { test } from 'node:test'
import { PLINTH, STARTER, startPlinth, temporaryFolder } from '../support/plinth-process.ts'

const ROOT = fileURLToPath(new URL('../..', import.meta.url))
const PAGES = ['switches.md', 'warden.md', 'operator-keys.md']
const AGENT = '/usr/bin/ssh-agent'

test('the runbooks of switches, warden and operator keys do what they say', { timeout: 300_000 }, async (t) => {
  await using workspace = await temporaryFolder()
  const folder = workspace.path
  const environment = { ...environmentIn(folder), SSH_AUTH_SOCK: join(folder, 'agent.sock') }
  const hasAgent = existsSync(AGENT)
  if (hasAgent) {
    const agent = spawn(AGENT, ['-D', '-a', environment.SSH_AUTH_SOCK], { stdio: 'ignore' })
    t.after(() => agent.kill())
  }
  await using system = await startPlinth('start', ['--app', STARTER, '--dir', join(folder, '.plinth')], { cwd: folder })
  assert.equal(system.document['kind'], 'started')
  let commands = 0
  for (const page of PAGES) {
    const text = readFileSync(join(ROOT, 'docs/operating', page), 'utf8')
    for (const [, language, block = ''] of text.matchAll(/^```(\w+)\n([\s\S]*?)^```$/gm)) {
      assert.equal(language, 'sh', `${page}: a block in a language that no test runs`)
      if (!hasAgent && block.includes('ssh-')) {
        t.diagnostic(`skipped, since ${AGENT} is not installed: a block of ${page}`)
        continue
      }
      for (const line of block.trim().split('\n')) {
        const wanted = Number(/# exits with (\d+)/.exec(line)?.[1] ?? 0)
        const { code, output } = await run(line, folder, environment)
        assert.equal(code, wanted, `${page}: ${line}\n${output}`)
        commands += 1
      }
    }
  }
  t.diagnostic(`${commands} commands`)
  assert.ok(commands > 40)
})

async function run(line: string, cwd: string, env: NodeJS.ProcessEnv) {
  const child = spawn('sh', ['-c', line], { cwd, env, stdio: ['ignore', 'pipe', 'pipe'] })
  let output = ''
  for (const stream of [child.stdout, child.stderr])
    stream.setEncoding('utf8').on('data', (text: string) => (output += text))
  const [code] = (await once(child, 'close')) as [number | null]
  return { code, output }
}

/** `npx plinth …` runs this checkout's command line; the passphrase comes from a file, since nobody can be asked. */
function environmentIn(folder: string): NodeJS.ProcessEnv {
  const tools = join(folder, 'bin')
  mkdirSync(tools)
  writeFileSync(join(tools, 'npx'), `#!/bin/sh\nshift\nexec "${process.execPath}" "${PLINTH}" "$@"\n`)
  chmodSync(join(tools, 'npx'), 0o755)
  writeFileSync(join(folder, 'passphrase'), 'correct horse battery staple\n')
  const { NODE_TEST_CONTEXT: _context, ...inherited } = process.env
  return {
    ...{ ...inherited, PATH: `${tools}${delimiter}${process.env['PATH'] ?? ''}`, NO_COLOR: '1' },
    ...{ PLINTH_DIR: '', PLINTH_URL: '', PLINTH_TOKEN: '', PLINTH_WARDEN: '', PLINTH_OPERATOR: '' },
    ...{ PLINTH_HEADS: 'off', PLINTH_PASSPHRASE_FILE: join(folder, 'passphrase') },
  }
}
