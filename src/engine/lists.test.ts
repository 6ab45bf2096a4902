import assert from 'node:assert/strict'
import { test } from 'node:test'
import { encodeCursor } from './cursor.ts'
import type { Page } from './engine.ts'
import { NEVER, openBank } from '../../test/support/bank-system.ts'
import { writtenBeside } from '../../test/support/beside.ts'
import type { OperationId } from '../model/ids.ts'
import { Problem } from '../model/problems.ts'

async function everything<T>(page: (after: string | null) => Promise<Page<T>>): Promise<T[]> {
  const items: T[] = []
  let after: string | null = null
  do {
    const { items: more, next }: Page<T> = await page(after)
    items.push(...more)
    after = next
  } while (after !== null)
  return items
}

test('lists page without gaps or duplicates, pinned to where they began, and no cursor but their own is taken', async (t) => {
  const bank = await openBank(t)
  const { engine, operator } = bank
  const ids = Array.from({ length: 23 }, (_, i) => `a${String(i).padStart(2, '0')}`)
  for (const account of ids) await bank.do('open_account', { account, owner: account < 'a10' ? 'ann' : 'bob' })
  const refused: OperationId[] = []
  for (let i = 0; i < 9; i++) refused.push((await bank.do('deposit', { account: 'nobody', amount: 1 })).operation)
  await writtenBeside(bank.dir, refused.at(-1) as OperationId)

  await t.test('entities', async () => {
    let late = 0
    const found = await everything(async (after) => {
      await bank.do('open_account', { account: `a05-${late++}`, owner: 'late' })
      return engine.states(operator, 'account', { after, limit: 5 }, null, NEVER)
    })
    assert.deepEqual(
      found.map(({ id }) => id).filter((id) => id !== 'a05-0'),
      ids,
    )
  })
  await t.test('rows', async () => {
    const rows = await everything((after) =>
      engine.rows(operator, 'accounts_by_owner', { owner: 'bob' }, ['balance'], { after, limit: 4 }, null, NEVER),
    )
    assert.deepEqual(
      rows.map(({ id }) => id),
      ids.filter((id) => id >= 'a10'),
    )
  })
  await t.test('operations, from the log and beside it', async () => {
    const found = await everything((after) => engine.operations(operator, {}, { after, limit: 7 }, NEVER))
    assert.equal(new Set(found.map(({ operation }) => operation)).size, found.length)
    assert.equal(found.filter(({ action }) => action === 'open_account').length >= ids.length, true)
    assert.deepEqual(
      found
        .filter(({ state }) => state === 'refused')
        .map(({ operation }) => operation)
        .sort(),
      refused.sort(),
    )
    const times = found.map(({ recordedAtMs }) => recordedAtMs)
    assert.deepEqual(
      times,
      [...times].sort((one, other) => other - one),
    )
  })
  await t.test('operations behind more reads than one look goes through', async () => {
    for (let round = 0; round < 3; round++) {
      for (let i = 0; i < 2_000; i++) await engine.approvals(operator, {}, { after: null, limit: 1 }, NEVER)
      const last = await bank.do('deposit', { account: 'nobody', amount: 1 })
      refused.push(last.operation)
      await writtenBeside(bank.dir, last.operation) // more than the committer keeps waiting would be dropped
    }
    const found = await everything((after) =>
      engine.operations(operator, { state: 'refused' }, { after, limit: 50 }, NEVER),
    )
    assert.equal(found.length, refused.length)
    const all = await everything((after) => engine.operations(operator, {}, { after, limit: 50 }, NEVER))
    assert.equal(all.filter(({ state }) => state === 'refused').length, refused.length)
  })
  await t.test('cursors', async () => {
    const head = (await engine.self(operator, NEVER)).position
    const places = [null, 'x', -5, 1.5, Number.MAX_SAFE_INTEGER, head + 100, '__proto__', '\ud800']
    const lists: Record<string, [number, (after: string) => Promise<unknown>]> = {
      operations: [3, (after) => engine.operations(operator, {}, { after, limit: 5 }, NEVER)],
      states: [2, (after) => engine.states(operator, 'account', { after, limit: 5 }, null, NEVER)],
      rows: [3, (after) => engine.rows(operator, 'accounts_by_owner', {}, [], { after, limit: 5 }, null, NEVER)],
      approvals: [2, (after) => engine.approvals(operator, {}, { after, limit: 5 }, NEVER)],
    }
    for (const [kind, [width, list]] of Object.entries(lists)) {
      const cursors = ['', '%', 'bnVsbA', 'x'.repeat(5_000), encodeCursor('other', Array(width).fill(1))]
      for (const place of places)
        for (let at = 0; at < width; at++) cursors.push(encodeCursor(kind, Array(width).fill(0).with(at, place)))
      for (const cursor of cursors)
        await list(cursor).catch((error: unknown) => {
          assert.ok(
            error instanceof Problem && ['invalid-cursor', 'invalid-position'].includes(error.code),
            `${kind} ${cursor}: ${String(error)}`,
          )
        })
    }
    for (const limit of [0, -1, 201, 1.5, Number.NaN])
      await assert.rejects(engine.operations(operator, {}, { after: null, limit }, NEVER), /malformed-request/)
  })
})
