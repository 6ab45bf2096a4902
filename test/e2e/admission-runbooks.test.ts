/** The commands of docs/operating/limits.md, approvals.md and shadow-mode.md, in order, as an operator would type them. */
import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { chmodSync, cpSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { delimiter, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { test } from 'node:test'
import { PLINTH, STARTER, startPlinth, temporaryFolder } from '../support/plinth-process.ts'

const ROOT = fileURLToPath(new URL('../..', import.meta.url))

for (const page of ['limits.md', 'approvals.md', 'shadow-mode.md'])
  test(`the runbook ${page} does what it says`, { timeout: 170_000 }, async (t) => {
    await using workspace = await temporaryFolder()
    const folder = workspace.path
    const environment = environmentIn(folder)
    cpSync(join(STARTER, 'policies'), join(folder, 'shop', 'policies'), { recursive: true })
    const where = { cwd: folder }
    await using system = await startPlinth('start', ['--app', STARTER, '--dir', join(folder, '.plinth')], where)
    assert.equal(system.document['kind'], 'started')
    const text = readFileSync(join(ROOT, 'docs/operating', page), 'utf8')
    let commands = 0
    for (const [, block = ''] of text.matchAll(/^```sh\n([\s\S]*?)^```$/gm))
      for (const line of block.trim().split('\n')) {
        const wanted = Number(/# exits with (\d+)/.exec(line)?.[1] ?? 0)
        const { code, output } = await run(line, folder, environment)
        assert.equal(code, wanted, `${line}\n${output}`)
        if (line.includes('policy shadow'))
          assert.match(output, /denied[^]*small-sales-only|small-sales-only[^]*denied/)
        if (line.includes('approvals show')) assert.match(output, /stock: 500 → 480/)
        commands += 1
      }
    t.diagnostic(`${commands} commands`)
    assert.ok(commands > 5)
  })

async function run(line: string, cwd: string, env: NodeJS.ProcessEnv) {
  const child = spawn('sh', ['-c', line], { cwd, env, stdio: ['ignore', 'pipe', 'pipe'] })
  let output = ''
  for (const stream of [child.stdout, child.stderr])
    stream.setEncoding('utf8').on('data', (text: string) => (output += text))
  const [code] = (await once(child, 'close')) as [number | null]
  return { code, output }
}

/** `npx plinth …` runs this checkout's command line. */
function environmentIn(folder: string): NodeJS.ProcessEnv {
  const tools = join(folder, 'bin')
  mkdirSync(tools)
  writeFileSync(join(tools, 'npx'), `#!/bin/sh\nshift\nexec "${process.execPath}" "${PLINTH}" "$@"\n`)
  chmodSync(join(tools, 'npx'), 0o755)
  const { NODE_TEST_CONTEXT: _context, ...inherited } = process.env
  return {
    ...{ ...inherited, PATH: `${tools}${delimiter}${process.env['PATH'] ?? ''}`, NO_COLOR: '1' },
    ...{
      PLINTH_DIR: '',
      PLINTH_URL: '',
      PLINTH_TOKEN: '',
      PLINTH_WARDEN: '',
      PLINTH_OPERATOR: '',
      PLINTH_HEADS: 'off',
    },
  }
}
