/** The commands of docs/operating/receipts.md and anchors.md, in order, as an operator would type them, with a real time authority. */
import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { chmodSync, cpSync, mkdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs'
import { delimiter, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { test } from 'node:test'
import { startAuthority } from '../../src/transparency-log/anchor/testing/openssl-authority.ts'
import { PLINTH, STARTER, startPlinth, temporaryFolder } from '../support/plinth-process.ts'

const ROOT = fileURLToPath(new URL('../..', import.meta.url))
const PAGES = ['receipts.md', 'anchors.md']

test('the runbooks of receipts and anchors do what they say', { timeout: 150_000 }, async (t) => {
  await using workspace = await temporaryFolder()
  const authority = await startAuthority({ key: 'ec' })
  t.after(() => authority.close())
  const folder = join(workspace.path, 'shop')
  cpSync(STARTER, folder, { recursive: true })
  mkdirSync(join(folder, 'node_modules'))
  symlinkSync(ROOT, join(folder, 'node_modules', 'plinth'))
  symlinkSync(join(ROOT, 'verifier'), join(folder, 'verifier'))
  symlinkSync(join(ROOT, 'node_modules', 'zod'), join(folder, 'node_modules', 'zod'))
  const env = environment(workspace.path)
  const start = () => startPlinth('start', ['--app', '.', '--dir', '.plinth'], { cwd: folder })
  let system = await start()
  t.after(() => system.stop('SIGKILL'))
  const shell = async (line: string): Promise<void> => {
    const wanted = Number(/# exits with (\d+)/.exec(line)?.[1] ?? 0)
    const { code, output } = await run(['sh', '-c', line], folder, env)
    assert.equal(code, wanted, `${line}\n${output}`)
  }
  for (const page of PAGES) {
    const text = readFileSync(join(ROOT, 'docs/operating', page), 'utf8')
    for (const [, language, block = ''] of text.matchAll(/^```(\w+)\n([\s\S]*?)^```$/gm)) {
      if (language === 'json') {
        assert.equal(await system.stop(), 0)
        writeFileSync(join(folder, '.plinth/tsa-roots.pem'), authority.root)
        writeFileSync(join(folder, '.plinth/anchors.json'), block.replace('https://tsa.example/tsr', authority.url))
        system = await start()
      } else if (language === 'ts') {
        writeFileSync(join(folder, 'watch.ts'), block)
        const { output } = await run(['node', 'watch.ts'], folder, env)
        assert.match(output, /^answered$/m)
      } else {
        assert.equal(language, 'sh', `${page}: a block in a language that no test runs`)
        for (const line of block.trim().split('\n')) {
          await shell(line.replace('http://127.0.0.1:4000', system.url))
          t.diagnostic(line)
        }
      }
    }
  }
})

/** Not synchronously: the authority answers from this process. */
async function run(words: readonly [string, ...string[]], cwd: string, env: NodeJS.ProcessEnv) {
  const [program, ...args] = words
  const child = spawn(program, args, { cwd, env, stdio: ['ignore', 'pipe', 'pipe'] })
  let output = ''
  for (const stream of [child.stdout, child.stderr])
    stream.setEncoding('utf8').on('data', (text: string) => (output += text))
  const [code] = (await once(child, 'close')) as [number | null]
  return { code, output }
}

/** `npx plinth …` runs this checkout's command line; heads and evidence stay in the workspace. */
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
