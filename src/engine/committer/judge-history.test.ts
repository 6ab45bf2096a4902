import assert from 'node:assert/strict'
import { test } from 'node:test'
import { AGENT, commitRequest, dataDirectory, ORIGIN } from '../../../test/support/commits.ts'
import { readLimits, type Limit } from '../../policy/limits.ts'
import { openSqliteWriter } from '../../storage/sqlite/writer.ts'
import type { StorageWriter } from '../../storage/storage.ts'
import type { HistoryClaim } from '../history/claims.ts'
import { CommitterCore } from './committer-core.ts'

const [limit] = readLimits({
  'limits.json': JSON.stringify({
    format: 1,
    limits: { calls: { of: ['do'], per: ['principal'], window: { fixed: '1m' }, max: 2 } },
  }),
}).limits as [Limit]

/** A committer on storage that can fail its next write, before or after it lands, and a clock that stands still. */
function open() {
  const dir = dataDirectory()
  const sqlite = openSqliteWriter(dir.path, { synchronous: 'OFF' })
  const world = { nowMs: 60_000, fail: null as 'before' | 'after' | null }
  const storage: StorageWriter = {
    reader: sqlite.reader,
    write: async (batch) => {
      const { fail } = world
      world.fail = null
      if (fail === 'before') throw new Error('the disk is gone')
      await sqlite.write(batch)
      if (fail === 'after') throw new Error('the answer is lost')
    },
    writeSide: (records, snapshots) => sqlite.writeSide(records, snapshots),
    declareReadModels: (models) => sqlite.declareReadModels(models),
    replaceDerived: (derived) => sqlite.replaceDerived(derived),
    setMeta: (name, value) => sqlite.setMeta(name, value),
    close: () => sqlite.close(),
  }
  const core = new CommitterCore({ storage, clock: { nowMs: () => world.nowMs, monotonicUs: () => 0 }, origin: ORIGIN })
  core.adoptEpochs(1, new Map([[AGENT, 1]]))
  core.adoptLimits([limit])
  const close = (): void => {
    sqlite.close()
    dir[Symbol.dispose]()
  }
  return { world, core, [Symbol.dispose]: close }
}
const claim = (over: Partial<HistoryClaim> = {}): HistoryClaim => ({
  ...{ counts: limit.counts, stepMs: limit.stepMs, key: AGENT, relied: null, adding: 1, max: 2 },
  ...over,
})
const claiming = (operation: string, over: Partial<HistoryClaim> = {}, atMs = 60_000) =>
  commitRequest(operation, { history: { atMs, claims: [claim(over)] } })
const kinds = async (core: CommitterCore, ...requests: Parameters<CommitterCore['commit']>[0]): Promise<string[]> =>
  (await core.commit(requests)).map(({ kind }) => kind)

test('in one batch as many land as fit, and what is turned down adds nothing', async () => {
  using world = open()
  assert.deepEqual(await kinds(world.core, claiming('op_1'), claiming('op_2'), claiming('op_3')), [
    'committed',
    'committed',
    'moved',
  ])
  assert.deepEqual(await kinds(world.core, claiming('op_3')), ['moved'])
  assert.deepEqual(await kinds(world.core, claiming('op_4', { adding: 0 })), ['committed'])
})

test('what a policy saw must be so still, to the one', async () => {
  using world = open()
  const relied = (value: number) => ({ relied: value, max: null })
  assert.deepEqual(
    await kinds(world.core, claiming('op_1', relied(0)), claiming('op_2', relied(0)), claiming('op_3', relied(1))),
    ['committed', 'moved', 'committed'],
  )
})

test('a commit lands in the step that it was admitted in, or is admitted again', async () => {
  using world = open()
  assert.deepEqual(await kinds(world.core, claiming('op_1', {}, 59_999)), ['moved'])
  assert.deepEqual(await kinds(world.core, claiming('op_1'), claiming('op_2')), ['committed', 'committed'])
  world.world.nowMs = 120_000
  assert.deepEqual(await kinds(world.core, claiming('op_3')), ['moved'])
  assert.deepEqual(await kinds(world.core, claiming('op_3', {}, 120_000)), ['committed'])
})

for (const moment of ['before', 'after'] as const)
  test(`after a write that failed ${moment} it landed, the log says what has been counted`, async () => {
    using world = open()
    world.world.fail = moment
    assert.deepEqual(await kinds(world.core, claiming('op_1'), claiming('op_2')), ['failed', 'failed'])
    const next = await kinds(world.core, claiming('op_3'), claiming('op_4'))
    assert.deepEqual(next, moment === 'before' ? ['committed', 'committed'] : ['moved', 'moved'])
  })

test('a limit that nobody has adopted is nothing to rest on', async () => {
  using world = open()
  assert.deepEqual(await kinds(world.core, claiming('op_1', { counts: 'other' as never })), ['moved'])
})
