/**
 * Every snippet of the README, run in order as a newcomer would: shell lines must exit as their comment says (0 without one), TypeScript goes
 * where the text around it says. Only `npm ci` and `npm install` are stood in for: the dependencies are those of this checkout.
 */
import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { chmod, mkdir, readFile, symlink, writeFile } from 'node:fs/promises'
import { delimiter, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { test } from 'node:test'
import { PLINTH, startPlinth, temporaryFolder, type Started } from '../support/plinth-process.ts'

const ROOT = fileURLToPath(new URL('../..', import.meta.url))
const RETAIL = join(ROOT, 'examples/retail')

interface Block {
  readonly language: string
  readonly text: string
}
const blocks: readonly Block[] = [
  ...(await readFile(join(ROOT, 'README.md'), 'utf8')).matchAll(/^```(\w*)\n([\s\S]*?)^```$/gm),
].map((match) => ({ language: match[1] ?? '', text: match[2] ?? '' }))

test('every snippet of the README does what it says', { timeout: 110_000 }, async (t) => {
  await using workspace = await temporaryFolder()
  const tools = await standIns(join(workspace.path, 'bin'))
  const checkout = join(workspace.path, 'plinth')
  await mkdir(checkout)
  await symlink(join(ROOT, 'verifier'), join(checkout, 'verifier'))
  const shop = join(workspace.path, 'shop')
  const index = join(shop, 'index.ts')
  await using running = new Running()
  let folder = checkout

  const edits: readonly ((source: string, snippet: string) => string)[] = [
    (source, snippet) => before(source, 'export const findProduct', `${snippet}\n`),
    (source, snippet) => after(source, '    sold: z.object({ count: z.int() }),\n', snippet),
    (source, snippet) => after(source, 'stock: state.stock - count }),\n', snippet),
    (source, snippet) => replaced(source, '  commands: [addProduct, sell],\n', snippet),
  ]
  let edit = 0

  for (const { language, text } of blocks) {
    if (language === 'ts' && edit < edits.length) {
      await writeFile(index, edits[edit++]!(await readFile(index, 'utf8'), text))
      if (edit === edits.length) await running.reloaded()
    } else if (language === 'ts') {
      await writeFile(join(shop, 'buy.ts'), text)
      const { code, stdout, stderr } = await run(['node', 'buy.ts'], shop, tools)
      assert.deepEqual([code, stdout.trim()], [0, '501'], stderr)
    } else {
      assert.equal(language, 'sh', 'a snippet in a language that no test runs')
      for (const line of text.trim().split('\n')) {
        if (line === 'npm ci && npm start')
          await running.start('start', ['--app', RETAIL, '--dir', '.plinth'], checkout)
        else if (line === 'npm run dev') await running.start('dev', [], shop)
        else if (line === 'npm install') await install(shop)
        else if (line === 'cd ../shop') folder = shop
        else await shellLine(line, folder, tools)
        t.diagnostic(line)
      }
    }
  }
  assert.equal(edit, edits.length)
})

/** One line of a terminal; the number in `# exits with N` is what it must exit with. */
async function shellLine(line: string, folder: string, tools: string): Promise<void> {
  const expected = Number(/# exits with (\d+)/.exec(line)?.[1] ?? 0)
  const { code, stderr } = await run(['sh', '-c', line], folder, tools)
  assert.equal(code, expected, `${line}\n${stderr}`)
}

async function run(words: readonly string[], cwd: string, tools: string) {
  const { NODE_TEST_CONTEXT: _context, ...inherited } = process.env
  const env = {
    ...inherited,
    PATH: `${tools}${delimiter}${process.env['PATH'] ?? ''}`,
    PLINTH_HEADS: join(tools, 'heads'), // not the user's own
  }
  const child = spawn(words[0] ?? '', words.slice(1), { cwd, env, stdio: ['ignore', 'pipe', 'pipe'] })
  let stdout = ''
  let stderr = ''
  child.stdout.setEncoding('utf8').on('data', (text: string) => (stdout += text))
  child.stderr.setEncoding('utf8').on('data', (text: string) => (stderr += text))
  const [code] = (await once(child, 'close')) as [number | null]
  return { code, stdout, stderr }
}

/** `npx plinth …` runs this checkout's command line, `node` is the one that runs this test. */
async function standIns(folder: string): Promise<string> {
  await mkdir(folder)
  const programs = {
    npx: `#!/bin/sh\nshift\nexec "${process.execPath}" "${PLINTH}" "$@"\n`,
    node: `#!/bin/sh\nexec "${process.execPath}" "$@"\n`,
  }
  for (const [name, text] of Object.entries(programs)) {
    await writeFile(join(folder, name), text)
    await chmod(join(folder, name), 0o755)
  }
  return folder
}

async function install(folder: string): Promise<void> {
  await mkdir(join(folder, 'node_modules'))
  await symlink(ROOT, join(folder, 'node_modules', 'plinth'))
  await symlink(join(ROOT, 'node_modules', 'zod'), join(folder, 'node_modules', 'zod'))
}

/** What runs in the other terminal. */
class Running implements AsyncDisposable {
  readonly #started: Started[] = []
  async start(command: 'start' | 'dev', args: readonly string[], cwd: string): Promise<void> {
    this.#started.push(await startPlinth(command, args, { cwd }))
  }
  /** Saving file by file may reload, or fail to, on the way; it ends with a reload that has the new command. */
  async reloaded(): Promise<void> {
    const dev = this.#started.at(-1)
    assert.ok(dev !== undefined)
    for (const lines = dev.lines(); ;) {
      const { value, done } = await lines.next()
      assert.notEqual(done, true, dev.stderr())
      if ((JSON.parse(value as string) as { counts?: string }).counts?.includes('3 commands') === true) return
    }
  }
  async [Symbol.asyncDispose](): Promise<void> {
    for (const started of this.#started.reverse()) await started.stop('SIGKILL')
  }
}

function before(source: string, marker: string, snippet: string): string {
  return replaced(source, marker, snippet + marker)
}
function after(source: string, marker: string, snippet: string): string {
  return replaced(source, marker, marker + snippet)
}
function replaced(source: string, marker: string, snippet: string): string {
  assert.ok(source.includes(marker), `the starter has no \`${marker}\``)
  return source.replace(marker, () => snippet)
}
