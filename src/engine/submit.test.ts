import assert from 'node:assert/strict'
import { test } from 'node:test'
import { NEVER, openBank } from '../../test/support/bank-system.ts'
import type { Outcome } from '../model/operation.ts'
import { Problem } from '../model/problems.ts'

const committed = (outcome: Outcome): Extract<Outcome, { kind: 'committed' }> => {
  assert.equal(outcome.kind, 'committed', JSON.stringify(outcome))
  return outcome as Extract<Outcome, { kind: 'committed' }>
}
const fails = (code: string) => (error: unknown) => error instanceof Problem && error.code === code

test('an action goes from caller to receipt, and reads show it', async (t) => {
  const bank = await openBank(t)
  committed(await bank.do('open_account', { account: 'a1', owner: 'ann' }))
  const outcome = committed(await bank.do('deposit', { account: 'a1', amount: 500 }))
  assert.deepEqual(outcome.result, { balance: 500 })
  assert.deepEqual(
    outcome.events.map(({ stream, version, type }) => ({ stream, version, type })),
    [{ stream: 'account/a1', version: 2, type: 'deposited' }],
  )
  assert.ok(outcome.receipt.proof.length > 100)
  assert.deepEqual(
    await bank.ask('balance_of', { account: 'a1' }).then((answer) => answer.kind === 'answered' && answer.result),
    { balance: 500 },
  )
  const rows = await bank.ask('accounts_of', { owner: 'ann' })
  assert.deepEqual(rows.kind === 'answered' && rows.result, [{ account: 'a1', balance: 500 }])
})

test('the same key returns the recorded outcome, another payload under it is refused, also after a restart', async (t) => {
  const bank = await openBank(t)
  await bank.do('open_account', { account: 'a1', owner: 'ann' })
  const first = committed(await bank.do('deposit', { account: 'a1', amount: 7 }, { key: 'once' }))
  const replay = committed(await bank.do('deposit', { account: 'a1', amount: 7 }, { key: 'once' }))
  assert.equal(replay.replayed, true)
  assert.deepEqual({ ...replay, replayed: false, receipt: null }, { ...first, receipt: null })
  await assert.rejects(
    bank.do('deposit', { account: 'a1', amount: 8 }, { key: 'once' }),
    fails('idempotency-key-reused'),
  )
  const again = await bank.again()
  assert.deepEqual(committed(await again.do('deposit', { account: 'a1', amount: 7 }, { key: 'once' })).result, {
    balance: 7,
  })
  const answer = await again.ask('balance_of', { account: 'a1' })
  assert.deepEqual(answer.kind === 'answered' && answer.result, { balance: 7 })
})

test('concurrent calls with one key run once', async (t) => {
  const bank = await openBank(t)
  await bank.do('open_account', { account: 'a1', owner: 'ann' })
  const outcomes = await Promise.all(
    Array.from({ length: 20 }, () => bank.do('deposit', { account: 'a1', amount: 1 }, { key: 'k' })),
  )
  assert.equal(new Set(outcomes.map((one) => committed(one).position)).size, 1)
  const answer = await bank.ask('balance_of', { account: 'a1' })
  assert.deepEqual(answer.kind === 'answered' && answer.result, { balance: 1 })
})

test('no update is lost on one hot key', async (t) => {
  const bank = await openBank(t)
  await bank.do('open_account', { account: 'hot', owner: 'ann' })
  let left = 300
  await Promise.all(
    Array.from({ length: 16 }, async () => {
      while (left-- > 0) committed(await bank.do('deposit', { account: 'hot', amount: 1 }))
    }),
  )
  const answer = await bank.ask('balance_of', { account: 'hot' })
  assert.deepEqual(answer.kind === 'answered' && answer.result, { balance: 300 })
})

test('money moved between accounts is conserved under contention', async (t) => {
  const bank = await openBank(t)
  const ids = ['a', 'b', 'c', 'd']
  for (const id of ids) {
    await bank.do('open_account', { account: id, owner: 'ann' })
    await bank.do('deposit', { account: id, amount: 100 })
  }
  let step = 0
  const moves = await Promise.all(
    Array.from({ length: 60 }, () => {
      const from = ids[step % 4] as string
      const to = ids[(step + 1 + (step % 3)) % 4] as string
      step += 1
      return from === to ? null : bank.do('transfer', { from, to, amount: 1 + (step % 30) })
    }),
  )
  assert.ok(moves.some((one) => one?.kind === 'committed'))
  const answer = await bank.ask('accounts_of', { owner: 'ann' })
  assert.ok(answer.kind === 'answered')
  const balances = (answer.result as { balance: number }[]).map(({ balance }) => balance)
  assert.equal(
    balances.reduce((sum, one) => sum + one, 0),
    400,
  )
  assert.ok(balances.every((one) => one >= 0))
})

test('a rule over a find holds against accounts opened at the same time', async (t) => {
  const bank = await openBank(t)
  const outcomes = await Promise.all(
    Array.from({ length: 12 }, (_, i) => bank.do('open_limited', { account: `l${i}`, owner: 'ann' })),
  )
  assert.equal(outcomes.filter(({ kind }) => kind === 'committed').length, 3)
  assert.ok(
    outcomes
      .filter(({ kind }) => kind !== 'committed')
      .every((one) => one.kind === 'refused' && one.code === 'too-many'),
  )
})

test('a refusal by the command and by an invariant writes nothing and is on record', async (t) => {
  const bank = await openBank(t)
  await bank.do('open_account', { account: 'a1', owner: 'ann' })
  const before = await bank.engine.self(bank.operator, NEVER)
  const refused = await bank.do('withdraw', { account: 'a1', amount: 1 }, { key: 'w' })
  assert.deepEqual(
    { ...refused, operation: '' },
    {
      kind: 'refused',
      operation: '',
      code: 'not-enough',
      title: 'The account does not hold that much.',
      detail: { balance: 0 },
      replayed: false,
    },
  )
  const violated = await bank.do('overdraw', { account: 'a1', amount: 1 })
  assert.ok(violated.kind === 'refused' && violated.code === 'invariant-violated')
  const missing = await bank.do('deposit', { account: 'nobody', amount: 1 })
  assert.ok(missing.kind === 'refused' && missing.code === 'not-found')
  const after = await bank.engine.self(bank.operator, NEVER)
  assert.equal(after.position, before.position)
  await t.test('and answers for why', async () => {
    const answer = await bank.engine.why(bank.operator, refused.operation, NEVER)
    assert.ok(answer.lines.some(({ label, kind }) => label === 'refused because' && kind === 'recorded'))
  })
})

test('policy denies on impact and on what was attested; the rule is named', async (t) => {
  const bank = await openBank(t)
  await bank.do('open_account', { account: 'a1', owner: 'ann' })
  await bank.do('deposit', { account: 'a1', amount: 2_000_000_00 })
  const denied = await bank.do('withdraw', { account: 'a1', amount: 1_000_000_01 })
  assert.deepEqual(
    denied.kind === 'denied' && denied.rules,
    ['large-payouts-need-a-person', 'nothing-above-a-million'].filter(
      (rule) => denied.kind === 'denied' && denied.rules.includes(rule),
    ),
  )
  assert.ok(denied.kind === 'denied' && denied.rules.includes('nothing-above-a-million'))
  await bank.engine.attest(bank.frontDoor, 'r1' as never, { customer: 'bob' }, 'attest-1', NEVER)
  const other = await bank.do('withdraw', { account: 'a1', amount: 1 }, { run: 'r1' })
  assert.deepEqual(other.kind === 'denied' && other.rules, ['only-the-customer-served'])
  const read = await bank.ask('balance_of', { account: 'a1' }, { run: 'r1' })
  assert.deepEqual(read.kind === 'denied' && read.rules, ['only-the-customer-served'])
  await bank.engine.attest(bank.frontDoor, 'r1' as never, { customer: 'ann' }, 'attest-2', NEVER)
  committed(await bank.do('withdraw', { account: 'a1', amount: 1 }, { run: 'r1' }))
})

test('only a front door attests, and nobody does what is outside their scope', async (t) => {
  const bank = await openBank(t)
  await assert.rejects(
    bank.engine.attest(bank.agent, 'r1' as never, { customer: 'ann' }, 'k', NEVER),
    fails('forbidden'),
  )
  await assert.rejects(
    bank.do('open_account', { account: 'x', owner: 'y' }, { as: bank.operator }),
    fails('no-such-command'),
  )
  await assert.rejects(bank.do('no_such', {}), fails('no-such-command'))
  await assert.rejects(bank.engine.self(bank.agent, NEVER), fails('forbidden'))
  await assert.rejects(bank.do('deposit', { account: 1 }), fails('invalid-input'))
  await assert.rejects(bank.do('deposit', { account: 'a', amount: 1 }, { key: '' }), fails('idempotency-key-missing'))
})

test('a runaway command is stopped and the next one runs', async (t) => {
  const bank = await openBank(t)
  await assert.rejects(bank.do('hang', {}), fails('limit-exceeded'))
  committed(await bank.do('open_account', { account: 'a1', owner: 'ann' }))
})

test('the past is read as of any position, and the whole log verifies', async (t) => {
  const bank = await openBank(t)
  const opened = committed(await bank.do('open_account', { account: 'a1', owner: 'ann' }))
  const first = committed(await bank.do('deposit', { account: 'a1', amount: 5 }))
  committed(await bank.do('deposit', { account: 'a1', amount: 6 }))
  const at = async (position: number) =>
    ((await bank.engine.state(bank.operator, 'account', 'a1', { position }, NEVER)).state as { balance: number })
      .balance
  assert.equal(await at(opened.position), 0)
  assert.equal(await at(first.position), 5)
  const rows = await bank.ask('accounts_of', { owner: 'ann' }, { at: first.position })
  assert.deepEqual(rows.kind === 'answered' && rows.result, [{ account: 'a1', balance: 5 }])
  const report = await bank.engine.verify(() => {}, NEVER)
  assert.equal(report.verdict, 'valid', JSON.stringify(report.findings))
  assert.deepEqual(report.readModels, { accounts_by_owner: { rows: 1, equal: true } })
})

test('records of another system come in as opening events, once', async (t) => {
  const bank = await openBank(t)
  const records = async function* () {
    for (let i = 0; i < 450; i++) yield { id: `i${i}`, owner: `o${i % 7}`, cents: i }
  }
  const seen: number[] = []
  const done = await bank.engine.importRecords(bank.operator, 'accounts', records(), (count) => seen.push(count), NEVER)
  assert.equal(done.imported, 450)
  assert.deepEqual(seen, [200, 400, 450])
  const rows = await bank.ask('accounts_of', { owner: 'o3' })
  assert.equal(rows.kind === 'answered' && (rows.result as unknown[]).length, 50)
  await bank.engine.importRecords(bank.operator, 'accounts', records(), () => {}, NEVER)
  const state = await bank.engine.state(bank.operator, 'account', 'i449', null, NEVER)
  assert.equal(state.version, 1)
})

test('why answers what was read, written and why it was allowed, and who has read it since', async (t) => {
  const bank = await openBank(t)
  await bank.do('open_account', { account: 'a1', owner: 'ann' })
  const first = committed(await bank.do('deposit', { account: 'a1', amount: 5 }))
  const second = committed(await bank.do('deposit', { account: 'a1', amount: 6 }))
  await bank.ask('balance_of', { account: 'a1' })
  const { lines } = await bank.engine.why(bank.operator, first.operation, NEVER)
  const value = (label: string) => lines.find((line) => line.label === label)?.value as never
  assert.deepEqual(value('wrote'), [
    { stream: 'account/a1', version: 2, type: 'deposited', position: first.position - 1 },
  ])
  const { streams } = value('read') as { streams: { stream: string; version: number; hash: string }[] }
  assert.deepEqual(
    streams.map(({ stream, version }) => [stream, version]),
    [['account/a1', 1]],
  )
  assert.match(streams[0]?.hash ?? '', /^[0-9a-f]{64}$/)
  assert.deepEqual((value('why allowed') as { rules: string[] }).rules, ['agents-work'])
  const since = value('read since by') as { readers: { operation: string; action: string }[] }
  assert.ok(since.readers.some(({ operation }) => operation === second.operation))
  assert.ok(lines.every(({ kind }) => kind === 'recorded' || kind === 'derived' || kind === 'unknown'))
})

test('who may not do a thing does not learn why the application would refuse it', async (t) => {
  const bank = await openBank(t)
  await bank.do('open_account', { account: 'a1', owner: 'ann' })
  await bank.engine.attest(bank.frontDoor, 'r1' as never, { customer: 'bob' }, 'k', NEVER)
  const other = await bank.do('withdraw', { account: 'a1', amount: 1 }, { run: 'r1' })
  assert.deepEqual(other.kind === 'denied' && other.rules, ['only-the-customer-served'])
  await bank.engine.attest(bank.frontDoor, 'r2' as never, { customer: 'ann' }, 'k2', NEVER)
  const own = await bank.do('withdraw', { account: 'a1', amount: 1 }, { run: 'r2' })
  assert.equal(own.kind === 'refused' && own.code, 'not-enough')
})

test('an import is held to the invariants like everything else, and says which record', async (t) => {
  const bank = await openBank(t)
  const records = async function* () {
    yield { id: 'i1', owner: 'ann', cents: 5 }
    yield { id: 'i2', owner: 'ann', cents: -5 }
  }
  const before = (await bank.engine.self(bank.operator, NEVER)).position
  await assert.rejects(
    bank.engine.importRecords(bank.operator, 'accounts', records(), () => {}, NEVER),
    (error) => {
      assert.match(String(error), /record 1 would break invariant `not-overdrawn`/)
      return true
    },
  )
  assert.equal((await bank.engine.self(bank.operator, NEVER)).position, before)
})
