/** The commands of docs/operating/receipts.md and anchors.md, in order, as an operator would type them, with a real time authority. */
import assert from 'node:assert/strict'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { startAuthority } from '../../src/transparency-log/anchor/testing/openssl-authority.ts'
import { STARTER, startPlinth, temporaryFolder } from '../support/plinth-process.ts'
import { blocksOf, commandsIn, installedCopy, Terminal } from '../support/runbook.ts'

const PAGES = ['receipts.md', 'anchors.md']

test('the runbooks of receipts and anchors do what they say', { timeout: 600_000 }, async (t) => {
  await using workspace = await temporaryFolder()
  const authority = await startAuthority({ key: 'ec' })
  t.after(() => authority.close())
  const folder = installedCopy(STARTER, join(workspace.path, 'shop'))
  const terminal = new Terminal(folder, workspace.path, {
    ...{ PLINTH_HEADS: '', XDG_DATA_HOME: join(workspace.path, 'data') }, // where heads are kept unless told otherwise
  })
  const start = () => startPlinth('start', ['--app', '.', '--dir', '.plinth'], { cwd: folder })
  let system = await start()
  await using ending = new AsyncDisposableStack() // before the folder goes
  ending.defer(async () => void (await system.stop('SIGKILL')))
  for (const page of PAGES) {
    for (const block of blocksOf(`docs/operating/${page}`)) {
      const { language, text } = block
      if (language === 'json') {
        assert.equal(await system.stop(), 0)
        writeFileSync(join(folder, '.plinth/tsa-roots.pem'), authority.root)
        writeFileSync(join(folder, '.plinth/anchors.json'), text.replace('https://tsa.example/tsr', authority.url))
        system = await start()
      } else if (language === 'ts') {
        writeFileSync(join(folder, 'watch.ts'), text)
        const { stdout } = await terminal.run(['node', 'watch.ts'])
        assert.match(stdout, /^answered$/m)
      } else {
        assert.equal(language, 'sh', `${page}: a block in a language that no test runs`)
        for (const line of commandsIn(block)) {
          await terminal.type(line.replace('http://127.0.0.1:4000', system.url))
          t.diagnostic(line)
        }
      }
    }
  }
})
