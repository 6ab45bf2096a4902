/** The commands of docs/operating/audit.md, in order, as an operator would type them; and the policy cases of every example. */
import assert from 'node:assert/strict'
import { globSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { test } from 'node:test'
import { plinth, STARTER, startPlinth, temporaryFolder } from '../support/plinth-process.ts'
import { blocksOf, commandsIn, installedCopy, Terminal } from '../support/runbook.ts'

const ROOT = fileURLToPath(new URL('../..', import.meta.url))

test('the runbook of audits does what it says', { timeout: 600_000 }, async (t) => {
  await using workspace = await temporaryFolder()
  const folder = installedCopy(STARTER, join(workspace.path, 'shop'))
  const terminal = new Terminal(folder, workspace.path)
  const system = await startPlinth('start', ['--app', '.', '--dir', '.plinth'], { cwd: folder })
  await using ending = new AsyncDisposableStack() // before the folder goes
  ending.defer(async () => void (await system.stop('SIGKILL')))
  let outputs = ''
  for (const block of blocksOf('docs/operating/audit.md')) {
    if (block.language === 'json') {
      writeFileSync(join(folder, 'policies', 'page.cases.json'), block.text)
      outputs += await terminal.type('npx plinth policy test policies')
      continue
    }
    assert.equal(block.language, 'sh')
    for (const line of commandsIn(block)) {
      outputs += await terminal.type(line)
      t.diagnostic(line)
    }
  }
  assert.match(outputs, /^agreed: \d+ of \d+ admissions/m)
  assert.match(outputs, /^VALID_UNWITNESSED$/m)
  assert.match(outputs, /^admissions {3}\d+ come out again as recorded$/m)
  assert.match(outputs, /^passed: 9 of 9 cases, 7 of 7 policies determined one$/m)
  assert.match(outputs, /^0 of \d+ verdicts would flip/m)
  assert.match(outputs, /@id\("narrow:agent"\)/)

  // The narrower policy, as the page says: written down, tried, and nothing that was allowed flips.
  const reach = await plinth(['reach', 'agent', '--json'], {
    cwd: folder,
    env: { PLINTH_DIR: join(folder, '.plinth') },
  })
  const { narrower } = reach.json() as { narrower: { file: string; text: string; removes: string[] } }
  assert.deepEqual(narrower.removes, ['find_product'])
  writeFileSync(join(folder, 'policies', narrower.file), narrower.text)
  assert.match(await terminal.type('npx plinth policy replay policies'), /^0 of \d+ verdicts would flip/m)
})

test('the policy cases of the examples pass, and every policy determines one', { timeout: 600_000 }, async () => {
  const folders = new Set(globSync('examples/*/policies/*.cases.json', { cwd: ROOT }).map((file) => dirname(file)))
  assert.equal(folders.size, 3)
  for (const folder of folders) {
    const finished = await plinth(['policy', 'test', join(ROOT, folder), '--json'])
    assert.equal(finished.code, 0, finished.stderr + finished.stdout)
    const { cases, passed, uncovered } = finished.json()
    assert.deepEqual([passed, uncovered], [cases, []], folder)
  }
})

test('bad input is said, with what to do', async () => {
  await using workspace = await temporaryFolder()
  const nowhere = { env: { PLINTH_DIR: workspace.path } }
  const wrong: [args: string[], said: RegExp][] = [
    [['audit'], /takes 1 word/],
    [['audit', 'everything'], /none of `admissions`/],
    [['audit', 'admissions'], /is not a data directory/],
    [['audit', 'admissions', '--bundle', join(workspace.path, 'none.tar')], /cannot be read/],
    [['audit', 'admissions', '--bundle', join(ROOT, 'package.json')], /is no bundle/],
    [['audit', 'admissions', '--root-key', join(workspace.path, 'none')], /there is no key/],
    [['reach', 'agent'], /is not a data directory/],
    [['reach', 'agent', '--at', 'soon'], /neither a position nor a time/],
    [['policy', 'replay'], /say which folder/],
    [['policy', 'replay', join(ROOT, 'examples/starter/policies'), '--last', 'week'], /is not a time like/],
    [['policy', 'test', workspace.path], /holds no cases/],
  ]
  for (const [args, said] of wrong) {
    const { code, stderr } = await plinth(args, nowhere)
    assert.equal(code, 2, `${args.join(' ')}: ${stderr}`)
    assert.match(stderr, said)
    assert.doesNotMatch(stderr, /^\s+at /m)
  }
})
