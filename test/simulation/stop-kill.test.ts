/** The system is killed in the middle of a stop: after the restart the same operations are done, the agent is stopped, and a retry tells the truth. */
import assert from 'node:assert/strict'
import { join } from 'node:path'
import { test } from 'node:test'
import { publishChange } from '../support/authority.ts'
import { send, startPlinth, STARTER, temporaryFolder } from '../support/plinth-process.ts'

const CLIENTS = 16
const MOMENTS_MS = [0, 5, 40]
const input = (key: string): object => ({ productId: key, name: key, price: 1, stock: 1 })

/** Load, then a stop, then SIGKILL. @returns keys of what was answered as committed, and of all that was sent */
async function untilKilled(
  dir: string,
  afterMs: number,
): Promise<{ readonly acknowledged: readonly string[]; readonly sent: readonly string[] }> {
  const acknowledged: string[] = []
  const sent: string[] = []
  await using system = await startPlinth('start', ['--app', STARTER, '--dir', dir])
  const clients = Array.from({ length: CLIENTS }, async (_, client) => {
    for (let call = 0; ; call++) {
      const key = `p-${client}-${call}`
      sent.push(key)
      try {
        const { body } = await send(system, 'add_product', key, input(key))
        if (body['kind'] !== 'committed') return
        acknowledged.push(key)
      } catch {
        return // the process is gone
      }
    }
  })
  while (acknowledged.length < 2 * CLIENTS) await new Promise((resolve) => setTimeout(resolve, 5))
  const scope = { kind: 'principal', value: 'agent' } as const
  await publishChange(dir, { change: 'switch-on', switch: { id: 'sw-kill', scope, action: 'stop', reason: 'enough' } })
  await new Promise((resolve) => setTimeout(resolve, afterMs))
  await system.stop('SIGKILL')
  await Promise.all(clients)
  return { acknowledged, sent }
}

for (const afterMs of MOMENTS_MS)
  test(`killed ${afterMs} ms after a stop was published`, { timeout: 600_000 }, async () => {
    await using folder = await temporaryFolder()
    const dir = join(folder.path, 'data')
    const { acknowledged, sent } = await untilKilled(dir, afterMs)
    await using again = await startPlinth('start', ['--app', STARTER, '--dir', dir])
    const refused = await send(again, 'add_product', 'another', input('another'))
    assert.deepEqual(
      [refused.status, refused.body['code'], refused.body['detail']],
      [403, 'switched-stopped', 'enough'],
    )
    const headers = { authorization: `Bearer ${again.operatorKey}` }
    const report = await fetch(`${again.url}/v1/stops/sw-kill`, { headers })
    assert.equal(report.status, 200, 'the report of the stop is on record, whoever wrote it')
    const known = async (key: string): Promise<boolean> => {
      const { body } = await send(again, 'add_product', key, input(key))
      return body['kind'] === 'committed' && body['replayed'] === true
    }
    const done = new Set<string>()
    for (const key of sent) if (await known(key)) done.add(key)
    for (const key of acknowledged) assert.ok(done.has(key), `${key} was acknowledged`)
    await publishChange(dir, { change: 'switch-off', id: 'sw-kill' })
    while ((await send(again, 'add_product', 'free', input('free'))).status !== 200)
      await new Promise((resolve) => setTimeout(resolve, 10))
    // What was stopped is done by its own key, once; what was done stays what it was.
    for (const key of sent) {
      const { body } = await send(again, 'add_product', key, input(key))
      assert.deepEqual([body['kind'], body['replayed']], ['committed', done.has(key)], key)
    }
  })
