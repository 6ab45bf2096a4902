/**
 * Data directories, closed, that hold every kind of record and of row that a system writes: a bank with limits, breakers, switches, approvals, imports and a
 * rotated key, and a clinic of which one patient was erased. Its heads are stated in both.
 */
import assert from 'node:assert/strict'
import type { TestContext } from 'node:test'
import { HEADS } from '../../../src/engine/heads/statement.ts'
import type { Json } from '../../../src/model/json.ts'
import type { StreamId } from '../../../src/model/ids.ts'
import { rotateLogKey } from '../../../src/main/log-keys.ts'
import { openSqliteReader } from '../../../src/storage/sqlite/reader.ts'
import { openSqliteWriter } from '../../../src/storage/sqlite/writer.ts'
import { changeAuthority } from '../../support/authority.ts'
import { someOfEverything } from '../../support/bank-history.ts'
import { bankPolicies } from '../../support/bank-policies.ts'
import { NEVER, openBank, type Bank } from '../../support/bank-system.ts'
import { CLINIC, erase, history } from '../../support/clinic-history.ts'

const LIMITS = { paid_in: { of: ['deposit'], per: ['principal'], window: { fixed: '1d' }, sum: 'input.amount', max: 3_000_000 } }
const BREAKERS = { refusing: { of: ['transfer'], per: ['principal', 'command'], when: { refusals: 0.5, ofLast: 4 }, open: '1h', probes: 1 } }
const SWITCH = { id: 'sw-1', action: 'pause', reason: 'it does too much', scope: { kind: 'command', value: 'transfer' } } as const

/** @param imported accounts beside; more than 256 records make a full tile */
export async function everythingOfABank(test: TestContext, imported = 0): Promise<Bank> {
  const policies = await bankPolicies(test, {
    'limits.json': { format: 1, limits: LIMITS },
    'breakers.json': { format: 1, breakers: BREAKERS },
  })
  const bank = await openBank(test, { policies })
  await someOfEverything(bank)
  for (let i = 0; i < 4; i++) await bank.do('transfer', { from: 'ç "2"', to: 'a', amount: 1_000_000 })
  await assert.rejects(bank.do('transfer', { from: 'a', to: 'b/1', amount: 1 }), { code: 'breaker-open' })
  await changeAuthority(bank, { change: 'switch-on', switch: SWITCH })
  await bank.do('deposit', { account: 'a', amount: 3 })
  await changeAuthority(bank, { change: 'switch-off', id: SWITCH.id })
  async function* more() {
    await Promise.resolve()
    for (let i = 0; i < imported; i++) yield { id: `more-${i}`, owner: `owner ${i % 7}`, cents: i }
  }
  if (imported > 0) await bank.engine.importRecords(bank.operator, 'accounts', more(), () => {}, NEVER)
  await bank.do('withdraw', { account: 'a', amount: 1 })
  const { state } = await bank.engine.state(bank.operator, 'account', 'a', null, NEVER)
  await bank.close()
  await rotateLogKey(bank.dir, { nextKey: null, release: true, signer: null })
  await stateHeads(bank)
  keepSnapshot(bank, 'account/a' as StreamId, state)
  return bank
}

export async function everythingOfAClinic(test: TestContext): Promise<Bank> {
  const clinic = await openBank(test, { application: CLINIC })
  await history(clinic)
  assert.equal((await erase(clinic)).answer.kind, 'committed')
  await clinic.do('rename', { patient: 'p-2', name: 'Robert Marrowbone' })
  await clinic.do('note_visit', { visit: 'v-10', patient: 'p-2', note: 'the same finger', cost: 4 })
  await stateHeads(clinic)
  return clinic
}

/** One statement of stream heads, behind all of it. */
async function stateHeads(bank: Bank): Promise<void> {
  const stating = await bank.again({ heads: { everyMs: 20, everyRecords: 1_000_000 } })
  while (streamVersion(stating.dir, HEADS) === 0) await new Promise((resolve) => setTimeout(resolve, 20))
  await stating.close()
}
function streamVersion(dir: string, stream: StreamId): number {
  const reader = openSqliteReader(dir)
  const { version } = reader.streamHead(stream)
  reader.close()
  return version
}

/** Streams get one after hundreds of events; here, one after a few. */
function keepSnapshot(bank: Bank, stream: StreamId, state: Json): void {
  const writer = openSqliteWriter(bank.dir)
  const head = writer.reader.streamHead(stream)
  const release = bank.release.id
  writer.writeSide([], [{ stream, ...head, leaf: head.leaf as never, state: JSON.stringify(state), release }])
  writer.close()
}
