/**
 * In the seat of who shares the machine: what a running system shows of its keys in files, sockets, command lines, environments and core files, and
 * whether a signal opens a way in.
 */
import assert from 'node:assert/strict'
import { lstatSync, mkdirSync, readdirSync, readFileSync, readlinkSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { STARTER, startPlinth, temporaryFolder } from '../support/plinth-process.ts'

const MARK = 'plk_markedmarkedmarkedmarkedmarkedmarkedmarkedmarkedma'
const SKIP = process.platform === 'linux' ? false : 'SKIPPED: /proc is how this looks at processes'

/** Everything below a process, itself left out. */
function descendants(pid: number): readonly number[] {
  const children = new Map<number, number[]>()
  for (const name of readdirSync('/proc'))
    if (/^\d+$/.test(name)) {
      const parent = parentOf(Number(name))
      if (parent !== null) children.set(parent, [...(children.get(parent) ?? []), Number(name)])
    }
  const below = (of: number): readonly number[] => (children.get(of) ?? []).flatMap((one) => [one, ...below(one)])
  return below(pid)
}
const parentOf = (pid: number): number | null => {
  const parent = /\nPPid:\t(\d+)/.exec(shown(pid, 'status'))?.[1]
  return parent === undefined ? null : Number(parent)
}
/** Empty for a process that has ended, or belongs to somebody else. */
function shown(pid: number, file: string): string {
  try {
    return readFileSync(`/proc/${pid}/${file}`, 'utf8')
  } catch {
    return ''
  }
}
function readIfThere(path: string): string {
  try {
    return readFileSync(path, 'latin1')
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return ''
    throw error
  }
}
function* filesIn(folder: string): Generator<string> {
  for (const entry of readdirSync(folder, { withFileTypes: true })) {
    yield join(folder, entry.name)
    if (entry.isDirectory()) yield* filesIn(join(folder, entry.name))
  }
}

test('a running system shows no key to others, and no signal opens it', { skip: SKIP }, async () => {
  await using folder = await temporaryFolder()
  const dir = join(folder.path, 'data')
  mkdirSync(dir, { mode: 0o755 }) // by somebody who did not think of it
  await using system = await startPlinth('start', ['--app', STARTER, '--dir', dir], { env: { PLINTH_TOKEN: MARK } })
  const engine = system.child.pid ?? assert.fail()
  const processes = descendants(engine)
  const programs = processes.map((pid) => shown(pid, 'cmdline').replaceAll('\0', ' '))
  for (const program of ['signer/main', 'main/warden'])
    assert.ok(
      programs.some((line) => line.includes(program)),
      `${program} is not among ${programs.join('; ')}`,
    )
  const { apiKey, approvalKey, operatorKey } = JSON.parse(readFileSync(join(dir, 'operator.json'), 'utf8')) as {
    readonly [name: string]: string
  } & { readonly operatorKey: { readonly privateKey: string } }
  const pem = [approvalKey, operatorKey.privateKey].map((text) => text?.split('\n')[1] ?? assert.fail())
  const secrets = [MARK, system.agentKey, apiKey ?? assert.fail(), ...pem]

  for (const pid of processes) {
    const said = shown(pid, 'environ') + shown(pid, 'cmdline')
    for (const secret of secrets) assert.ok(!said.includes(secret), `${shown(pid, 'cmdline')} shows ${secret}`)
  }
  for (const secret of secrets.slice(1)) assert.ok(!shown(engine, 'cmdline').includes(secret))

  assert.equal(lstatSync(dir).mode & 0o077, 0, 'the data directory is its owner’s alone')
  for (const path of filesIn(dir)) {
    const found = lstatSync(path, { throwIfNoEntry: false })
    if (found === undefined) continue // written under another name, and renamed since
    if (found.isSymbolicLink()) assert.fail(`${path} points to ${readlinkSync(path)}`)
    assert.equal(found.mode & 0o022, 0, `${path} can be written by others`)
    const isSecret = found.isSocket() || (found.isFile() && /PRIVATE KEY|plk_|"token"/.test(readIfThere(path)))
    if (isSecret || /\.key$|\.db$/.test(path)) assert.equal(found.mode & 0o077, 0, `${path} can be read by others`)
  }

  const guarded = [engine, ...processes.filter((pid) => /signer\/main|main\/warden/.test(shown(pid, 'cmdline')))]
  for (const pid of guarded) process.kill(pid, 'SIGUSR1')
  await sleep(500)
  assert.doesNotMatch(system.stderr(), /Debugger listening/)
  for (const pid of guarded) {
    assert.notEqual(shown(pid, 'status'), '', `process ${pid} is still there`)
    assert.match(shown(pid, 'limits'), /Max core file size +0 +0 /, shown(pid, 'cmdline'))
  }
})
