/** Delegation only narrows: an agent's agent can do what all agents above it could, and the chain is on record. */
import assert from 'node:assert/strict'
import { join } from 'node:path'
import { readFile } from 'node:fs/promises'
import { test, type TestContext } from 'node:test'
import { changeAuthority, withPolicies } from '../../test/support/authority.ts'
import { NEVER, openBank, temporaryDirectory, type Bank } from '../../test/support/bank-system.ts'
import { verifyBytes } from '../../test/vectors/bundle/forge.ts'
import { parseKey } from '../../verifier/verify.ts'
import { audit } from '../main/audit.ts'
import { exportLog } from '../main/export-log.ts'
import { sha256Hex } from '../model/ids.ts'
import { Problem } from '../model/problems.ts'
import type { Credentials } from '../model/principal.ts'
import { newApiKey } from '../warden/secrets.ts'

/** Adds an agent owned by another; both as far as roles go may do everything that agents may. */
async function addAgent(bank: Bank, id: string, owner: string): Promise<Credentials> {
  const secret = newApiKey()
  await changeAuthority(
    bank,
    { change: 'add-principal', principal: { id, kind: 'agent', owner, roles: ['agent'] } },
    { change: 'add-key', principal: id, key: { name: 'k', hash: sha256Hex(secret), expiresAtMs: null } },
  )
  return { bearer: secret, onBehalfOf: null }
}

async function bankWithAgents(t: TestContext) {
  const bank = await openBank(t)
  await bank.do('open_account', { account: 'a', owner: 'ann' })
  await bank.do('deposit', { account: 'a', amount: 1_000_000 })
  return bank
}

test('what is out of scope for an agent is not there for the agents below it either', async (t) => {
  const bank = await bankWithAgents(t)
  await addAgent(bank, 'narrow', 'agent') // a policy keeps `open_limited` from it by name
  const below = await addAgent(bank, 'below', 'narrow')
  const beside = await addAgent(bank, 'beside', 'agent')
  const names = async (as: Credentials) => (await bank.engine.surface(as, NEVER)).commands
  assert.equal((await names(beside)).includes('open_limited'), true)
  assert.equal((await names(below)).includes('open_limited'), false)
  await assert.rejects(
    bank.do('open_limited', { account: 'z', owner: 'zoe' }, { as: below }),
    (error: unknown) => error instanceof Problem && error.code === 'no-such-command',
  )
})

test('an agent below one that lost its role can do nothing, and what it did before comes out again elsewhere', async (t) => {
  const bank = await bankWithAgents(t)
  const below = await addAgent(bank, 'below', 'agent')
  const withdraw = (amount: number) => bank.do('withdraw', { account: 'a', amount }, { as: below })
  const done = await withdraw(5)
  assert.equal(done.kind, 'committed')
  const { items } = await bank.engine.records(
    bank.operator,
    done.kind === 'committed' ? done.position : (0 as never),
    1,
    NEVER,
  )
  const record = JSON.parse(items[0]?.line ?? '{}') as { chain: readonly { principal: string }[] }
  assert.deepEqual(
    record.chain.map(({ principal }) => principal),
    ['below', 'agent', 'operator'],
  )
  assert.equal((await withdraw(200_000)).kind, 'held')
  await changeAuthority(bank, { change: 'set-roles', principal: 'agent', roles: [] })
  await assert.rejects(withdraw(5), (error: unknown) => error instanceof Problem && error.code === 'no-such-command')
  await bank.close()
  const report = await audit({ dir: bank.dir, bundle: null, rootKey: null, onProgress: () => {} }, NEVER)
  assert.deepEqual(report.disagreed, [])
  const file = join(await temporaryDirectory(t), 'log.tar')
  await exportLog(bank.dir, file, 'bundle', null)
  const key = async (name: string) => parseKey((await readFile(join(bank.dir, name), 'utf8')).trim())
  const logs = [await key('log.vkey')]
  const checked = verifyBytes(await readFile(file), {
    ...{ logs, policy: null, heads: [], operators: [await key('authority/root.vkey')] },
  })
  assert.deepEqual(checked.findings, [])
  assert.equal(checked.admissions, report.admissions)
})

test('nobody acts for whom the agent above may not act for', async (t) => {
  const bank = await bankWithAgents(t)
  const below = await addAgent(bank, 'below', 'agent')
  const deposit = (onBehalfOf: string) =>
    bank.do('deposit', { account: 'a', amount: 1 }, { as: { ...below, onBehalfOf } })
  await changeAuthority(bank, { change: 'set-may-act-for', principal: 'below', mayActFor: ['ann', 'bob'] })
  await changeAuthority(bank, { change: 'set-may-act-for', principal: 'agent', mayActFor: ['ann'] })
  assert.equal((await deposit('ann')).kind, 'committed')
  await assert.rejects(
    deposit('bob'),
    (error: unknown) =>
      error instanceof Problem && error.code === 'delegation-refused' && error.detail.includes('`agent` may not act'),
  )
})

test('a forbid on the agent above is a denial below, by its name', async (t) => {
  const bank = await bankWithAgents(t)
  const below = await addAgent(bank, 'below', 'agent')
  const rules = {
    'above.cedar':
      '@id("no-more-for-agent")\nforbid (principal == Agent::"agent", action == Action::"deposit", resource);\n' +
      '@id("held-for-agent")\n@hold("cashier")\nforbid (principal == Agent::"agent", action == Action::"withdraw", resource)\n' +
      'unless { context.approvals.contains("cashier") };\n',
  }
  await changeAuthority(bank, await withPolicies(bank.dir, rules))
  const denied = await bank.do('deposit', { account: 'a', amount: 1 }, { as: below })
  assert.deepEqual(denied.kind === 'denied' && denied.rules, ['no-more-for-agent'])
  const held = await bank.do('withdraw', { account: 'a', amount: 1 }, { as: below })
  assert.deepEqual(held.kind === 'held' && [held.rules, held.requires], [['held-for-agent'], ['cashier']])
})
