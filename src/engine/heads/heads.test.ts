/** A running system states where every stream ends; the audit replays it, and sees a stream that was left out. */
import assert from 'node:assert/strict'
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { test } from 'node:test'
import { NEVER, openBank, type Bank } from '../../../test/support/bank-system.ts'
import { HeadsAudit } from './audit.ts'
import { HeadsFollower } from './follow.ts'
import { HEADS, HEADS_LAG_MAX, readStatement, type HeadsStatement } from './statement.ts'
import { sha256Hex, type Hash, type Position, type StreamId } from '../../model/ids.ts'
import { openHeadsFile } from '../../storage/sqlite/heads-file.ts'
import { openSqliteReader } from '../../storage/sqlite/reader.ts'
import { HeadsTree, memoryBuckets } from '../../transparency-log/heads-tree.ts'

const SOON = { everyMs: 20, everyRecords: 1_000_000 }

function statements(dir: string): HeadsStatement[] {
  const reader = openSqliteReader(dir)
  const events = reader.events(HEADS, 0, reader.head().position, 1_000)
  reader.close()
  return events.map(({ data }) => readStatement(JSON.parse(data)) as HeadsStatement)
}
async function untilStated(bank: Bank, position: number): Promise<HeadsStatement> {
  for (;;) {
    const last = statements(bank.dir).at(-1)
    if (last !== undefined && last.position >= position) return last
    await new Promise((resolve) => setTimeout(resolve, 10))
  }
}

test('heads are stated when there is something new, and not otherwise; a restart goes on where it was', async (t) => {
  const bank = await openBank(t, { heads: SOON })
  await bank.do('open_account', { account: 'a', owner: 'ann' })
  const deposited = await bank.do('deposit', { account: 'a', amount: 5 })
  assert(deposited.kind === 'committed')
  const first = await untilStated(bank, deposited.position)
  const count = statements(bank.dir).length
  await new Promise((resolve) => setTimeout(resolve, 200))
  assert.equal(statements(bank.dir).length, count, 'nothing new, nothing stated')
  const again = await bank.again()
  await new Promise((resolve) => setTimeout(resolve, 200))
  assert.equal(statements(bank.dir).length, count, 'a restart is nothing new')
  const opened = await again.do('open_account', { account: 'b', owner: 'bob' })
  assert(opened.kind === 'committed')
  const second = await untilStated(again, opened.position)
  // account/b; and the statements’ own stream, which the first statement could not know yet
  assert.equal(second.streams, first.streams + (count === 1 ? 2 : 1))
  const report = await again.engine.verify(() => {}, NEVER)
  assert.deepEqual(report.findings, [])
  assert(!report.notChecked.some((what) => what.includes('heads of streams')))
})

test('the tree’s file is derived: lost, broken, of another log or older, the same is stated', async (t) => {
  const bank = await openBank(t)
  for (let i = 0; i < 30; i++) await bank.do('open_account', { account: `a${i}`, owner: 'ann' })
  await bank.close()
  const reader = openSqliteReader(bank.dir)
  t.after(() => reader.close())
  const state = (): HeadsStatement => {
    const file = openHeadsFile(bank.dir)
    try {
      for (const follower = new HeadsFollower(reader, file); ;) {
        const statement = follower.advance()
        if (statement !== null) return statement
      }
    } finally {
      file.close()
    }
  }
  const right = state()
  const damages = [
    "UPDATE progress SET leaf = 'x'",
    "UPDATE progress SET root = 'x'",
    'UPDATE progress SET position = 1000000',
    'DELETE FROM bucket WHERE no = (SELECT min(no) FROM bucket)',
    'UPDATE bucket SET hash = zeroblob(32) WHERE no = (SELECT min(no) FROM bucket)',
    'UPDATE progress SET streams = streams + 1',
    'DELETE FROM progress',
    'DROP TABLE progress',
  ]
  for (const damage of damages) {
    const database = new DatabaseSync(join(bank.dir, 'heads.db'))
    database.exec(damage)
    database.close()
    assert.deepEqual(state(), right, damage)
  }
  // Another tree that adds up, as who has not the key of the seals makes it.
  const key = join(bank.dir, 'rows.key')
  const kept = readFileSync(key)
  writeFileSync(key, `${'5'.repeat(64)}\n`)
  const file = openHeadsFile(bank.dir)
  file.clear()
  const forged = new HeadsTree(file)
  const leaf = reader.leafHashes(right.position, right.position + 1)[0] as string
  file.writing(() => {
    const streams = forged.update(new Map([['account/a0' as StreamId, { version: 9, leaf: leaf as never }]]))
    file.setProgress({ position: right.position as Position, leaf, root: forged.rootHash(), streams })
  })
  file.close()
  writeFileSync(key, kept)
  assert.deepEqual(state(), right, 'another tree')
})

test('a statement that leaves a stream out, cuts one, counts wrongly or lags is found', () => {
  const heads = (events: readonly [stream: string, version: number][]) => {
    const tree = new HeadsTree(memoryBuckets())
    tree.update(
      new Map(
        events.map(([stream, version]) => [stream as StreamId, { version, leaf: sha256Hex(`${stream}${version}`) }]),
      ),
    )
    return tree.rootHash()
  }
  const audit = (statement: object, records = 5): string | null => {
    const replay = new HeadsAudit()
    const event = (position: number, stream: string, version: number) =>
      replay.event(position as Position, stream as StreamId, version, sha256Hex(`${stream}${version}`) as Hash, 'x', {})
    event(0, 'a/1', 1)
    event(1, 'b/1', 1)
    event(2, 'a/1', 2)
    event(3, 'c/1', 1)
    return replay.event(records as Position, HEADS, 1, sha256Hex('') as Hash, 'stated', statement as never)
  }
  const right = {
    position: 2,
    streams: 2,
    root: heads([
      ['a/1', 2],
      ['b/1', 1],
    ]),
  }
  assert.equal(audit(right), null)
  assert.equal(
    audit({
      position: 4,
      streams: 3,
      root: heads([
        ['a/1', 2],
        ['b/1', 1],
        ['c/1', 1],
      ]),
    }),
    null,
  )
  const wrong: [object, RegExp][] = [
    [{ ...right, root: heads([['a/1', 2]]) }, /not those of the log/],
    [
      {
        ...right,
        root: heads([
          ['a/1', 1],
          ['b/1', 1],
        ]),
      },
      /not those of the log/,
    ],
    [
      {
        ...right,
        root: heads([
          ['a/1', 2],
          ['b/1', 1],
          ['c/1', 1],
        ]),
      },
      /not those of the log/,
    ],
    [{ ...right, streams: 1 }, /1 streams are stated/],
    [{ ...right, position: 5 }, /not just before/],
    [{ ...right, root: 'x' }, /another form/],
    [[], /another form/],
  ]
  for (const [statement, what] of wrong) assert.match(audit(statement) ?? '', what)
  assert.match(audit(right, 3 + HEADS_LAG_MAX) ?? '', /not just before/)
})
