/** What is kept out of a cell when the isolate itself is broken: probed with the whole of Node's API, in every jail of this machine. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { openSandbox } from '../open-sandbox.ts'
import { callOf, NEVER, readsOf, SHOP, TEST_RELEASE } from '../testing/bundles.ts'
import { cellProgram } from '../assemble.ts'
import { chooseJail } from './choose-jail.ts'
import type { JailKind } from './jail.ts'
import { libraries } from './programs.ts'
import { seccompFilter } from './seccomp.ts'

const KINDS: readonly JailKind[] = ['bubblewrap', 'namespaces', 'plain']
const KEPT_OUT: Readonly<Record<JailKind, readonly string[]>> = {
  bubblewrap: [
    'read-files',
    'read-home',
    'read-environment-of-engine',
    'write-files',
    'fill-shared-memory',
    'start-programs',
    'open-debugger',
    'signal-engine',
    'tcp',
    'udp',
    'unix-socket',
  ],
  namespaces: ['read-home', 'read-environment-of-engine', 'write-files', 'signal-engine', 'tcp', 'udp', 'unix-socket'],
  plain: [],
}

for (const kind of KINDS) {
  test(`jail ${kind}: what it promises is denied, and cells work in it`, async (t) => {
    const chosen = await chooseJail(await cellProgram(), [kind])
    if (chosen === null) return t.skip(`${kind} does not work on this machine`)
    chosen.jail.close()
    for (const name of KEPT_OUT[kind]) assert.equal(chosen.probes[name], 'denied', name)
    const sandbox = await openSandbox({ jail: kind, cells: 1 })
    try {
      const { level, howToRaise, cells, jail } = sandbox.status()
      assert.equal(level, { bubblewrap: 'L3', namespaces: 'L2', plain: 'L1' }[kind])
      assert.equal(howToRaise === null, level === 'L3')
      assert.ok(jail.length > 0 && cells.length > 0)
      await sandbox.load(TEST_RELEASE, SHOP)
      const answer = await sandbox.decide(callOf('late'), readsOf(), NEVER)
      assert.ok(answer.kind === 'accepted')
      for (const { pid } of sandbox.status().cells) assert.ok(pid > 0)
    } finally {
      await sandbox.close()
    }
  })
}

test('the filter is whole instructions and ends in allowing', () => {
  const filter = seccompFilter()
  if (filter === null) return
  assert.equal(filter.length % 8, 0)
  assert.ok(filter.length / 8 < 4_096)
  assert.equal(filter.readUInt32LE(filter.length - 4), 0x7fff_0000)
})

test('the libraries of this process are files', () => {
  if (process.platform !== 'linux') return
  for (const { name, file } of libraries()) assert.ok(name.startsWith('/') && file.startsWith('/'))
})
