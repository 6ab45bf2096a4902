/** docs/operating/log-key.md, step by step, as an operator types it: real processes, a real ssh-agent. */
import assert from 'node:assert/strict'
import { spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { cpSync, existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { plinth, STARTER, startPlinth } from '../support/plinth-process.ts'
import { socketFolder } from '../support/socket-folder.ts'

const scratch = mkdtempSync(join(tmpdir(), 'plinth-log-key-'))
after(() => rmSync(scratch, { recursive: true, force: true }))
const VERIFIER = join(import.meta.dirname, '..', '..', 'verifier', 'verify.ts')
const start = (dir: string, ...words: string[]) => startPlinth('start', ['--app', STARTER, '--dir', dir, ...words])
async function ok(...words: string[]) {
  const finished = await plinth([...words, '--json'])
  assert.equal(finished.code, 0, finished.stdout + finished.stderr)
  return finished.json()
}

test('rotation: prepared, in force, every key written for verifiers; a restored copy goes on in an epoch', async () => {
  const dir = join(scratch, 'data')
  await using system = await start(dir)
  const first = readFileSync(join(dir, 'log.vkey'), 'utf8').trim()
  const state = (await ok('state', '--dir', dir)) as { signer?: { state: string } } & Record<string, never>
  assert.match(JSON.stringify(state), /"state":"signing"/)
  const prepared = await ok('log', 'rotate-key', '--prepare', '--dir', dir)
  assert.deepEqual([prepared['before'], prepared['inForce']], [first, false])
  const unasked = await plinth(['log', 'rotate-key', '--dir', dir, '--json'])
  assert.equal(unasked.json()['code'], 'usage', 'nobody can be asked')
  const rotated = await ok('log', 'rotate-key', '--yes', '--dir', dir)
  assert.deepEqual([rotated['after'], rotated['inForce']], [prepared['after'], true])
  const [bundle, keys] = [join(scratch, 'bundle'), join(scratch, 'keys')]
  await ok('log', 'export', bundle, '--dir', dir)
  await ok('log', 'keys', keys, '--dir', dir)
  for (const more of [[], ['--keys', keys]])
    assert.equal(spawnSync(process.execPath, [VERIFIER, 'bundle', bundle, '--key', first, ...more]).status, 10)
  assert.equal(await system.stop(), 0)

  const copy = join(scratch, 'copy')
  cpSync(dir, copy, { recursive: true })
  await using newer = await start(dir)
  await ok('call', 'add_product', '{"productId":"x","name":"X","price":1,"stock":1}', '--dir', dir)
  const whole = join(scratch, 'whole')
  await ok('log', 'export', whole, '--dir', dir)
  await newer.stop()
  const restore = (): void => {
    for (const file of ['data.db', 'data.db-wal', 'data.db-shm']) {
      rmSync(join(dir, file), { force: true })
      if (existsSync(join(copy, file))) cpSync(join(copy, file), join(dir, file))
    }
  }
  restore()
  const early = await plinth(['log', 'recover', '--export', bundle, '--dir', dir, '--json'])
  assert.equal(early.json()['code'], 'log-recovery-refused', 'nothing of what is missing is in it')
  const completed = await ok('log', 'recover', '--export', whole, '--dir', dir)
  assert.ok(Number(completed['size']) > Number(completed['had']))
  await using completedSystem = await start(dir)
  const found = await ok('state', 'product', 'x', '--dir', dir)
  assert.deepEqual(found['version'], 1)
  await completedSystem.stop()

  restore()
  const refused = await plinth(['start', '--app', STARTER, '--dir', dir, '--port', '0', '--json'])
  if (refused.json()['code'] !== 'log-behind-signer') assert.fail(refused.stdout)
  const words = ['log', 'recover', '--dir', dir, '--yes']
  assert.equal((await plinth([...words, '--json'])).json()['code'], 'usage', 'it says how')
  const recovered = await ok(...words, '--new-epoch', '--reason', 'restored from the copy of the night')
  assert.match(String(recovered['origin']), /\/2$/)
  await using again = await start(dir)
  await ok('verify', '--dir', dir)
  assert.equal(await again.stop(), 0)
})

const there = spawnSync('ssh-agent', ['-h']).error === undefined
test(
  'the key in an ssh-agent, from the first start on',
  { skip: there ? false : 'NOT CHECKED: no ssh-agent' },
  async (t) => {
    const socket = join(socketFolder(t), 'agent')
    const agent = spawn('ssh-agent', ['-D', '-a', socket], { stdio: 'ignore' })
    t.after(async () => {
      agent.kill()
      if (agent.exitCode === null && agent.signalCode === null) await once(agent, 'exit')
    })
    while (!existsSync(socket) && agent.exitCode === null) await sleep(10)
    const env = { ...process.env, SSH_AUTH_SOCK: socket }
    const [key, next] = ['one', 'two'].map((name) => {
      const path = join(scratch, name)
      spawnSync('ssh-keygen', ['-q', '-t', 'ed25519', '-N', '', '-f', path])
      assert.equal(spawnSync('ssh-add', ['-q', path], { env }).status, 0)
      return `ssh-agent:${readFileSync(`${path}.pub`, 'utf8').split(' ').slice(0, 2).join(' ')}`
    }) as [string, string]
    const dir = join(scratch, 'agent-data')
    const words = ['--app', STARTER, '--dir', dir, '--log-key', key, '--next-log-key', next]
    await using system = await startPlinth('start', words, { env: { SSH_AUTH_SOCK: socket } })
    assert.match(JSON.stringify(await ok('state', '--dir', dir)), /"backEnd":"ssh-agent"/)
    assert.equal(await system.stop(), 0)
  },
)
