/**
 * W1 as the kernel sees it: text of the head on the disk, then its name, then the folder on the disk, and only then the answer. A kill shows
 * nothing of this, because the kernel keeps what a killed process wrote; `strace` shows the order of the calls.
 */
import assert from 'node:assert/strict'
import { spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { test } from 'node:test'
import { formatVerifierKey } from '../../model/signed-note.ts'
import { originHash } from './head-files.ts'
import { post, temporaryDirectory } from './testing/temporary.ts'
import { TestLog } from './testing/test-log.ts'

const works = spawnSync('strace', ['-o', '/dev/null', process.execPath, '--version']).status === 0
const skip = works ? false : 'NOT CHECKED: `strace` is not here, or may not trace'

test('a head is on the disk under its name before its cosignature leaves', { skip }, async (t) => {
  const [dir, trace] = [temporaryDirectory(t), join(temporaryDirectory(t), 'trace')]
  const log = new TestLog().grow(20)
  const main = new URL('main.ts', import.meta.url).pathname
  const words = ['--dir', dir, '--name', 'w', '--port', '0', '--log-vkey', formatVerifierKey(log.signer)]
  const calls = 'trace=fsync,fdatasync,rename,renameat,renameat2,write,writev,sendto,sendmsg'
  const child = spawn('strace', ['-f', '-y', '-s', '40', '-e', calls, '-o', trace, process.execPath, main, ...words])
  t.after(() => child.kill('SIGKILL'))
  const [line] = (await once(createInterface(child.stdout), 'line')) as [string]
  const { url, pid } = JSON.parse(line) as { url: string; pid: number }
  for (let size = 1; size <= 5; size++) assert.equal((await post(url, log.request(size - 1, size))).status, 200)
  process.kill(pid, 'SIGTERM')
  await once(child, 'exit')

  const head = join(dir, 'heads', originHash(log.signer.name))
  const steps = readFileSync(trace, 'utf8')
    .split('\n')
    .flatMap((call) => stepOf(call, head))
  const order = ['write', 'sync', 'name', 'sync folder', 'answer']
  assert.deepEqual(steps, Array.from({ length: 5 }, () => order).flat())
})

/** What a traced call means here. A call that waits is told of twice: only its end counts, when it is a sync. */
function stepOf(call: string, head: string): string[] {
  const began = pending.get(pidOf(call)) ?? ''
  if (call.includes('<unfinished')) pending.set(pidOf(call), call)
  else if (call.includes('resumed>')) pending.delete(pidOf(call))
  const whole = call.includes('resumed>') ? began : call
  if (/HTTP\/1\.1 200/.test(call)) return ['answer'] // its start, whenever it ends
  if (call.includes('<unfinished')) return []
  if (/f(data)?sync\(/.test(whole) && whole.includes(`<${head}.new>`)) return ['sync']
  if (/f(data)?sync\(/.test(whole) && whole.includes('/heads>')) return ['sync folder']
  if (/rename/.test(whole) && whole.includes(`"${head.slice(0, 10)}`) && whole.includes('/heads/')) return ['name']
  if (/write/.test(whole) && whole.includes(`<${head}.new>`)) return ['write']
  return []
}
const pending = new Map<string, string>()
const pidOf = (call: string): string => call.split(' ')[0] ?? ''
