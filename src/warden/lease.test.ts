/** The lease as the runtime sees it: renewed, run out, withheld, forged; and what it does not believe. */
import assert from 'node:assert/strict'
import { cpSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test, type TestContext } from 'node:test'
import { systemClock } from '../host/clock.ts'
import { openAuthoritySource } from './source.ts'
import { testWarden, type TestWarden } from './testing/test-warden.ts'

const NOW = 1_000_000_000
const LEASE_MS = 60_000
const add = (id: string) =>
  ({ change: 'add-principal', principal: { id, kind: 'agent', owner: null, roles: [] } }) as const

async function open(t: TestContext, made: TestWarden, dir = made.publishDir) {
  const clock = { ...systemClock, nowMs: () => made.clock.nowMs }
  const source = await openAuthoritySource(dir, made.vkey, { clock, pollMs: 3_600_000 })
  t.after(() => source.close())
  return source
}

test('a lease holds from the warden’s last sign of life, and is renewed without a new snapshot', async (t) => {
  const made = testWarden(t, { leaseMs: LEASE_MS, nowMs: NOW })
  const source = await open(t, made)
  assert.equal(source.leaseUntilMs(), NOW + LEASE_MS)
  let heard = 0
  source.onLease(() => void heard++)
  made.clock.nowMs += 20_000
  made.warden.renewLease()
  await source.refresh()
  assert.equal(source.leaseUntilMs(), NOW + 20_000 + LEASE_MS)
  assert.ok(heard > 0)
  assert.equal(source.current().number, 1)
})

test('no lease is asked for where the snapshot asks for none, and taking the file away gains nothing', async (t) => {
  const free = testWarden(t)
  assert.equal((await open(t, free)).leaseUntilMs(), null)
  const made = testWarden(t, { leaseMs: LEASE_MS, nowMs: NOW })
  rmSync(join(made.publishDir, 'lease'))
  assert.equal((await open(t, made)).leaseUntilMs(), 0)
})

test('an older lease does not shorten a newer one', async (t) => {
  const made = testWarden(t, { leaseMs: LEASE_MS, nowMs: NOW })
  const old = readFileSync(join(made.publishDir, 'lease'), 'utf8')
  made.clock.nowMs += 20_000
  made.warden.renewLease()
  const source = await open(t, made)
  writeFileSync(join(made.publishDir, 'lease'), old)
  await source.refresh()
  assert.equal(source.leaseUntilMs(), NOW + 20_000 + LEASE_MS)
})

test('a lease that was made shorter holds from then on', async (t) => {
  const made = testWarden(t, { leaseMs: LEASE_MS, nowMs: NOW })
  const source = await open(t, made)
  made.clock.nowMs += 1_000
  await made.change({ change: 'set-lease', leaseMs: 5_000 })
  await source.refresh()
  assert.equal(source.leaseUntilMs(), NOW + 6_000)
})

test('a snapshot that is withheld is noticed by the lease, which does not count for the old one', async (t) => {
  const made = testWarden(t, { leaseMs: LEASE_MS, nowMs: NOW })
  const behind = join(made.dir, 'behind')
  cpSync(made.publishDir, behind, { recursive: true })
  const source = await open(t, made, behind)
  made.clock.nowMs += 20_000
  await made.change({ change: 'revoke', principal: 'agent' })
  cpSync(join(made.publishDir, 'lease'), join(behind, 'lease')) // the heartbeat comes through, the snapshot does not
  await source.refresh()
  assert.equal(source.current().number, 1)
  assert.equal(source.leaseUntilMs(), NOW + LEASE_MS, 'not renewed')
  assert.deepEqual(
    source.status().findings.map(({ reason }) => reason),
    ['withheld'],
  )
  cpSync(join(made.publishDir, '000002.snapshot'), join(behind, '000002.snapshot'))
  await source.refresh()
  assert.equal(source.leaseUntilMs(), made.clock.nowMs + LEASE_MS)
  assert.deepEqual(source.status().findings, [])
})

for (const [name, text] of [
  [
    'signed by another',
    (_made: TestWarden, other: TestWarden) => readFileSync(join(other.publishDir, 'lease'), 'utf8'),
  ],
  [
    'edited',
    (made: TestWarden) => readFileSync(join(made.publishDir, 'lease'), 'utf8').replace('"untilMs":1', '"untilMs":9'),
  ],
  ['no note at all', () => 'forever'],
] as const)
  test(`a lease that is ${name} is not believed`, async (t) => {
    const made = testWarden(t, { leaseMs: LEASE_MS, nowMs: NOW })
    const other = testWarden(t, { leaseMs: LEASE_MS, nowMs: NOW + 10_000 })
    const source = await open(t, made)
    writeFileSync(join(made.publishDir, 'lease'), text(made, other))
    await source.refresh()
    assert.equal(source.leaseUntilMs(), NOW + LEASE_MS)
    assert.equal(source.status().findings.length, 1)
  })

test('a lease from the future is not believed', async (t) => {
  const made = testWarden(t, { leaseMs: LEASE_MS, nowMs: NOW })
  made.clock.nowMs += 3_600_000
  made.warden.renewLease()
  made.clock.nowMs -= 3_600_000
  const source = await open(t, made)
  assert.equal(source.leaseUntilMs(), 0)
  assert.match(source.status().findings[0]?.detail ?? '', /future/)
})

test('a snapshot that follows keeps the lease of the one before until its own comes', async (t) => {
  const made = testWarden(t, { leaseMs: LEASE_MS, nowMs: NOW })
  const source = await open(t, made)
  await made.change(add('bot'))
  await source.refresh()
  assert.equal(source.current().number, 2)
  assert.equal(source.leaseUntilMs(), NOW + LEASE_MS)
})

test('asking for a lease stops nobody: the snapshot that asks is a sign of life itself', async (t) => {
  const made = testWarden(t, { nowMs: NOW })
  const source = await open(t, made)
  assert.equal(source.leaseUntilMs(), null)
  made.clock.nowMs += 1_000
  await made.change({ change: 'set-lease', leaseMs: 5_000 })
  rmSync(join(made.publishDir, 'lease'), { force: true }) // as it is until the warden has written the first
  await source.refresh()
  assert.equal(source.leaseUntilMs(), NOW + 6_000)
  const later = await open(t, made)
  assert.equal(later.leaseUntilMs(), 0, 'not for who has not seen it come')
})
