/** From nothing to an application of one's own: `init`, edit a file, `dev` reloads it; and its own test runs. */
import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { mkdir, readFile, rename, symlink, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { test } from 'node:test'
import { linesOf, plinth, send, spawnPlinth, startPlinth, temporaryFolder } from '../support/plinth-process.ts'

const ROOT = fileURLToPath(new URL('../..', import.meta.url))

/** What `npm install` would put there, without a registry. */
async function installed(folder: string): Promise<void> {
  await mkdir(join(folder, 'node_modules'))
  await symlink(ROOT, join(folder, 'node_modules', 'plinth'))
  await symlink(join(ROOT, 'node_modules', 'zod'), join(folder, 'node_modules', 'zod'))
}

/** Whole at once, as editors do: a file of which half is there is another problem to `dev`. */
async function save(path: string, text: string): Promise<void> {
  await writeFile(`${path}~`, text)
  await rename(`${path}~`, path)
}

/** What is said next of this kind. One change may be told of twice, so what was said before may come once more. */
function saying(lines: AsyncIterator<string>) {
  return async (kind: string): Promise<Readonly<Record<string, unknown>>> => {
    for (;;) {
      const { value, done } = await lines.next()
      assert.notEqual(done, true, `it ended before \`${kind}\``)
      const document = JSON.parse(value as string) as Readonly<Record<string, unknown>>
      if (document['kind'] === kind) return document
    }
  }
}

test('init writes an application that dev runs, and reloads as it is edited, with its data', async () => {
  await using outside = await temporaryFolder()
  const made = await plinth(['init', 'stand'], { cwd: outside.path })
  assert.equal(made.code, 0, made.stderr)
  const folder = join(outside.path, 'stand')
  await installed(folder)
  await using stand = await startPlinth('dev', [], { cwd: folder })
  assert.equal(stand.document['application'], 'stand')
  await send(stand, 'add_product', 'add', { productId: 'tea', name: 'Tea', price: 450, stock: 3 })

  const index = join(folder, 'index.ts')
  const source = await readFile(index, 'utf8')
  const said = saying(stand.lines())

  await save(index, source.replace('const { stock }', 'const { stock ]'))
  const broken = await said('problem')
  assert.deepEqual([broken['code'], broken['stillRuns']], ['release-invalid', true])
  assert.match(String(broken['detail']), /index\.ts` line \d+/)
  assert.equal((await send(stand, 'sell', 'one', { productId: 'tea', count: 1 })).body['kind'], 'committed')

  await save(index, source.replace('return { left: stock - count }', 'return { left: stock - count, thanks: true }'))
  await said('reloaded')
  const sold = await send(stand, 'sell', 'another', { productId: 'tea', count: 1 })
  assert.deepEqual(sold.body['result'], { left: 1, thanks: true })

  await save(index, source.replaceAll('sold', 'handed-over').replaceAll('handed-over:', "'handed-over':"))
  const incompatible = await said('problem')
  assert.deepEqual([incompatible['code'], incompatible['event']], ['release-invalid', 'sold'])
  await save(index, source)
  await said('reloaded')
  assert.equal(await stand.stop('SIGINT'), 0)

  const other = join(outside.path, 'other')
  await plinth(['init', 'other'], { cwd: outside.path })
  await installed(other)
  const foreign = await plinth(['start', '--port', '0', '--dir', join(folder, '.plinth')], { cwd: other })
  assert.equal(foreign.code, 2)
  assert.match(foreign.stderr, /holds the application `stand`/)
})

test('the test that init writes passes', async () => {
  await using outside = await temporaryFolder()
  await plinth(['init', 'shop'], { cwd: outside.path })
  const folder = join(outside.path, 'shop')
  await installed(folder)
  const { NODE_TEST_CONTEXT: _context, ...env } = process.env
  const { status, stdout, stderr } = spawnSync(process.execPath, ['--test'], { cwd: folder, encoding: 'utf8', env })
  assert.equal(status, 0, stdout + stderr)
  assert.match(stdout, /pass 3/)
})

test('what init writes has no error of types, neither in itself nor in what it imports', async () => {
  await using outside = await temporaryFolder()
  await plinth(['init', 'shop'], { cwd: outside.path })
  const folder = join(outside.path, 'shop')
  await installed(folder)
  await symlink(join(ROOT, 'node_modules', '@types'), join(folder, 'node_modules', '@types'))
  const tsc = join(ROOT, 'node_modules', '.bin', 'tsc')
  const { status, stdout, stderr } = spawnSync(tsc, ['-p', '.'], { cwd: folder, encoding: 'utf8' })
  assert.equal(status, 0, stdout + stderr)
})

test('init does not write over what is there, nor where a name cannot be used', async () => {
  await using outside = await temporaryFolder()
  await mkdir(join(outside.path, 'there'))
  for (const name of ['there', 'Shop', '../x y', ''])
    assert.equal((await plinth(['init', name], { cwd: outside.path })).code, 2, name)
})

test('dev starts on a broken application, and runs it once it is repaired', async () => {
  await using outside = await temporaryFolder()
  await plinth(['init', 'shop'], { cwd: outside.path })
  const folder = join(outside.path, 'shop')
  await installed(folder)
  const index = join(folder, 'index.ts')
  const source = await readFile(index, 'utf8')
  await writeFile(index, source.replaceAll("opens: ['added']", "opens: ['missing']"))
  const child = spawnPlinth(['dev', '--json', '--port', '0'], { cwd: folder })
  try {
    const said = saying(linesOf(child))
    assert.equal((await said('problem'))['code'], 'release-invalid')
    await save(index, source)
    await said('reloaded')
  } finally {
    const closed = once(child, 'close')
    child.kill('SIGKILL')
    await closed // before its folder goes
  }
})
