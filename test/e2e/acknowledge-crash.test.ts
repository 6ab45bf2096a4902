/** Killed while a call waits for witnesses: what is committed is there, and the same key gets the level reached by then. */
import assert from 'node:assert/strict'
import { join } from 'node:path'
import { test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { STARTER, startPlinth, temporaryFolder, type Started } from '../support/plinth-process.ts'
import { logVkeyOf, startWitnessProcess, writePolicy } from '../support/witnesses.ts'

const PRODUCT = { productId: 'tea', name: 'Tea', price: 450, stock: 3 }

async function add({ url, agentKey }: Started, key: string, level: string) {
  const response = await fetch(`${url}/v1/commands/add_product`, {
    method: 'POST',
    headers: {
      ...{ authorization: `Bearer ${agentKey}`, 'content-type': 'application/json' },
      ...{ 'idempotency-key': key, 'plinth-acknowledge': level },
    },
    body: JSON.stringify(PRODUCT),
  })
  return { status: response.status, body: (await response.json()) as Record<string, unknown> }
}

/** Position of the log, as its door says. */
async function size({ url }: Started): Promise<number> {
  const note = await (await fetch(`${url}/v1/checkpoint`)).text()
  return Number(note.split('\n')[1])
}

test('a kill in the middle of waiting loses no outcome', { timeout: 600_000 }, async (t) => {
  await using workspace = await temporaryFolder()
  const dir = join(workspace.path, 'data')
  const app = ['--app', STARTER, '--dir', dir]
  const first = await startPlinth('start', app)
  await first.stop()
  const logVkey = await logVkeyOf(dir)
  const witness = await startWitnessProcess(t, workspace.path, 'one', logVkey)
  const policy = await writePolicy(workspace.path, logVkey, [witness], 1)
  await using system = await startPlinth('start', [...app, '--witness-policy', policy])
  await witness.kill('SIGKILL')
  const before = await size(system)
  const cutOff = assert.rejects(add(system, 'once', 'witnessed'), 'the connection is gone, and nobody knows')
  while ((await size(system)) === before) await sleep(10)
  await system.stop('SIGKILL')
  await cutOff

  await witness.again()
  await using restarted = await startPlinth('start', [...app, '--witness-policy', policy])
  const { status, body } = await add(restarted, 'once', 'signed')
  assert.deepEqual([status, body['kind'], body['level'], body['replayed']], [200, 'committed', 'witnessed', true])
  assert.equal(body['asked'], 'witnessed', 'what was asked for is on record')
  assert.match((body['receipt'] as { proof: string }).proof, /— witness\.example\/one /)
})
