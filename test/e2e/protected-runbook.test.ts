/** The commands of docs/operating/protected-declarations.md, in order, as an operator would type them; what it says is refused is, and starts once it is signed. */
import assert from 'node:assert/strict'
import { cpSync, mkdirSync, readFileSync, symlinkSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { test } from 'node:test'
import { send, STARTER, startPlinth, temporaryFolder } from '../support/plinth-process.ts'
import { linesOf, runbookEnvironment, runLine } from '../support/runbook.ts'

const ROOT = fileURLToPath(new URL('../..', import.meta.url))

test('the runbook of protected declarations does what it says', { timeout: 170_000 }, async () => {
  await using workspace = await temporaryFolder()
  const folder = workspace.path
  const shop = join(folder, 'shop')
  cpSync(STARTER, shop, { recursive: true })
  mkdirSync(join(shop, 'node_modules'))
  symlinkSync(ROOT, join(shop, 'node_modules', 'plinth'))
  symlinkSync(join(ROOT, 'node_modules', 'zod'), join(shop, 'node_modules', 'zod'))
  const environment = runbookEnvironment(folder)
  const start = () => startPlinth('start', ['--app', shop, '--dir', join(folder, '.plinth')], { cwd: folder })
  const sellNone = { productId: 'tea', count: 0 }
  {
    await using before = await start()
    await send(before, 'add_product', 'add', { productId: 'tea', name: 'Tea', price: 450, stock: 3 })
    assert.equal((await send(before, 'sell', 'none', sellNone)).body['code'], 'invalid-input')
    let commands = 0
    for (const line of linesOf(readFileSync(join(ROOT, 'docs/operating/protected-declarations.md'), 'utf8'))) {
      if (line.startsWith('npx plinth start')) await before.stop()
      const wanted = Number(/# exits with (\d+)/.exec(line)?.[1] ?? 0)
      const { code, output } = await runLine(line, folder, environment)
      assert.equal(code, wanted, `${line}\n${output}`)
      if (line.includes('protected-declaration')) assert.match(output, /`sell` is not as it was signed/)
      commands += 1
    }
    assert.ok(commands > 8)
  }
  await using after = await start()
  assert.equal((await send(after, 'sell', 'none-more', sellNone)).body['kind'], 'committed')
})
