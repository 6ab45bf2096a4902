/** Has everything of his own organisation: key, host, database, authority. What he gives out is checked by who has seen something of it before. */
import type { TestContext } from 'node:test'
import type { NoteSigner } from '../../../src/model/signed-note.ts'
import type { Trust } from '../../../verifier/verify.ts'
import { changeAuthority, withPolicies } from '../../support/authority.ts'
import { NEVER, openBank } from '../../support/bank-system.ts'
import { checkpointOf, type Raw } from '../../vectors/bundle/forge.ts'
import type { Drill } from './attack.ts'
import { lastTransaction, recordsOf, reattributed, verdictOf } from './forged.ts'

const INSIDER = 'operator'

export async function operates(
  test: TestContext,
  drill: Drill,
  records: readonly Raw[],
  key: NoteSigner,
  bare: Trust,
): Promise<void> {
  const signed = (of: readonly Raw[]): string => checkpointOf(of, key.name, key)
  const other = reattributed(records, records.length)
  await drill.try(INSIDER, 'shows two customers two histories: they compare their heads', 1, () =>
    verdictOf(other, signed(other), { ...bare, heads: [signed(records)] }, ['EQUIVOCATION']),
  )
  await drill.try(INSIDER, 'drops what a customer holds a receipt for', 1, () => {
    const shorter = records.slice(0, -lastTransaction(records))
    return verdictOf(shorter, signed(shorter), { ...bare, heads: [signed(records)] }, ['ROLLBACK'])
  })
  await drill.try(INSIDER, 'dates an operation back, behind the one before it', 1, () => {
    const n = lastTransaction(records)
    const early = records.map((record, place) =>
      place < records.length - n ? record : { ...record, line: record.line.replace(/"t":1/, '"t":') },
    )
    return verdictOf(early, signed(early), bare, ['INVALID'])
  })
  await drill.try(INSIDER, 'keeps the payload of a record to himself', 1, () => {
    const withheld = records.map((record, place) => (place === 3 ? { ...record, payload: null } : record))
    return verdictOf(withheld, signed(records), bare, ['INSUFFICIENT'])
  })
  await drill.try(INSIDER, 'allows himself something for a moment, does it, and takes it back', 1, async () => {
    const bank = await openBank(test)
    await bank.do('open_account', { account: 'a', owner: 'ann' })
    const from = recordsOf(bank.dir).length
    const before = await withPolicies(bank.dir, {})
    const wider = '@id("for-a-moment") permit (principal, action == Action::"overdraw", resource);'
    await changeAuthority(bank, await withPolicies(bank.dir, { 'moment.cedar': wider }))
    await bank.do('deposit', { account: 'a', amount: 1 })
    await changeAuthority(bank, before)
    const { items } = await bank.engine.records(bank.operator, from as never, 50, NEVER)
    await bank.close()
    const adopted = items.findIndex(({ line }) => line.includes('"stream":"plinth.authority/snapshots"'))
    return adopted < 0
      ? null
      : { by: 'the log: each snapshot is recorded as it comes into force', records: adopted, calls: 1 }
  })
  await drill.try(INSIDER, 'invents an operation at the head', 1, () =>
    // True to form: nothing contradicts it but the world, and whoever should have asked for it.
    verdictOf(records, signed(records), bare, ['INVALID']),
  )
}
