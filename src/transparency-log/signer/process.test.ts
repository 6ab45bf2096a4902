/** The signer as a process: its socket is its owner's, it outlives no parent, it comes back when it is killed, and forgets nothing. */
import assert from 'node:assert/strict'
import { spawn, spawnSync, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { readFileSync, statSync } from 'node:fs'
import { connect } from 'node:net'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { describe, test, type TestContext } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { LINE_BYTES_MAX } from './protocol.ts'
import { SignerClient } from './signer-client.ts'
import { startSigner, type SignerProcess } from './signer-process.ts'
import { socketPath } from './socket-path.ts'
import { noteOf, ORIGIN, requestOf, temporaryDirectory, testLog } from './testing/requests.ts'

const MAIN = new URL('main.ts', import.meta.url).pathname
const PATIENCE_MS = 60_000 // a busy machine; what is waited for ends the wait
const soon = (): AbortSignal => AbortSignal.timeout(PATIENCE_MS)

async function start(test: TestContext, dir = temporaryDirectory(test)): Promise<SignerProcess & { dir: string }> {
  const signer = await startSigner({ dir, origin: ORIGIN, onProblem: () => {} })
  test.after(() => signer.close())
  return Object.assign(signer, { dir })
}
function clientOf(test: TestContext, path: string): SignerClient {
  const client = new SignerClient(path)
  test.after(() => client.close())
  return client
}
/** Asks until the signer is back. */
async function patiently<Answer>(ask: () => Promise<Answer>): Promise<Answer> {
  for (const startedMs = performance.now(); ;) {
    try {
      return await ask()
    } catch (error) {
      if (performance.now() - startedMs > PATIENCE_MS) throw error
      await sleep(20)
    }
  }
}

describe('signer process', () => {
  test('signs through a socket that nobody else may open', async (t) => {
    const signer = await start(t)
    const client = clientOf(t, signer.socket)
    const log = testLog(10)
    const { epoch } = await client.claim(soon())
    noteOf(await client.sign(requestOf(log, epoch, 0, 10), soon()))
    assert.equal(statSync(signer.socket).mode & 0o777, 0o600)
    assert.equal(statSync(signer.dir).mode & 0o077, 0)
    await assert.rejects(client.sign(requestOf(log, epoch, 0, 5), soon()), { code: 'signer-refused' })
  })

  test('killed at any moment, it comes back and never un-remembers a size that it has signed', async (t) => {
    const signer = await start(t)
    const client = clientOf(t, signer.socket)
    const log = testLog(3_000)
    let signed = 0
    for (let round = 0; round < 4; round++) {
      const { epoch, size } = await patiently(() => client.claim(soon()))
      assert(size === signed || size === signed + 1, `${size} of ${signed}`)
      signed = size
      let killed: Promise<void> | null = null
      try {
        for (;;) {
          noteOf(await client.sign(requestOf(log, epoch, signed, signed + 1), soon()))
          signed++
          killed ??= sleep(round * 20).then(() => signer.restart()) // from the first answer on, however slow the disk
        }
      } catch (error) {
        assert.equal((error as { code?: string }).code, 'signer-unavailable')
      }
      await killed
    }
    const { epoch, size } = await patiently(() => client.claim(soon()))
    assert(size >= signed && signed > 0)
    await assert.rejects(client.sign(requestOf(log.fork(1), epoch, size, 3_000), soon()), { code: 'signer-refused' })
  })

  test('a signer that hangs is given up after its time, and another takes over', async (t) => {
    const signer = await start(t)
    const client = clientOf(t, signer.socket)
    const log = testLog(5)
    const { epoch } = await client.claim(soon())
    process.kill(signer.pid as number, 'SIGSTOP')
    await patiently(async () => assert.match(statusOf(signer.pid as number), /^State:\s+T/m))
    await assert.rejects(client.sign(requestOf(log, epoch, 0, 5), AbortSignal.timeout(100)), {
      code: 'signer-unavailable',
    })
    signer.restart()
    noteOf(await patiently(() => client.sign(requestOf(log, epoch, 0, 5), soon())))
  })

  test('closed while another is being started, it leaves none behind', async (t) => {
    const signer = await start(t)
    const before = signer.pid
    signer.restart()
    await patiently(async () => assert.notEqual(signer.pid, before))
    await signer.close()
    assert.throws(() => process.kill(signer.pid as number, 0), { code: 'ESRCH' })
  })

  test('what is no request is answered as such, and hurts nobody', async (t) => {
    const signer = await start(t)
    const bad = [
      '',
      'nonsense',
      '{}',
      '{"id":1}',
      '{"id":1,"ask":"sign","request":{}}',
      '{"id":1,"ask":"forget"}',
      '[]',
      'null',
    ]
    for (const line of bad) {
      const socket = connect(signer.socket)
      socket.write(`${line}\n`)
      const [text] = (await once(socket.setEncoding('utf8'), 'data')) as [string]
      assert.equal(JSON.parse(text).problem.code, 'malformed-request', line)
      socket.destroy()
    }
    const endless = connect(signer.socket)
    endless.on('error', () => {}).write('x'.repeat(LINE_BYTES_MAX + 1))
    await once(endless, 'close')
    await clientOf(t, signer.socket).standing(soon())
  })

  test('it ends with its parent, however that ends', async (t) => {
    const dir = temporaryDirectory(t)
    const program = `
      import { startSigner } from ${JSON.stringify(new URL('signer-process.ts', import.meta.url).href)}
      const signer = await startSigner({ dir: ${JSON.stringify(dir)}, origin: ${JSON.stringify(ORIGIN)}, onProblem() {} })
      console.log(signer.pid)`
    const parent = spawn(process.execPath, ['--input-type=module', '-e', program], {
      stdio: ['ignore', 'pipe', 'inherit'],
    })
    t.after(() => parent.kill('SIGKILL'))
    const [pid] = (await once(createInterface(parent.stdout), 'line')) as [string]
    parent.kill('SIGKILL')
    await patiently(async () => assert.equal(isAlive(Number(pid)), false))
    await (await start(t, dir)).close()
  })

  test('a terminal’s Ctrl-C, which goes to the whole group, does not take it away from its parent', async (t) => {
    const signer = await start(t)
    for (const signal of ['SIGINT', 'SIGTERM'] as const) process.kill(signer.pid as number, signal)
    await clientOf(t, signer.socket).standing(soon())
    assert(isAlive(signer.pid as number))
  })

  test('words that it does not understand are refused with exit code 2, what it must not sign with by 1', async (t) => {
    const dir = temporaryDirectory(t)
    const run = (...words: string[]) => {
      const { status, stdout } = spawnSync(process.execPath, [MAIN, ...words], { encoding: 'utf8' })
      return [status, (JSON.parse(stdout) as { code: string }).code]
    }
    const base = ['--dir', dir, '--origin', ORIGIN]
    assert.deepEqual(run(), [2, 'usage'])
    assert.deepEqual(run(...base, '--socket-mode', '777'), [2, 'usage'])
    assert.deepEqual(run(...base, '--witness-policy', join(dir, 'nothing')), [2, 'usage'])
    assert.deepEqual(run(...base, '--key', 'file:nothing'), [1, 'log-key-invalid'])
    assert.deepEqual(run(...base, '--key', 'vault:one'), [2, 'usage'])
  })

  test('a path too long for a socket gets a short one that both sides find', (t) => {
    const deep = join(temporaryDirectory(t), 'x'.repeat(120))
    assert.equal(socketPath(deep), socketPath(deep))
    assert(Buffer.byteLength(socketPath(deep)) < 104)
    assert.notEqual(socketPath(deep), socketPath(`${deep}y`))
  })
})

const strace = spawnSync('strace', ['-o', '/dev/null', process.execPath, '--version']).status === 0
const skip = strace ? false : 'NOT CHECKED: `strace` is not here, or may not trace'

test('S1: a head is on the disk before its signature leaves', { skip }, async (t) => {
  const [dir, trace] = [temporaryDirectory(t), join(temporaryDirectory(t), 'trace')]
  const calls = 'trace=fdatasync,pwrite64,write,writev,sendto,sendmsg'
  const words = [
    '-f',
    '-y',
    '-s',
    '30',
    '-e',
    calls,
    '-o',
    trace,
    process.execPath,
    MAIN,
    '--dir',
    dir,
    '--origin',
    ORIGIN,
  ]
  const child: ChildProcess = spawn('strace', words, { stdio: ['ignore', 'pipe', 'inherit'] })
  t.after(() => child.kill('SIGKILL'))
  const [line] = (await once(createInterface(child.stdout as NodeJS.ReadableStream), 'line')) as [string]
  const { socket, pid } = JSON.parse(line) as { socket: string; pid: number }
  const client = clientOf(t, socket)
  const log = testLog(5)
  const { epoch } = await client.claim(soon())
  for (let size = 1; size <= 5; size++) noteOf(await client.sign(requestOf(log, epoch, size - 1, size), soon()))
  process.kill(pid, 'SIGTERM')
  await once(child, 'exit')
  const steps = readFileSync(trace, 'utf8')
    .split('\n')
    .flatMap((call) => {
      if (call.includes('/head>') && call.includes('pwrite64(')) return ['put']
      if (call.includes('/head>') && call.includes('fdatasync(')) return ['sync']
      return /(write|sendto|sendmsg)\(.*"\{\\"id\\":/.test(call) ? ['answer'] : []
    })
  assert.deepEqual(steps, Array.from({ length: 6 }, () => ['put', 'sync', 'answer']).flat()) // one claim and five checkpoints
})

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0)
    return !/^State:\s+Z/m.test(statusOf(pid))
  } catch {
    return false
  }
}
function statusOf(pid: number): string {
  return readFileSync(`/proc/${pid}/status`, 'utf8')
}
