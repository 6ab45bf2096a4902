/** The commands of docs/operating/erasure.md, in order, as an operator would type them, on the clinic; then no byte of her is found. */
import assert from 'node:assert/strict'
import { cpSync, mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { CLINIC } from '../support/clinic-history.ts'
import { startPlinth, temporaryFolder } from '../support/plinth-process.ts'
import { commandsOf, installedCopy, Terminal } from '../support/runbook.ts'
import { textsFound } from '../support/search-files.ts'

test('the runbook of erasure does what it says', { timeout: 600_000 }, async (t) => {
  await using workspace = await temporaryFolder()
  const folder = installedCopy(CLINIC, join(workspace.path, 'clinic'))
  const keys = join(workspace.path, 'keys')
  const start = ['--app', '.', '--dir', '.plinth', '--port', '0']
  await using system = await startPlinth('start', start, { cwd: folder })
  const terminal = new Terminal(folder, workspace.path)
  let output = ''
  for (const line of commandsOf('docs/operating/erasure.md', ['ts'])) {
    t.diagnostic(line)
    output += await terminal.type(line)
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
  await terminal.type('rm .plinth/subject-keys.*')
  await using moved = await startPlinth('start', [...start, '--subject-keys', keys], { cwd: folder })
  assert.match(await terminal.type('npx plinth state patient p-1'), /\[erased\]/)
  assert.match(await terminal.type(`npx plinth verify --subject-keys ${keys}`), /valid with erasures/)
  assert.equal(await moved.stop(), 0)
})
