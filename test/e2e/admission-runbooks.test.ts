/** The commands of docs/operating/limits.md, approvals.md, breakers.md, shadow-mode.md and authority.md, in order, as an operator would type them. */
import assert from 'node:assert/strict'
import { cpSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { STARTER, startPlinth, temporaryFolder } from '../support/plinth-process.ts'
import { commandsOf, Terminal } from '../support/runbook.ts'

for (const page of ['limits.md', 'approvals.md', 'breakers.md', 'shadow-mode.md', 'authority.md'])
  test(`the runbook ${page} does what it says`, { timeout: 600_000 }, async (t) => {
    await using workspace = await temporaryFolder()
    const folder = workspace.path
    const terminal = new Terminal(folder, folder)
    cpSync(join(STARTER, 'policies'), join(folder, 'shop', 'policies'), { recursive: true })
    const where = { cwd: folder }
    await using system = await startPlinth('start', ['--app', STARTER, '--dir', join(folder, '.plinth')], where)
    assert.equal(system.document['kind'], 'started')
    const commands = commandsOf(`docs/operating/${page}`, ['json', 'cedar']) // examples, which other tests read
    for (const line of commands) {
      const output = await terminal.type(line)
      if (line.includes('policy shadow') && !line.includes('grep'))
        assert.match(output, /denied[^]*small-sales-only|small-sales-only[^]*denied/)
      if (page === 'breakers.md' && line === 'npx plinth state')
        assert.match(output, /^breaker +refused: open until .*, for agent$/m)
      if (line.includes('approvals show')) assert.match(output, /stock: 500 → 480/)
    }
    t.diagnostic(`${commands.length} commands`)
    assert.ok(commands.length > 5)
  })
