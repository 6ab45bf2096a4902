/** A limit holds across SIGKILL and restart: of a thousand calls at once, made again after the crash, exactly as many land as fit. */
import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import { test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { bankPolicies, limits } from '../support/bank-policies.ts'
import { NEVER, openBank, temporaryDirectory } from '../support/bank-system.ts'

const WORKLOAD = fileURLToPath(new URL('./limit-workload.ts', import.meta.url))
const CALLS = 1_000
const MAX = 50

/** Lines that it wrote until it ended, or was killed after that many commits. */
async function run(dir: string, policies: string, killAfter: number): Promise<readonly string[]> {
  const child = spawn(process.execPath, [WORKLOAD, dir, policies, String(CALLS)], {
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  let text = ''
  child.stdout.on('data', (chunk: Buffer) => {
    text += chunk.toString()
    if ((text.match(/^committed$/gm)?.length ?? 0) >= killAfter) child.kill('SIGKILL')
  })
  await once(child, 'close')
  return text.split('\n')
}
const count = (lines: readonly string[], kind: string): number => lines.filter((line) => line === kind).length

test(`A1: of ${CALLS} racing calls at a limit of ${MAX} exactly ${MAX} land, across SIGKILL and restart`, async (t) => {
  const policies = await bankPolicies(
    t,
    limits({ deposits: { of: ['deposit'], per: ['principal'], window: { sliding: '1d' }, max: MAX } }),
  )
  const dir = join(await temporaryDirectory(t), 'data')
  const first = await run(dir, policies, 10)
  assert.ok(count(first, 'committed') >= 10, 'somebody was answered before the crash')
  const second = await run(dir, policies, Infinity)
  assert.deepEqual([count(second, 'committed'), count(second, 'denied')], [MAX, CALLS - MAX], second.slice(0, 5).join())
  const bank = await openBank(t, { dir })
  const { items } = await bank.engine.operations(
    bank.operator,
    { action: 'deposit', state: 'committed' },
    { after: null, limit: 200 },
    NEVER,
  )
  assert.equal(items.length, MAX)
  const late = await bank.do('deposit', { account: 'a1', amount: 1 })
  assert.equal(late.kind, 'denied')
})
