/** The witness as a process of its own: killed at any moment it never forgets a size that it has answered; told to stop, it stops. */
import assert from 'node:assert/strict'
import { spawn, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { test, type TestContext } from 'node:test'
import { setTimeout } from 'node:timers/promises'
import { formatVerifierKey } from '../../model/signed-note.ts'
import { parseCosignatureKey, verifyCosignatures } from '../cosignature.ts'
import { readCheckpoint } from '../cosignature-checkpoint.ts'
import { originHash } from './head-files.ts'
import { readOptions } from './options.ts'
import { get, post, temporaryDirectory, type Got } from './testing/temporary.ts'
import { TestLog } from './testing/test-log.ts'

const MAIN = new URL('main.ts', import.meta.url).pathname
const log = new TestLog().grow(2000)
const path = `/${originHash(log.signer.name)}/checkpoint`

interface Started {
  readonly child: ChildProcess
  readonly url: string
  readonly vkey: string
}
function run(test: TestContext, ...words: string[]): ChildProcess {
  const child = spawn(process.execPath, [MAIN, ...words], { stdio: ['ignore', 'pipe', 'pipe'] })
  test.after(() => child.kill('SIGKILL'))
  return child
}
async function start(test: TestContext, dir: string): Promise<Started> {
  const words = ['--dir', dir, '--name', 'witness.example/one', '--port', '0']
  const child = run(test, ...words, '--log-vkey', formatVerifierKey(log.signer))
  const [line] = (await once(createInterface(child.stdout as NodeJS.ReadableStream), 'line')) as [string]
  return { child, ...(JSON.parse(line) as { url: string; vkey: string }) }
}
async function sizeAt(url: string): Promise<number> {
  const { status, body } = await get(url, path)
  return status === 404 ? 0 : readCheckpoint(body).size
}
const asked = async (url: string, body: string): Promise<Got | null> => post(url, body).catch(() => null)

test('killed at any moment, it never un-remembers a size that it has answered, nor cosigns a fork of it', async (t) => {
  const dir = temporaryDirectory(t)
  let answered = 0
  for (let round = 0; round < 5; round++) {
    const { child, url, vkey } = await start(t, dir)
    const remembered = await sizeAt(url)
    assert(remembered >= answered, `${remembered} of ${answered} after kill ${round}`)
    let size = remembered
    let killed: Promise<unknown> | null = null
    while (size < log.size) {
      const got = await asked(url, log.request(size, size + 1))
      if (got === null) break
      assert.equal(got.status, 200, got.body)
      assert.equal(verifyCosignatures(log.signed(size + 1) + got.body, [parseCosignatureKey(vkey)]).length, 1)
      answered = ++size
      killed ??= setTimeout(round * 15).then(() => child.kill('SIGKILL')) // from the first answer on, however slow the disk
    }
    await killed
    if (child.exitCode === null && child.signalCode === null) await once(child, 'exit')
  }
  assert(answered > 0)
  const { url } = await start(t, dir)
  const size = await sizeAt(url)
  assert(size === answered || size === answered + 1) // the last one may have been kept without an answer
  assert.equal((await post(url, log.fork(answered - 1).request(size, size + 9))).status, 422)
  assert.equal((await post(url, log.request(size, log.size))).status, 200)
})

test('told to stop, it answers and stops; it says what it listens for', async (t) => {
  const { child, url } = await start(t, temporaryDirectory(t))
  const exited = once(child, 'exit') as Promise<[number | null]>
  const [got] = await Promise.all([asked(url, log.request(0, 10)), setTimeout(1).then(() => child.kill('SIGTERM'))])
  const [code] = await exited
  assert.equal(code, 0)
  assert(got === null || got.status === 200)
})

test('words that it does not understand are refused with exit code 2, a directory that it must not use with 1', async (t) => {
  const dir = temporaryDirectory(t)
  const vkey = formatVerifierKey(log.signer)
  const outcome = async (...words: string[]) => {
    const child = run(t, ...words)
    const errors: string[] = []
    child.stderr?.setEncoding('utf8').on('data', (text: string) => errors.push(text))
    const [code] = (await once(child, 'close')) as [number]
    return [code, errors.join('').split(':')[0]]
  }
  const base = ['--dir', dir, '--name', 'w', '--port', '0']
  const wrong = [
    [],
    base,
    [...base, '--log-vkey', 'nonsense'],
    [...base, '--log', vkey],
    [...base, '--log-vkey', vkey, '--else'],
    [...base, '--log-vkey', vkey, '--floor', join(dir, 'nothing')],
    [...base.with(5, '65536'), '--log-vkey', vkey],
  ]
  for (const words of wrong)
    assert.throws(() => readOptions(words), { name: 'WitnessFault', code: 'bad-option' }, words.join(' '))
  assert.deepEqual(await outcome(...base), [2, 'bad-option'])
  writeFileSync(join(dir, 'witness.key'), '')
  assert.deepEqual(await outcome(...base, '--log', `an origin=${vkey}`), [1, 'state-incomplete'])
})
