import assert from 'node:assert/strict'
import { cp, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { test, type TestContext } from 'node:test'
import { BANK, NEVER, openBank, temporaryDirectory, type Bank } from '../../../test/support/bank-system.ts'
import { systemClock } from '../../host/clock.ts'
import { audit } from '../../main/audit.ts'
import { Problem } from '../../model/problems.ts'

const BREAKERS = {
  refusing: {
    of: ['withdraw'],
    per: ['principal', 'command'],
    when: { refusals: 0.5, ofLast: 4 },
    open: '1h',
    probes: 1,
  },
  moving: { of: ['deposit'], when: { sum: 'input.amount', over: 100, within: '1h' }, open: '10m' },
}
let nowMs = 0
const clock = { ...systemClock, nowMs: () => nowMs }

async function bankWithBreakers(t: TestContext): Promise<Bank> {
  const policies = join(await temporaryDirectory(t), 'policies')
  await cp(join(BANK, 'policies'), policies, { recursive: true })
  await writeFile(join(policies, 'breakers.json'), JSON.stringify({ format: 1, breakers: BREAKERS }))
  nowMs = Date.now()
  const bank = await openBank(t, { policies, clock })
  for (const account of ['a', 'b']) await bank.do('open_account', { account, owner: account })
  return bank
}
const isOpen = (breaker: string) => (error: unknown) =>
  error instanceof Problem && error.code === 'breaker-open' && error.members['breaker'] === breaker
const withdraw = (bank: Bank, amount: number) => bank.do('withdraw', { account: 'a', amount })

test('refusals trip a breaker for who caused them; it stays open over a restart, half opens by time, and closes when it goes well', async (t) => {
  const bank = await bankWithBreakers(t)
  await bank.do('deposit', { account: 'a', amount: 10 })
  assert.equal((await withdraw(bank, 1)).kind, 'committed')
  for (let i = 0; i < 3; i++) assert.equal((await withdraw(bank, 1_000)).kind, 'refused')
  await assert.rejects(withdraw(bank, 1), isOpen('refusing'))
  const [open] = (await bank.engine.self(bank.operator, NEVER)).breakers
  assert.deepEqual(
    [open?.breaker, open?.principal, open?.command, open?.state],
    ['refusing', 'agent', 'withdraw', 'open'],
  )
  const again = await bank.again()
  await assert.rejects(withdraw(again, 1), isOpen('refusing'))
  nowMs += 3_600_000
  assert.equal((await withdraw(again, 1)).kind, 'committed')
  assert.equal((await withdraw(again, 1)).kind, 'committed')
  assert.deepEqual((await again.engine.self(again.operator, NEVER)).breakers, [])
  const { items } = await again.engine.records(again.operator, 0 as never, 200, NEVER)
  const changes = items.map(({ line }) => JSON.parse(line) as { stream?: string; type?: string })
  assert.deepEqual(
    changes.filter(({ stream }) => stream?.startsWith('plinth.breaker/')).map(({ type }) => type),
    ['open', 'half-open', 'closed'],
  )
  assert.deepEqual((await again.engine.verify(() => {}, NEVER)).findings, [])
  await again.close()
  assert.deepEqual(
    (await audit({ dir: again.dir, bundle: null, rootKey: null, onProgress: () => {} }, NEVER)).disagreed,
    [],
  )
})

test('a sum that is moved too fast trips it for everybody whom the rule does not tell apart, and for nothing else', async (t) => {
  const bank = await bankWithBreakers(t)
  for (const amount of [60, 60]) assert.equal((await bank.do('deposit', { account: 'a', amount })).kind, 'committed')
  await assert.rejects(bank.do('deposit', { account: 'b', amount: 1 }), isOpen('moving'))
  assert.equal((await withdraw(bank, 1)).kind, 'committed')
})
