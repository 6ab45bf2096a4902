/** What stays of anchors over the years, what a crash may leave, and what is not one. */
import assert from 'node:assert/strict'
import { mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test, type TestContext } from 'node:test'
import { AnchorFiles, entriesIn, type StoredAnchor } from './anchor-files.ts'

const MINUTE = 60_000
const HOUR = 60 * MINUTE
const DAY = 24 * HOUR
const START = Date.UTC(2026, 0, 1)

function folder(test: TestContext): string {
  const path = mkdtempSync(join(tmpdir(), 'plinth-anchors-'))
  test.after(() => rmSync(path, { recursive: true, force: true }))
  return join(path, 'anchors')
}
const anchored = (size: number, timeMs: number, more: Partial<StoredAnchor> = {}): StoredAnchor => ({
  ...{ size, timeMs, anchor: 'tsa', cause: 'cadence', kind: 'tsr' },
  ...{ checkpoint: `note ${size}`, proof: Buffer.from([size & 0xff, 0, 255]) },
  ...more,
})

test('what was put is there for whoever opens the folder again, in order of size', async (t) => {
  const path = folder(t)
  const files = new AnchorFiles(path)
  for (const size of [300, 7, 2_000_000]) await files.put(anchored(size, START + size))
  await files.put(anchored(7, START + 7, { cause: 'asked', anchor: 'other' }))
  assert.deepEqual(new AnchorFiles(path).entries, entriesIn(path))
  assert.deepEqual(
    entriesIn(path).map(({ size, anchor, cause }) => [size, anchor, cause]),
    [
      [7, 'other', 'asked'],
      [7, 'tsa', 'cadence'],
      [300, 'tsa', 'cadence'],
      [2_000_000, 'tsa', 'cadence'],
    ].sort((a, b) => Number(a[0]) - Number(b[0])),
  )
  const [, , third] = entriesIn(path)
  const read = third === undefined ? null : files.read(third)
  assert.deepEqual([read?.checkpoint, read?.proof], ['note 300', Buffer.from([300 & 0xff, 0, 255])])
  assert.equal(files.last('tsa')?.size, 2_000_000)
  assert.equal(files.last('none'), null)
})

test('what is not an anchor is passed over: halves, unfinished files, files of others', async (t) => {
  const path = folder(t)
  const files = new AnchorFiles(path)
  await files.put(anchored(5, START))
  for (const name of [
    'note',
    '0000000000000009-1767225600-tsa-cadence.tsr.new',
    '5-1-tsa-cadence.tsr',
    'x-1767225600-tsa-asked.tsr',
  ])
    writeFileSync(join(path, name), '')
  writeFileSync(join(path, '0000000000000006-1767225600-tsa-cadence.checkpoint'), 'note 6') // a crash before its proof
  writeFileSync(join(path, '0000000000000008-1767225600-tsa-cadence.tsr'), '') // its checkpoint was taken away
  const entries = entriesIn(path)
  assert.deepEqual(
    entries.map(({ size }) => size),
    [5, 8],
  )
  assert.equal(files.read(entries[1] as StoredAnchor), null)
  assert.deepEqual(entriesIn(join(path, 'none')), [])
})

test('all of a day, one an hour for ninety days, one a day before; what was asked for stays', async (t) => {
  const path = folder(t)
  const files = new AnchorFiles(path)
  const now = START + 100 * DAY
  let size = 0
  const kept = new Set<number>()
  const put = async (timeMs: number, keep: boolean, more: Partial<StoredAnchor> = {}) => {
    await files.put(anchored(++size, timeMs, more))
    if (keep) kept.add(size)
  }
  for (const minute of [0, 1, 2]) await put(START + minute * MINUTE, minute === 0) // older than ninety days
  await put(START + 20 * HOUR, false)
  await put(START + 20 * HOUR, true, { cause: 'asked' })
  await put(START + 20 * HOUR, true, { anchor: 'other' })
  await put(START + 25 * HOUR, true)
  for (const minute of [0, 30, 59]) await put(START + 50 * DAY + minute * MINUTE, minute === 0)
  await put(START + 50 * DAY + HOUR, true)
  for (const minute of [0, 1, 2]) await put(now - HOUR + minute * MINUTE, true)
  assert.equal(files.thin(now), size - kept.size)
  assert.deepEqual(
    entriesIn(path).map((entry) => entry.size),
    [...kept],
  )
  assert.deepEqual(files.entries, entriesIn(path))
  assert.equal(readdirSync(path).length, 2 * kept.size)
  assert.equal(files.thin(now), 0)
})
