/** A run is open to the team of the agent that calls first, and to who attests for it: nobody else reads what was attested, spends its limits or adds to it. */
import assert from 'node:assert/strict'
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { test, type TestContext } from 'node:test'
import { changeAuthority } from '../../test/support/authority.ts'
import { NEVER, openBank, temporaryDirectory, type Bank } from '../../test/support/bank-system.ts'
import { verifyBytes } from '../../test/vectors/bundle/forge.ts'
import { parseKey } from '../../verifier/verify.ts'
import { audit } from '../main/audit.ts'
import { exportLog } from '../main/export-log.ts'
import { sha256Hex, type PrincipalId, type RunId } from '../model/ids.ts'
import type { Credentials } from '../model/principal.ts'
import { newApiKey } from '../warden/secrets.ts'

const NOT_YOURS = { code: 'run-of-another' }
const LOOK = { account: 'a' }

/** By name: an owner, and roles. */
const WHO = {
  other: ['operator', ['agent']],
  below: ['agent', ['agent']],
  beside: ['agent', ['agent']],
  desk: ['operator', ['agent', 'front-door']],
} as const satisfies Record<string, readonly [owner: string, roles: readonly string[]]>
type Who = Record<keyof typeof WHO, Credentials>

async function bankWithOthers(t: TestContext): Promise<{ readonly bank: Bank; readonly who: Who }> {
  const bank = await openBank(t)
  await bank.do('open_account', { account: 'a', owner: 'ann' })
  await bank.do('deposit', { account: 'a', amount: 100 })
  const secrets = Object.entries(WHO).map(([id, [owner, roles]]) => ({
    id: id as PrincipalId,
    owner,
    roles,
    secret: newApiKey(),
  }))
  await changeAuthority(
    bank,
    ...secrets.flatMap(({ id, owner, roles, secret }) => [
      { change: 'add-principal' as const, principal: { id, kind: 'agent' as const, owner, roles } },
      { change: 'add-key' as const, principal: id, key: { name: 'k', hash: sha256Hex(secret), expiresAtMs: null } },
    ]),
  )
  const credentials = secrets.map(({ id, secret }) => [id, { bearer: secret, onBehalfOf: null }] as const)
  return { bank, who: Object.fromEntries(credentials) as unknown as Who }
}
const attest = (bank: Bank, run: string, customer: string, as = bank.frontDoor) =>
  bank.engine.attest(as, run as RunId, { customer }, `attest-${run}-${customer}`, NEVER)
const deposit = (bank: Bank, run: string, as?: Credentials) =>
  bank.do('deposit', { account: 'a', amount: 1 }, { run, ...(as === undefined ? {} : { as }) })
const opened = async (bank: Bank): Promise<readonly string[]> => {
  const { items } = await bank.engine.records(bank.operator, 0 as never, 200, NEVER)
  return items
    .map(({ line }) => JSON.parse(line) as { readonly kind: string; readonly stream?: string })
    .flatMap(({ kind, stream = '' }) => (kind === 'event' && stream.startsWith('plinth.run-opened/') ? [stream] : []))
}

async function derivedAgain(t: TestContext, { dir }: Bank) {
  const report = await audit({ dir, bundle: null, rootKey: null, onProgress: () => {} }, NEVER)
  const file = join(await temporaryDirectory(t), 'log.tar')
  await exportLog(dir, file, 'bundle', null)
  const key = async (name: string) => parseKey((await readFile(join(dir, name), 'utf8')).trim())
  const trust = {
    policy: null,
    heads: [],
    logs: [await key('log.vkey')],
    operators: [await key('authority/root.vkey')],
  }
  return { report, verified: verifyBytes(await readFile(file), trust) }
}

test('who learns the name of a run calls under it in vain: by a query, by a command, after a restart; the refusals are on record', async (t) => {
  const { bank, who } = await bankWithOthers(t)
  await attest(bank, 'chat', 'ann')
  assert.equal((await bank.ask('balance_of', LOOK, { run: 'chat' })).kind, 'answered')
  await assert.rejects(bank.ask('balance_of', LOOK, { run: 'chat', as: who.other }), NOT_YOURS)
  await assert.rejects(deposit(bank, 'chat', who.other), NOT_YOURS)
  // What changed nothing is written a little later.
  const failures = async () =>
    (await bank.engine.operations(bank.operator, { state: 'failed' }, { limit: 10, after: null }, NEVER)).items
  while ((await failures()).length < 2) await new Promise((resolve) => setTimeout(resolve, 10))
  assert.deepEqual((await failures()).map(({ actor, action }) => `${actor} ${action}`).toSorted(), [
    'other balance_of',
    'other deposit',
  ])
  assert.equal((await deposit(bank, 'chat')).kind, 'committed')
  const again = await bank.again()
  await assert.rejects(again.ask('balance_of', LOOK, { run: 'chat', as: who.other }), NOT_YOURS)
  assert.equal((await deposit(again, 'chat')).kind, 'committed')
  assert.deepEqual(await opened(again), ['plinth.run-opened/chat'])
})

test('agents above, below and beside share a run, whichever calls first; what is asked without a run opens none', async (t) => {
  const { bank, who } = await bankWithOthers(t)
  for (const run of ['top-down', 'bottom-up'])
    for (const as of run === 'top-down' ? [bank.agent, who.below, who.beside] : [who.below, bank.agent, who.beside])
      assert.equal((await deposit(bank, run, as)).kind, 'committed')
  await bank.ask('balance_of', LOOK)
  assert.deepEqual(await opened(bank), ['plinth.run-opened/top-down', 'plinth.run-opened/bottom-up'])
  await assert.rejects(deposit(bank, 'bottom-up', who.other), NOT_YOURS)
})

test('who attests for a run calls under it before and after its agent, and takes it from nobody', async (t) => {
  const { bank, who } = await bankWithOthers(t)
  await attest(bank, 'chat', 'ann', who.desk)
  assert.equal((await bank.ask('balance_of', LOOK, { run: 'chat', as: who.desk })).kind, 'answered')
  assert.equal((await deposit(bank, 'chat')).kind, 'committed')
  assert.equal((await deposit(bank, 'chat', who.desk)).kind, 'committed')
  await assert.rejects(deposit(bank, 'chat', who.other), NOT_YOURS)
})

test('a front door that names the agent leaves nobody the chance to be first', async (t) => {
  const { bank, who } = await bankWithOthers(t)
  const attestTo = (agent: string, key: string) =>
    bank.engine.attest(bank.frontDoor, 'chat' as RunId, {}, key, NEVER, null, agent as PrincipalId)
  await assert.rejects(attestTo('nobody', 'k0'), { code: 'invalid-input' })
  assert.deepEqual(await opened(bank), [])
  await attestTo('below', 'k1')
  await assert.rejects(bank.ask('balance_of', LOOK, { run: 'chat', as: who.other }), NOT_YOURS)
  await assert.rejects(attestTo('other', 'k2'), NOT_YOURS)
  assert.equal((await deposit(bank, 'chat')).kind, 'committed')
  await assert.rejects(bank.engine.attest(who.other, 'mine' as RunId, {}, 'k3', NEVER, null, 'other' as PrincipalId), {
    code: 'forbidden',
  })
  assert.deepEqual(await opened(bank), ['plinth.run-opened/chat'])
})

test('of many first calls by two agents at once, one of the two has the run', async (t) => {
  const { bank, who } = await bankWithOthers(t)
  const calls = Array.from({ length: 20 }, (_, i) =>
    i % 3 === 0
      ? bank.ask('balance_of', LOOK, { run: 'race', as: i % 2 === 0 ? bank.agent : who.other }).then(() => i % 2)
      : deposit(bank, 'race', i % 2 === 0 ? bank.agent : who.other).then(() => i % 2),
  )
  const settled = await Promise.allSettled(calls)
  const winners = settled.flatMap((one) => (one.status === 'fulfilled' ? [one.value] : []))
  assert.equal(winners.length, 10)
  assert.equal(new Set(winners).size, 1)
  for (const one of settled)
    if (one.status === 'rejected') assert.equal((one.reason as { code: string }).code, NOT_YOURS.code)
  assert.deepEqual(await opened(bank), ['plinth.run-opened/race'])
})

test('audit and verifier come to the same', async (t) => {
  const { bank, who } = await bankWithOthers(t)
  await attest(bank, 'chat', 'ann', who.desk)
  for (const as of [who.below, bank.agent, who.desk]) assert.equal((await deposit(bank, 'chat', as)).kind, 'committed')
  await assert.rejects(deposit(bank, 'chat', who.other), NOT_YOURS)
  assert.equal((await bank.do('withdraw', { account: 'a', amount: 200_000 }, { run: 'held' })).kind, 'refused')
  await bank.close()
  const { report, verified } = await derivedAgain(t, bank)
  assert.deepEqual(report.disagreed, [])
  assert.deepEqual(verified.findings, [])
  assert.equal(verified.admissions, report.admissions)
})
