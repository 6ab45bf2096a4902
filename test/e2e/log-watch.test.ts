/**
 * A client that watches the log, against a real runtime whose data directory was put back, or put back and gone on from with the same key. The
 * first call notices, and the stand-alone verifier, a process of its own, judges what was saved.
 */
import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { cpSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, test, type TestContext } from 'node:test'
import { buildSync } from 'esbuild'
import { client, type Client } from 'plinth/client'
import { fileHeads, LogFault, memoryHeads, watchLog } from 'plinth/client/log'
import type app from '../../examples/starter/index.ts'
import { buildRelease } from '../../src/application/build.ts'
import { entryOf } from '../../src/main/application-folder.ts'
import { start } from '../../src/main/start.ts'
import type { Release } from '../../src/model/manifest.ts'
import { openSandbox } from '../../src/sandbox/open-sandbox.ts'
import type { Sandbox } from '../../src/sandbox/sandbox.ts'
import { plinth, STARTER } from '../support/plinth-process.ts'

const ROOT = join(import.meta.dirname, '..', '..')
const VERIFIER = join(ROOT, 'verifier', 'verify.ts')

function folder(test: TestContext): string {
  const path = mkdtempSync(join(tmpdir(), 'plinth-watch-'))
  test.after(() => rmSync(path, { recursive: true, force: true }))
  return path
}
// Built once: starting again and again is what is tested here.
let sandbox: Sandbox
let release: Release
before(async () => {
  sandbox = await openSandbox()
  const entry = entryOf(STARTER)
  release = (await buildRelease(entry, { describe: (bundle) => sandbox.describe(bundle) })).release
})
after(() => sandbox.close())

const startOn = (dir: string) =>
  start({ dir, application: STARTER, host: '127.0.0.1', port: 0, data: null, talk: () => {} }, { release, sandbox })
type System = Awaited<ReturnType<typeof startOn>>

function shopOf(system: System, heads: string): Client<typeof app> {
  const log = watchLog({ vkey: readFileSync(join(system.dir, 'log.vkey'), 'utf8'), heads: fileHeads(heads) })
  return client<typeof app>(system.url, { token: system.agent.key, log })
}
const add = (shop: Client<typeof app>, productId: string) =>
  shop.commands.add_product({ productId, name: productId, price: 100, stock: 10 })

async function faultOf(call: Promise<unknown>): Promise<LogFault> {
  try {
    await call
  } catch (error) {
    assert.ok(error instanceof LogFault, String(error))
    return error
  }
  return assert.fail('the client took it')
}
/** Exit code of the stand-alone verifier. */
const verify = (what: string, file: string, dir: string): number | null =>
  spawnSync(process.execPath, [VERIFIER, what, file, '--key', join(dir, 'log.vkey')]).status

/** A log of some records, a backup of it, and a client that has seen more than the backup holds. */
async function seenMore(t: TestContext): Promise<{ dir: string; backup: string; heads: string }> {
  const base = folder(t)
  const [dir, backup, heads] = ['data', 'backup', 'heads'].map((name) => join(base, name)) as [string, string, string]
  const before = await startOn(dir)
  await add(shopOf(before, heads), 'tea')
  await before.close()
  cpSync(dir, backup, { recursive: true })
  const system = await startOn(dir)
  const shop = shopOf(system, heads)
  for (const product of ['milk', 'rice', 'salt']) assert.equal((await add(shop, product)).kind, 'committed')
  assert.equal((await shop.queries.find_product({ name: 'rice' })).kind, 'answered')
  await system.close()
  return { dir, backup, heads }
}

test('a database put back to an older state: the next call of whoever has seen more says rollback', async (t) => {
  const { dir, backup, heads } = await seenMore(t)
  rmSync(dir, { recursive: true })
  cpSync(backup, dir, { recursive: true })
  const system = await startOn(dir)
  t.after(() => system.close())
  const shop = shopOf(system, heads)
  for (const call of [() => shop.queries.find_product({ name: 'rice' }), () => add(shop, 'soap')]) {
    const fault = await faultOf(call())
    assert.equal(fault.code, 'log-rollback')
    assert.equal(verify('evidence', fault.file ?? '', dir), 31)
  }
  // who has seen nothing has nothing to hold it against
  assert.equal((await add(client(system.url, { token: system.agent.key }), 'oil')).kind, 'committed')
})

test('put back and gone on from, with the same key: an equivocation proof, at the same size and beyond it', async (t) => {
  const { dir, backup, heads } = await seenMore(t)
  rmSync(dir, { recursive: true })
  cpSync(backup, dir, { recursive: true })
  const system = await startOn(dir)
  t.after(() => system.close())
  const stranger = client<typeof app>(system.url, { token: system.agent.key })
  const { since } = await watchLog({
    vkey: readFileSync(join(dir, 'log.vkey'), 'utf8'),
    heads: fileHeads(heads),
  }).begin()
  const verdicts: (readonly [string, number | null])[] = []
  for (let n = 0; verdicts.length < 3; n++) {
    const done = await add(stranger, `forged-${n}`)
    assert.ok(done.kind === 'committed')
    if (done.position + 1 < since) continue
    const fault = await faultOf(shopOf(system, heads).queries.find_product({ name: 'rice' }))
    verdicts.push([fault.code, verify('evidence', fault.file ?? '', dir)])
  }
  const convicted = ['log-equivocation', 30] as const
  assert.deepEqual(verdicts, [convicted, convicted, convicted])
})

test('the command line keeps watch too, checks receipts offline, and takes heads from anyone', async (t) => {
  const { dir, backup, heads } = await seenMore(t)
  const base = folder(t)
  const env = { PLINTH_DIR: dir, PLINTH_HEADS: heads }
  const system = await startOn(dir)
  const called = await plinth(['call', 'add_product', '{"productId":"x","name":"X","price":1,"stock":1}', '--json'], {
    env,
  })
  assert.equal(called.code, 0, called.stderr)
  const receipt = join(base, 'receipt.json')
  writeFileSync(receipt, called.stdout)
  const note = join(base, 'head.note')
  writeFileSync(note, await (await fetch(`${system.url}/v1/checkpoint`)).text())
  const gossip = async (from: string, code: number) => {
    const told = await plinth(['log', 'gossip', from, '--json'], { env })
    assert.equal(told.code, code, told.stdout + told.stderr)
    return told.json()
  }
  assert.equal((await gossip(note, 0))['result'], 'same')
  assert.equal((await gossip(system.url, 0))['result'], 'same')
  assert.equal((await gossip(receipt, 0))['result'], 'same')
  await add(client(system.url, { token: system.agent.key }), 'y')
  assert.equal((await gossip(system.url, 0))['result'], 'newer')
  assert.equal((await gossip(note, 0))['result'], 'older')
  await system.close()
  assert.equal((await gossip(note, 75))['result'], 'unknown') // nobody there to prove it

  const vkey = readFileSync(join(dir, 'log.vkey'), 'utf8').trim()
  const check = (file: string, key = vkey) => plinth(['receipt', 'check', file, '--vkey', key, '--json'])
  assert.equal((await check(receipt)).json()['valid'], true)
  assert.equal(verify('receipt', receipt, dir), 40) // the verifier takes the receipt alone
  writeFileSync(receipt, JSON.stringify((called.json()['receipt'] as object) ?? {}))
  assert.deepEqual([(await check(receipt)).code, verify('receipt', receipt, dir)], [0, 10])
  writeFileSync(receipt, readFileSync(receipt, 'utf8').replace(/"actor\\":\\"\w/, '"actor\\":\\"X'))
  const forged = await check(receipt)
  assert.deepEqual([forged.code, forged.json()['code']], [6, 'log-proof-invalid'])
  assert.equal((await check(join(base, 'none'))).code, 2)
  assert.equal((await check(receipt, 'no key')).code, 2)

  rmSync(dir, { recursive: true })
  cpSync(backup, dir, { recursive: true })
  const restored = await startOn(dir)
  t.after(() => restored.close())
  const state = await plinth(['state', '--json'], { env })
  assert.deepEqual([state.code, state.json()['code']], [6, 'log-rollback'])
  assert.equal(verify('evidence', String(state.json()['evidence']), dir), 31)
  assert.deepEqual([(await gossip(restored.url, 6))['code']], ['log-rollback'])
  assert.equal((await plinth(['state', '--heads', 'off'], { env })).code, 0)
})

test('over MCP a host finds the same in `_meta`', async (t) => {
  const base = folder(t)
  const system = await startOn(join(base, 'data'))
  t.after(() => system.close())
  const { shownOverMcp } = await import('plinth/client/log')
  const watch = watchLog({ vkey: readFileSync(join(system.dir, 'log.vkey'), 'utf8'), heads: memoryHeads() })
  const call = async (name: string, input: unknown) => {
    const asked = await watch.begin()
    const response = await fetch(system.mcpUrl, {
      method: 'POST',
      headers: {
        authorization: `Bearer ${system.agent.key}`,
        'content-type': 'application/json',
        accept: 'application/json, text/event-stream',
        'mcp-protocol-version': '2025-11-25',
      },
      body: JSON.stringify({
        ...{ jsonrpc: '2.0', id: 1, method: 'tools/call' },
        params: { name, arguments: input, _meta: { 'plinth/logSince': asked.since } },
      }),
    })
    const { result } = (await response.json()) as { result: { _meta: Record<string, unknown> } }
    return { asked, shown: shownOverMcp(result._meta) }
  }
  for (const product of ['a', 'b']) {
    const input = { productId: product, name: product, price: 1, stock: 1 }
    const { asked, shown } = await call('add_product', input)
    assert.notEqual(shown.receipt, null)
    const { size } = await watch.check(asked, shown, () => Promise.resolve(null))
    assert.equal((await watch.begin()).since, size)
    await assert.rejects(
      watch.check(asked, { ...shown, operation: 'op_other' }, () => Promise.resolve(null)),
      LogFault,
    )
  }
})

test('what a client loads is the client: it bundles for plain Node with nothing of the runtime', () => {
  const bundled = buildSync({
    ...{ absWorkingDir: ROOT, entryPoints: ['src/client/log/log.ts', 'src/client/client.ts'] },
    ...{ bundle: true, write: false, metafile: true, format: 'esm', platform: 'node', outdir: 'unwritten' },
  })
  const inputs = Object.keys(bundled.metafile.inputs)
  const others = inputs.filter(
    (path) => !/^src\/(client|model)\/|^src\/transparency-log\/[a-z-]+\.ts$|equivocation\.ts$/.test(path),
  )
  assert.deepEqual(others, [])
  const [, output] = bundled.outputFiles.map(({ path, text }) => ({ path, text }))
  assert.doesNotMatch(output?.text ?? 'from "node:', /from "node:/, 'the client itself runs wherever fetch does')
})
