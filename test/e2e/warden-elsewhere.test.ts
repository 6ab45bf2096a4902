/** The warden moved away: its directory is not the system's any more, the system fetches what is signed, and is read-only when nobody renews its lease. */
import assert from 'node:assert/strict'
import { once } from 'node:events'
import { existsSync, renameSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { readOperator } from '../../src/doors/cli/credential.ts'
import { requestChange } from '../../src/warden/operate.ts'
import { memorySigner } from '../../src/warden/operator-signer.ts'
import { lastingPort } from '../support/lasting-port.ts'
import { linesOf, send, spawnPlinth, startPlinth, STARTER, temporaryFolder } from '../support/plinth-process.ts'

const LEASE_MS = 3_000

test(
  'a warden elsewhere: changes arrive, silence makes read-only, its return ends that',
  { timeout: 600_000 },
  async () => {
    await using folder = await temporaryFolder()
    await using wardens = new AsyncDisposableStack()
    const dir = join(folder.path, 'data')
    const place = { dir: join(folder.path, 'moved'), publishDir: join(folder.path, 'published') }
    {
      await using first = await startPlinth('start', ['--app', STARTER, '--dir', dir])
      assert.equal(await first.stop(), 0)
    }
    renameSync(join(dir, 'warden'), place.dir)
    const { operatorKey } = await readOperator(dir)
    const operator = memorySigner(operatorKey.name, operatorKey.privateKey)
    const port = await lastingPort()
    const startWarden = async () => {
      const words = ['warden', '--warden', place.dir, '--publish', place.publishDir, '--serve', `127.0.0.1:${port}`]
      const child = spawnPlinth([...words, '--json'], {})
      const closed = once(child, 'close')
      wardens.defer(async () => {
        child.kill('SIGKILL')
        await closed // before its folder goes
      })
      const { value } = (await linesOf(child).next()) as { value: string }
      return { child, url: (JSON.parse(value) as { url: string }).url }
    }
    let warden = await startWarden()
    await using system = await startPlinth('start', ['--app', STARTER, '--dir', dir, '--warden', warden.url])
    assert.ok(!existsSync(join(dir, 'warden')), 'the system has nothing of the warden')
    const add = async (key: string) => {
      const { status, body } = await send(system, 'add_product', key, { productId: key, name: key, price: 1, stock: 1 })
      return [status, body['kind'] ?? body['code']]
    }
    const until = async (key: string, status: number): Promise<unknown> => {
      for (let tries = 0; ; tries++) {
        const [answered, what] = await add(`${key}-${tries}`)
        if (answered === status) return what
        await new Promise((resolve) => setTimeout(resolve, 20))
      }
    }
    assert.deepEqual(await add('a'), [200, 'committed'])
    const scope = { kind: 'command', value: 'add_product' } as const
    const one = { id: 'sw-far', scope, action: 'stop', reason: 'from far away' } as const
    await requestChange(place, operator, [{ change: 'switch-on', switch: one }], '')
    assert.equal(await until('stopped', 403), 'switched-stopped')
    await requestChange(
      place,
      operator,
      [
        { change: 'switch-off', id: one.id },
        { change: 'set-lease', leaseMs: LEASE_MS },
      ],
      '',
    )
    assert.equal(await until('free', 200), 'committed')
    warden.child.kill('SIGKILL')
    assert.equal(await until('silence', 503), 'authority-expired')
    const self = await fetch(`${system.url}/v1/self`, { headers: { authorization: `Bearer ${system.operatorKey}` } })
    const { degraded } = (await self.json()) as { degraded: readonly { state: string }[] }
    assert.deepEqual(
      degraded.map(({ state }) => state),
      ['read-only'],
    )
    warden = await startWarden()
    assert.equal(await until('back', 200), 'committed')
  },
)
