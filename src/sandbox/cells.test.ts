/** Cells come and go: they are replaced, watched, and gone when the sandbox closes (X3). */
import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { test } from 'node:test'
import { openSandbox } from './open-sandbox.ts'
import { callOf, commandsBundle, NEVER, readsOf, SHOP, TEST_RELEASE } from './testing/bundles.ts'

test('killed cells are replaced, and what they held is answered', async () => {
  const sandbox = await openSandbox({ jail: 'plain', cells: 2 })
  try {
    await sandbox.load(TEST_RELEASE, SHOP)
    const states = { 'order/#1': { status: 'pending', total: 3 } }
    const slow = { ...readsOf(states), get: () => new Promise<never>(() => {}) }
    const controller = new AbortController()
    const held = sandbox.decide(callOf('cancel', { orderId: '#1' }), slow, controller.signal)
    const calls = Array.from({ length: 50 }, () =>
      sandbox.decide(callOf('cancel', { orderId: '#1' }), readsOf(states), NEVER),
    )
    for (const { pid } of sandbox.status().cells) process.kill(pid, 'SIGKILL')
    for (const call of calls) {
      const answer = await call
      assert.equal(answer.kind, 'accepted', JSON.stringify(answer))
    }
    controller.abort()
    assert.equal((await held).kind, 'failed')
    assert.ok(sandbox.status().counters['crashes'] !== 0)
    const after = await sandbox.decide(callOf('late'), readsOf(), NEVER)
    assert.equal(after.kind, 'accepted')
  } finally {
    await sandbox.close()
  }
})

test('an innocent call in the same cell is answered, however the guilty one ends', async () => {
  const sandbox = await openSandbox({ jail: 'plain', cells: 1 })
  try {
    const guilty = { loop: 'for (;;) {}', native: 'Array.prototype.indexOf.call({ length: 2 ** 53 - 1 }, 1)' }
    await sandbox.load(TEST_RELEASE, commandsBundle({ ...guilty, good: 'return input.n' }))
    for (const name of Object.keys(guilty)) {
      const good = (n: number) => sandbox.decide(callOf('good', { n }), readsOf(), NEVER)
      const before = [1, 2, 3].map(good)
      const bad = sandbox.decide(callOf(name), readsOf(), NEVER)
      const behind = [4, 5, 6].map(good)
      const answers = await Promise.all([...before, ...behind])
      assert.deepEqual(
        answers.map((answer) => answer.kind === 'accepted' && answer.result),
        [1, 2, 3, 4, 5, 6],
      )
      const answer = await bad
      assert.ok(answer.kind === 'failed' && answer.limit === 'cpu_time', JSON.stringify(answer))
    }
  } finally {
    await sandbox.close()
  }
})

test('a closed sandbox answers what waits, takes nothing more, and leaves no process', async () => {
  const sandbox = await openSandbox({ cells: 2 })
  await sandbox.load(TEST_RELEASE, SHOP)
  const pids = sandbox.status().cells.map(({ pid }) => pid)
  const waiting = sandbox.decide(
    callOf('cancel', { orderId: '#1' }),
    { ...readsOf(), get: () => new Promise<never>(() => {}) },
    NEVER,
  )
  await sandbox.close()
  const answer = await waiting
  assert.ok(answer.kind === 'failed' && answer.code === 'sandbox-unavailable')
  const late = await sandbox.decide(callOf('late'), readsOf(), NEVER)
  assert.ok(late.kind === 'failed' && late.code === 'sandbox-unavailable')
  await gone(pids)
})

test('cells do not outlive an engine that is killed, not even one in an endless native loop', async (t) => {
  if (process.platform !== 'linux') return t.skip('only Linux ends a process with its parent')
  const module = fileURLToPath(new URL('./open-sandbox.ts', import.meta.url))
  const bundles = fileURLToPath(new URL('./testing/bundles.ts', import.meta.url))
  const program = `
    import { openSandbox } from ${JSON.stringify(module)}
    import { callOf, commandsBundle, NEVER, readsOf, TEST_RELEASE } from ${JSON.stringify(bundles)}
    const sandbox = await openSandbox({ cells: 1, limits: { killGraceMs: 60000 } })
    await sandbox.load(TEST_RELEASE, commandsBundle({ hang: 'Array.prototype.indexOf.call({ length: 2 ** 53 - 1 }, 1)' }))
    void sandbox.decide(callOf('hang'), readsOf(), NEVER)
    setTimeout(() => console.log(JSON.stringify(sandbox.status().cells.map(({ pid }) => pid))), 50)`
  const engine = spawn(process.execPath, ['--no-warnings', '--input-type=module', '--eval', program], {
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  const [line] = (await once(engine.stdout, 'data')) as [Buffer]
  const pids = JSON.parse(line.toString('utf8')) as number[]
  assert.ok(pids.length >= 1)
  engine.kill('SIGKILL')
  await gone(pids)
})

/** Polls, for at most ten seconds. */
async function gone(pids: readonly number[]): Promise<void> {
  for (let time = 0; time < 500; time++) {
    if (!pids.some((pid) => isAlive(pid))) return
    await new Promise((resolve) => setTimeout(resolve, 20))
  }
  assert.fail(`still there: ${pids.filter(isAlive)}`)
}
function isAlive(pid: number): boolean {
  if (process.platform === 'linux' && !existsSync(`/proc/${pid}`)) return false
  try {
    process.kill(pid, 0)
    return true
  } catch {
    return false
  }
}
