import assert from 'node:assert/strict'
import { test } from 'node:test'
import { titleOf } from './refused.ts'
import { NEVER, openBank } from '../../test/support/bank-system.ts'
import { Problem } from '../model/problems.ts'

const fails = (code: string) => (error: unknown) => error instanceof Problem && error.code === code

test('any text is an id, and reads back as itself', async (t) => {
  const bank = await openBank(t)
  const odd = [
    '__proto__',
    'constructor',
    '/',
    'a/b',
    '../x',
    '%2e',
    ' ',
    '\0',
    '\n',
    'é',
    'e\u0301',
    '🜚',
    '\u{10ffff}',
    "'",
    'x'.repeat(2_000),
  ]
  for (const account of odd) {
    const opened = await bank.do('open_account', { account, owner: account.slice(0, 100) })
    assert.equal(opened.kind, 'committed', `${JSON.stringify(account)}: ${JSON.stringify(opened)}`)
    const paid = await bank.do(
      'deposit',
      { account, amount: 3 },
      { key: `k-${odd.indexOf(account)}`, run: '__proto__' },
    )
    assert.equal(paid.kind, 'committed')
    const balance = await bank.ask('balance_of', { account })
    assert.deepEqual(balance.kind === 'answered' && balance.result, { balance: 3 })
    const found = await bank.ask('accounts_of', { owner: account.slice(0, 100) })
    assert.deepEqual(found.kind === 'answered' && found.result, [{ account, balance: 3 }])
  }
  const listed = await bank.engine.states(bank.operator, 'account', { after: null, limit: 50 }, null, NEVER)
  assert.deepEqual(new Set(listed.items.map(({ id }) => id)), new Set(odd))
  const report = await bank.engine.verify(() => {}, NEVER)
  assert.deepEqual(report.findings, [])
})

test('an id that cannot be stored as it is, or not be listed, is refused by name', async (t) => {
  const bank = await openBank(t)
  for (const account of ['\ud800', 'a\udc00b', ''])
    await assert.rejects(bank.do('open_account', { account, owner: 'o' }), fails('invalid-input'))
  await assert.rejects(bank.do('open_account', { account: 'x'.repeat(10_000), owner: 'o' }), fails('limit-exceeded'))
  await assert.rejects(bank.ask('balance_of', { account: '\ud800' }), fails('invalid-input'))
  for (const key of ['', ' ', 'a b', 'é', 'k'.repeat(256), '\n'])
    await assert.rejects(bank.do('open_account', { account: 'a', owner: 'o' }, { key }), /idempotency-key/)
  for (const key of ['__proto__', 'constructor', '/', 'k'.repeat(255)])
    assert.equal((await bank.do('open_account', { account: key, owner: 'o' }, { key })).kind, 'committed')
  for (const name of ['__proto__', 'constructor', 'toString', 'plinth.attest', 'plinth.import', '']) {
    await assert.rejects(bank.do(name, {}), fails('no-such-command'))
    await assert.rejects(bank.ask(name, {}), fails('no-such-query'))
    await assert.rejects(
      bank.engine.rows(bank.operator, name, {}, [], { after: null, limit: 5 }, null, NEVER),
      fails('not-found'),
    )
    await assert.rejects(
      bank.engine.state(bank.operator, name, 'x', null, NEVER),
      (error: unknown) => error instanceof Problem && ['no-such-entity', 'not-found'].includes(error.code),
    )
  }
  for (const run of ['', 'a/b', '../x', 'x'.repeat(129)])
    await assert.rejects(bank.engine.attest(bank.frontDoor, run as never, {}, 'k', NEVER), fails('malformed-request'))
  const hostile = JSON.parse('{"__proto__":{"customer":"bob"}}') as never
  await assert.rejects(bank.engine.attest(bank.frontDoor, 'r' as never, hostile, 'k', NEVER), fails('invalid-input'))
  await assert.rejects(
    bank.engine.attest(bank.frontDoor, 'r' as never, null as never, 'k', NEVER),
    fails('invalid-input'),
  )
})

test('a refusal code is one that was declared, never what every object has', () => {
  const parts = { release: { manifest: { commands: { a: { refusals: { no: 'No.' } } }, queries: {} } } } as never
  assert.equal(titleOf(parts, 'a', 'no'), 'No.')
  assert.equal(titleOf(parts, 'a', 'not-found'), 'there is no such record')
  for (const code of ['constructor', '__proto__', 'other'])
    assert.throws(() => titleOf(parts, 'a', code), fails('application-output-invalid'))
})

test('an action that declares no refusals may refuse with any word, and the word is the title', () => {
  const refusals = { 'not-found': 'something that it needs does not exist' } // every manifest has it
  const parts = { release: { manifest: { commands: { a: { refusals } }, queries: { a: { refusals } } } } } as never
  assert.equal(titleOf(parts, 'a', 'order-not-pending'), 'order not pending')
  for (const code of ['constructor ', '__proto__', 'Order', '', 'a--b', 'x'.repeat(40), 'a\nb'])
    assert.throws(() => titleOf(parts, 'a', code), fails('application-output-invalid'))
})
