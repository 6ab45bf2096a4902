/** The commands of docs/operating/switches.md, warden.md and operator-keys.md, in order, as an operator would type them; with a real SSH agent. */
import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { existsSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { STARTER, startPlinth, temporaryFolder } from '../support/plinth-process.ts'
import { blocksOf, commandsIn, Terminal } from '../support/runbook.ts'
import { socketFolder } from '../support/socket-folder.ts'

const PAGES = ['switches.md', 'warden.md', 'operator-keys.md']
const AGENT = '/usr/bin/ssh-agent'

test('the runbooks of switches, warden and operator keys do what they say', { timeout: 600_000 }, async (t) => {
  await using workspace = await temporaryFolder()
  const folder = workspace.path
  const socket = join(socketFolder(t), 'agent.sock')
  const passphrase = join(folder, 'passphrase') // from a file, since nobody can be asked
  writeFileSync(passphrase, 'correct horse battery staple\n')
  const terminal = new Terminal(folder, folder, { SSH_AUTH_SOCK: socket, PLINTH_PASSPHRASE_FILE: passphrase })
  const hasAgent = existsSync(AGENT)
  if (hasAgent) {
    const agent = spawn(AGENT, ['-D', '-a', socket], { stdio: 'ignore' })
    t.after(() => agent.kill())
    while (!existsSync(socket) && agent.exitCode === null) await new Promise((resolve) => setTimeout(resolve, 10))
  }
  await using system = await startPlinth('start', ['--app', STARTER, '--dir', join(folder, '.plinth')], { cwd: folder })
  assert.equal(system.document['kind'], 'started')
  let commands = 0
  for (const page of PAGES) {
    for (const block of blocksOf(`docs/operating/${page}`)) {
      assert.equal(block.language, 'sh', `${page}: a block in a language that no test runs`)
      if (!hasAgent && block.text.includes('ssh-')) {
        t.diagnostic(`skipped, since ${AGENT} is not installed: a block of ${page}`)
        continue
      }
      for (const line of commandsIn(block)) {
        await terminal.type(line)
        commands += 1
      }
    }
  }
  t.diagnostic(`${commands} commands`)
  assert.ok(commands > 40)
})
