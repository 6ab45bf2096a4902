/**
 * Writes `data.db` of a running system, and reads neither `rows.key` nor the log's key. After each edit the work goes on as before: calls, reads, a
 * restart, and at last an audit; whichever notices first is what the table says. Indexes, read models, outbox, idempotency keys, refusals and snapshots
 * are edited like the log itself.
 */
import { cpSync, existsSync, copyFileSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import type { TestContext } from 'node:test'
import type { OperationId } from '../../../src/model/ids.ts'
import { NEVER, openBank, temporaryDirectory, type Bank } from '../../support/bank-system.ts'
import { SEED } from '../../vectors/mutation/enumeration.ts'
import { edit } from '../../vectors/store/world.ts'
import { integrityCode, type Drill, type Noticed } from './attack.ts'
import { resealed } from './resealed.ts'

const INSIDER = 'administrator of the database'
const DATABASE_FILES = ['data.db', 'data.db-wal', 'data.db-shm']

type Edit = (database: DatabaseSync) => void
/** When it is done, where that is not while the system runs and works on; `audited`: an audit comes before the next start, which would mend it. */
type When = 'down' | 'audited'
const sql =
  (text: string): Edit =>
  (database) =>
    database.exec(text)
const LAST_EVENT =
  "version = (SELECT max(version) FROM event_new WHERE stream = (SELECT no FROM stream WHERE id = 'account/a'))" +
  " AND stream = (SELECT no FROM stream WHERE id = 'account/a')"
/** Where the operation of the key `first` is. */
const OF_FIRST = '(SELECT first + count - 1 FROM log WHERE instr(body, \'"owner":"ann"\') > 0 ORDER BY first LIMIT 1)'

const EDITS: readonly (readonly [attack: string, work: Edit, when?: When])[] = [
  ['edits a record', sql(`UPDATE log SET body = replace(body, '"actor":"agent"', '"actor":"eve00"')`)],
  ['edits a payload', sql(`UPDATE log SET body = replace(body, '"amount":500', '"amount":900')`)],
  [
    'edits the leaves of a record',
    sql('UPDATE log SET leaves = zeroblob(length(leaves)) WHERE instr(body, \'"deposited"\') > 0'),
  ],
  [
    'adds a record',
    sql(
      'INSERT INTO log SELECT first + count, count, at, operation, intent, leaves, sizes, body, seal FROM log ORDER BY first DESC LIMIT 1',
    ),
  ],
  ['removes a record', sql('DELETE FROM log WHERE instr(body, \'"deposited"\') > 0')],
  [
    'cuts off the log’s end, rows and head',
    sql('DELETE FROM log WHERE first > 12; UPDATE head SET position = 12, size = 13'),
    'down',
  ],
  ['moves an event in the index of its stream', sql(`UPDATE event_new SET version = version + 1 WHERE ${LAST_EVENT}`)],
  ['cuts off the end of one stream in its index', sql(`DELETE FROM event_new WHERE ${LAST_EVENT}`)],
  ['takes a stream out of the index of streams', sql("DELETE FROM stream WHERE id = 'account/b'")],
  ['changes a row of a read model', sql(`UPDATE rows_1 SET row = replace(row, '"ann"', '"eve"')`)],
  ['moves a row in the index of a read model', sql("UPDATE rows_1 SET c0 = 'eve'")],
  ['takes a row out of a read model', sql("DELETE FROM rows_1 WHERE id = 'a'")],
  [
    'adds a row to a read model',
    sql("INSERT INTO rows_1 SELECT 'z', key, since, row, c0, c1, seal FROM rows_1 WHERE id = 'a'"),
  ],
  ['changes an earlier row of a read model', sql(`UPDATE past_1 SET row = replace(row, '"ann"', '"eve"')`)],
  ['takes an earlier row out of a read model', sql('DELETE FROM past_1')],
  ['changes an effect in the outbox', sql(`UPDATE effect SET payload = replace(payload, '"amount":', '"amount":1')`)],
  ['takes an effect out of the outbox', sql('DELETE FROM effect')],
  [
    'adds an effect to the outbox',
    sql('INSERT INTO effect SELECT position - 1, ordinal, effect, payload FROM effect LIMIT 1'),
  ],
  [
    'gives an idempotency key to another operation',
    sql('UPDATE log SET operation = (SELECT operation FROM log ORDER BY first LIMIT 1)'),
  ],
  ['changes what an idempotency key was first asked for', sql('UPDATE log SET intent = zeroblob(32)')],
  [
    'leads an idempotency key to another operation',
    sql(`UPDATE operation_new SET position = (SELECT max(position) FROM operation_new) WHERE position = ${OF_FIRST}`),
  ],
  ['takes an idempotency key out of its index', sql(`DELETE FROM operation_new WHERE position = ${OF_FIRST}`)],
  ['changes what was refused', sql(`UPDATE side SET body = replace(body, 'not-enough', 'not-enoug')`)],
  ['removes what was refused', sql('DELETE FROM side')],
  ['changes the head’s root', sql('UPDATE head SET root = upper(root)'), 'down'],
  ['removes the triggers that keep the log', sql('DROP TRIGGER log_stays; DROP TRIGGER log_kept'), 'audited'],
]

/** @param oneIn of the edits, picked by the seed; 1: all of them */
export async function editsTheDatabase(test: TestContext, drill: Drill, oneIn: number): Promise<void> {
  const home = await temporaryDirectory(test)
  const [kept, dir] = [join(home, 'kept'), join(home, 'data')]
  const first = await openBank(test, { dir: kept })
  await work(first)
  await first.close()
  const afresh = (): void => {
    rmSync(dir, { recursive: true, force: true })
    cpSync(kept, dir, { recursive: true })
  }
  // With the seal that it had: from a copy of the database, as backups are.
  const broughtBack = `ATTACH '${join(kept, 'data.db')}' AS before; INSERT OR REPLACE INTO rows_1 SELECT * FROM before.rows_1 WHERE id = 'a'; DETACH before`
  const edits = [...EDITS, ['brings back a row of a read model as it was', sql(broughtBack)] as const]
  for (const [attack, change, when] of edits.filter((_, place) => place % oneIn === SEED % oneIn))
    await drill.try(INSIDER, attack, 1, async () => {
      afresh()
      return await untilNoticed(test, dir, when === 'audited' ? rawEdit(change) : (of) => edit(of, change), when)
    })
  await drill.try(INSIDER, 'puts the whole database back to an earlier state', 1, () => putsBack(test, home))

  // Who also reads `rows.key` makes every row, its leaf, its seal, and the head's, fit what he has made of it.
  for (const [attack, withRoot] of [
    ['re-attributes a record, and makes its leaf and its seal anew', false],
    ['re-attributes a record, and makes every leaf, seal and the root anew', true],
  ] as const)
    await drill.try('root of the runtime', attack, 1, async () => {
      afresh()
      return await untilNoticed(test, dir, (of) => resealed(of, withRoot))
    })
}

const rawEdit =
  (change: Edit) =>
  (dir: string): void => {
    const database = new DatabaseSync(join(dir, 'data.db'), { timeout: 5_000 })
    change(database)
    database.close()
  }

let keys = 0
/** What goes on in a bank: each is one call. */
function calls(bank: Bank): readonly (readonly [what: string, call: () => Promise<unknown>])[] {
  const { engine, operator } = bank
  const page = { after: null, limit: 50 }
  return [
    ['a call again, with its key', () => bank.do('open_account', { account: 'a', owner: 'ann' }, { key: 'first' })],
    ['a read', () => bank.ask('balance_of', { account: 'a' })],
    ['a find', () => bank.ask('accounts_of', { owner: 'ann' })],
    ['a change', () => bank.do('deposit', { account: 'a', amount: 500 })],
    ['a transfer', () => bank.do('transfer', { from: 'a', to: 'b', amount: 1 })],
    ['an effect', () => bank.do('withdraw', { account: 'b', amount: 1 })],
    ['a refusal', () => bank.do('withdraw', { account: 'b', amount: 90_000 })],
    ['a new account', () => bank.do('open_account', { account: `n${keys++}`, owner: 'bob' })],
    ['the list of records', () => engine.records(operator, 0, 200, NEVER)],
    ['the list of operations', () => engine.operations(operator, {}, page, NEVER)],
    ['the outbox', () => engine.effects(operator, {}, page, NEVER)],
    ['a state of before', () => engine.state(operator, 'account', 'a', { position: 8 }, NEVER)],
    [
      'rows of before',
      () => engine.rows(operator, 'accounts_by_owner', { owner: 'ann' }, [], page, { position: 8 }, NEVER),
    ],
  ]
}
async function work(bank: Bank): Promise<void> {
  await bank.do('open_account', { account: 'a', owner: 'ann' }, { key: 'first' })
  await bank.do('open_account', { account: 'b', owner: 'ann' })
  for (const [what, call] of calls(bank)) {
    const answer = (await call()) as { readonly kind?: string; readonly operation?: OperationId }
    if (answer.kind === 'failed') throw new Error(`${what}: ${JSON.stringify(answer)}`)
  }
}

/** On a running system, with all that it remembers; or on one that is down, and is started. */
async function untilNoticed(
  test: TestContext,
  dir: string,
  attack: (dir: string) => void,
  when?: When,
): Promise<Noticed | null> {
  let running = await openBank(test, { dir })
  await work(running)
  if (when === 'down') await running.close()
  const before = sizeOf(dir)
  attack(dir)
  const from = Math.min(before, sizeOf(dir))
  let made = 0
  const noticed = (by: string): Noticed => ({ by, records: Math.max(0, sizeOf(dir) - from), calls: made })
  const goesOn = async (phase: string): Promise<Noticed | null> => {
    for (const [what, call] of calls(running)) {
      made++
      const code = await codeOf(call)
      if (code !== null) return noticed(`${what}${phase}: ${code}`)
    }
    return null
  }
  const starts = async (): Promise<Noticed | null> => {
    const code = await codeOf(async () => (running = await running.again()))
    return code === null ? null : noticed(`the next start: ${code}`)
  }
  const audits = async (): Promise<Noticed | null> => {
    made++
    const { findings } = await running.engine.verify(() => {}, NEVER)
    return findings.length === 0 ? null : noticed(`\`plinth verify\`: ${findings[0]?.what}`)
  }
  const inUse = (): Promise<Noticed | null> => goesOn('')
  const later = (): Promise<Noticed | null> => goesOn(', after a restart')
  const steps = { running: [inUse, starts, later, audits], down: [starts, later, audits], audited: [inUse, audits] }
  try {
    for (const step of steps[when ?? 'running']) {
      const found = await step()
      if (found !== null) return found
    }
    return null
  } finally {
    await running.close()
  }
}

/** What an answer says of integrity; null when nothing. */
async function codeOf(call: () => Promise<unknown>): Promise<string | null> {
  try {
    const answer = (await call()) as { kind?: string; what?: string; code?: string; problem?: { code?: string } } | null
    if (answer?.kind === 'found') return answer.what ?? ''
    return answer?.kind === 'failed' ? (answer.code ?? answer.problem?.code ?? 'failed') : null
  } catch (error) {
    return integrityCode(error)
  }
}

function sizeOf(dir: string): number {
  const database = new DatabaseSync(join(dir, 'data.db'), { readOnly: true })
  const size = Number(database.prepare('SELECT size FROM head').get()?.['size'] ?? 0)
  database.close()
  return size
}

/** The signer is a process of its own: it has signed more than the log holds now. */
async function putsBack(test: TestContext, home: string): Promise<Noticed | null> {
  const dir = join(home, 'put-back')
  const signer = { kind: 'process' } as const
  const bank = await openBank(test, { dir, signer })
  await work(bank)
  await bank.close()
  for (const file of DATABASE_FILES) if (existsSync(join(dir, file))) copyFileSync(join(dir, file), join(home, file))
  const again = await openBank(test, { dir, signer })
  await again.do('deposit', { account: 'a', amount: 1 })
  await again.close()
  for (const file of DATABASE_FILES) {
    rmSync(join(dir, file), { force: true })
    if (existsSync(join(home, file))) copyFileSync(join(home, file), join(dir, file))
  }
  const from = sizeOf(dir)
  let made = 0
  const code = await codeOf(async () => {
    const restored = await openBank(test, { dir, signer })
    try {
      for (const [, call] of calls(restored)) {
        made++
        const found = await codeOf(call)
        if (found !== null) return { kind: 'found', what: found }
      }
      return null
    } finally {
      await restored.close()
    }
  })
  if (code === null) return null
  return {
    by: `the signer, ${made === 0 ? 'at the next start' : 'at a call'}: ${code}`,
    records: sizeOf(dir) - from,
    calls: made,
  }
}
