/** The commands of docs/operating/protected-declarations.md, in order, as an operator would type them; what it says is refused is, and starts once it is signed. */
import assert from 'node:assert/strict'
import { join } from 'node:path'
import { test } from 'node:test'
import { send, STARTER, startPlinth, temporaryFolder } from '../support/plinth-process.ts'
import { commandsOf, installedCopy, Terminal } from '../support/runbook.ts'

test('the runbook of protected declarations does what it says', { timeout: 600_000 }, async () => {
  await using workspace = await temporaryFolder()
  const folder = workspace.path
  const shop = installedCopy(STARTER, join(folder, 'shop'))
  const terminal = new Terminal(folder, folder)
  const start = () => startPlinth('start', ['--app', shop, '--dir', join(folder, '.plinth')], { cwd: folder })
  const sellNone = { productId: 'tea', count: 0 }
  {
    await using before = await start()
    await send(before, 'add_product', 'add', { productId: 'tea', name: 'Tea', price: 450, stock: 3 })
    assert.equal((await send(before, 'sell', 'none', sellNone)).body['code'], 'invalid-input')
    const commands = commandsOf('docs/operating/protected-declarations.md')
    for (const line of commands) {
      if (line.startsWith('npx plinth start')) await before.stop()
      const output = await terminal.type(line)
      if (line.includes('protected-declaration')) assert.match(output, /`sell` is not as it was signed/)
    }
    assert.ok(commands.length > 8)
  }
  await using after = await start()
  assert.equal((await send(after, 'sell', 'none-more', sellNone)).body['kind'], 'committed')
})
