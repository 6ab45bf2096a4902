/**
 * Every snippet of the README, run in order as a newcomer would: shell lines must exit as their comment says (0 without one), TypeScript goes
 * where the text around it says. Only `npm ci` and `npm install` are stood in for: the dependencies are those of this checkout.
 */
import assert from 'node:assert/strict'
import { mkdir, readFile, symlink, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { test } from 'node:test'
import { startPlinth, temporaryFolder, type Started } from '../support/plinth-process.ts'
import { blocksOf, linkCheckout, Terminal } from '../support/runbook.ts'

const ROOT = fileURLToPath(new URL('../..', import.meta.url))
const RETAIL = join(ROOT, 'examples/retail')

test('every snippet of the README does what it says', { timeout: 600_000 }, async (t) => {
  await using workspace = await temporaryFolder()
  const terminal = new Terminal(workspace.path, workspace.path)
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

  for (const { language, text } of blocksOf('README.md')) {
    if (language === 'ts' && edit < edits.length) {
      await writeFile(index, edits[edit++]!(await readFile(index, 'utf8'), text))
      if (edit === edits.length) await running.reloaded()
    } else if (language === 'ts') {
      await writeFile(join(shop, 'buy.ts'), text)
      const { code, stdout, stderr } = await terminal.run(['node', 'buy.ts'], shop)
      assert.deepEqual([code, stdout.trim()], [0, '501'], stderr)
    } else {
      assert.equal(language, 'sh', 'a snippet in a language that no test runs')
      for (const line of text.trim().split('\n')) {
        if (line === 'npm ci && npm start')
          await running.start('start', ['--app', RETAIL, '--dir', '.plinth'], checkout)
        else if (line === 'npm run dev') await running.start('dev', [], shop)
        else if (line === 'npm install') linkCheckout(shop)
        else if (line === 'cd ../shop') folder = shop
        else await terminal.type(line, folder)
        t.diagnostic(line)
      }
    }
  }
  assert.equal(edit, edits.length)
})

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
