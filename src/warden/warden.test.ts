import assert from 'node:assert/strict'
import { readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { test } from 'node:test'
import { systemClock } from '../host/clock.ts'
import { sha256Hex } from '../model/ids.ts'
import { canonicalJson } from '../model/json.ts'
import { Problem } from '../model/problems.ts'
import { WARDEN_FILE } from './journal.ts'
import { drillBytes } from './change-request.ts'
import type { OperatorSigner } from './operator-signer.ts'
import { openAuthoritySource, readAuthority } from './source.ts'
import { newEd25519 } from './secrets.ts'
import { openWarden } from './warden.ts'
import { testWarden } from './testing/test-warden.ts'

const fails = (code: string) => (error: unknown) => error instanceof Problem && error.code === code
const add = (id: string) =>
  ({ change: 'add-principal', principal: { id, kind: 'agent', owner: null, roles: [] } }) as const
const policies = (name: string) => ({ change: 'set-policies', files: { [`${name}.cedar`]: '' } }) as const
const threshold = (kind: 'policies' | 'operators', signatures: number) =>
  ({ change: 'set-threshold', kind, signatures }) as const

test('a change that an operator has signed is in the next snapshot, which the runtime takes', async (t) => {
  const made = testWarden(t)
  assert.deepEqual(await made.change(add('bot')), {
    ...{ kind: 'published', snapshot: 2, signedBy: ['mia'] },
    request: (JSON.parse(made.warden.journal(2, 1)[0] as string) as { request: string }).request,
  })
  const { snapshot } = await readAuthority(made.publishDir, made.vkey)
  assert.deepEqual(
    snapshot.principals.map(({ id }) => id),
    ['operator', 'agent', 'front-door', 'bot'],
  )
})

test('two-person rule: one signature waits, the second publishes; the same one twice is still one', async (t) => {
  const made = testWarden(t)
  await made.change(threshold('policies', 2))
  const text = made.text(policies('a'))
  for (let tries = 0; tries < 2; tries++) {
    const waiting = await made.submit(text, 'mia')
    assert.ok(waiting.kind === 'waiting')
    assert.deepEqual([waiting.signedBy, waiting.missing], [['mia'], { policies: 1 }])
  }
  made.reopen() // what was collected survives
  assert.equal(made.warden.pending().length, 1)
  const done = await made.submit(text, 'ben')
  assert.deepEqual(done.kind === 'published' && done.signedBy, ['mia', 'ben'])
  assert.deepEqual(Object.keys(made.warden.current.snapshot.policies), ['a.cedar'])
})

test('a stolen key below the threshold changes nothing, and what it tried stays visible', async (t) => {
  const made = testWarden(t)
  await made.change(threshold('policies', 2), threshold('operators', 2))
  const before = made.warden.current.hash
  await made.submit(made.text(policies('open')), 'ben')
  await made.submit(made.text(threshold('policies', 1)), 'ben')
  const { publicKey } = newEd25519()
  const thief = { id: 'mallory', algorithm: 'ed25519', publicKey, roles: ['*'] } as const
  await made.submit(made.text({ change: 'add-operator', operator: thief }), 'ben')
  assert.equal(made.warden.current.hash, before)
  assert.deepEqual(
    made.warden.pending().map(({ signedBy }) => signedBy),
    [['ben'], ['ben'], ['ben']],
  )
})

test('a stolen key fills no queue: others still stop things, collect signatures and remove it', async (t) => {
  const made = testWarden(t)
  await made.change(threshold('policies', 2), threshold('operators', 2))
  let taken = 0
  await assert.rejects(async () => {
    for (; taken < 100; taken++) await made.submit(made.text(policies(`open-${taken}`)), 'ben')
  }, fails('overloaded'))
  assert.equal(made.warden.pending().length, taken)
  const removal = made.text(
    { change: 'remove-operator', id: 'ben' },
    threshold('operators', 1),
    threshold('policies', 1),
  )
  assert.equal((await made.submit(removal, 'mia')).kind, 'waiting')
  const one = { id: 'sw-1', scope: { kind: 'global', value: '*' }, action: 'stop', reason: 'a key is stolen' } as const
  assert.equal((await made.change({ change: 'switch-on', switch: one })).kind, 'published')
  assert.equal(made.warden.pending().length, 0)
})

test('what has expired makes room, and nothing may wait for longer than a request can', async (t) => {
  const made = testWarden(t)
  await made.change(threshold('policies', 2))
  const fill = async () => {
    for (let taken = 0; taken < 100; taken++) await made.submit(made.text(policies(`p-${taken}`)), 'ben')
  }
  await assert.rejects(fill, fails('overloaded'))
  made.clock.nowMs += 25 * 3_600_000
  assert.equal((await made.submit(made.text(policies('later')), 'ben')).kind, 'waiting')
  const never = JSON.parse(made.text(policies('for-ever'))) as Record<string, unknown>
  const farOff = made.clock.nowMs + 1_000 * 24 * 3_600_000
  const text = canonicalJson({ ...never, createdAtMs: farOff, expiresAtMs: farOff + 1 } as never)
  await assert.rejects(made.submit(text, 'ben'), fails('malformed-request'))
})

test('a drill’s report counts once, and while it is fresh', async (t) => {
  const made = testWarden(t)
  const signed = async (report: string) => {
    const signature = await (made.operators['eve'] as OperatorSigner).sign(drillBytes(report))
    return { request: report, operator: 'eve', signature: signature.toString('base64') }
  }
  const drill = await signed(canonicalJson({ format: 1, startedAtMs: made.clock.nowMs, passed: true }))
  made.warden.recordDrill(drill)
  assert.throws(() => made.warden.recordDrill(drill), fails('change-stale'), 'handed in again')
  assert.throws(
    () => made.warden.recordDrill({ ...drill, request: `${drill.request} ` }),
    fails('change-not-authorized'),
  )
  const unread = await signed('no report at all')
  assert.throws(() => made.warden.recordDrill(unread), fails('change-stale'))
  made.clock.nowMs += 2 * 3_600_000
  assert.throws(() => made.warden.recordDrill(drill), fails('change-stale'), 'handed in later')
})

test('a role limits what a key may sign: it may stop things, and nothing else', async (t) => {
  const made = testWarden(t)
  await assert.rejects(made.submit(made.text(add('bot')), 'eve'), fails('change-not-authorized'))
  const scope = { kind: 'global', value: '*' } as const
  const one = { id: 'sw-1', scope, action: 'stop', reason: 'smoke' } as const
  const text = made.text({ change: 'switch-on', switch: one })
  assert.equal((await made.submit(text, 'eve')).kind, 'published')
  const [on] = made.warden.current.snapshot.switches
  assert.deepEqual(on, { ...one, by: 'eve', atMs: made.clock.nowMs })
  const both = await made.submit(
    made.text({ change: 'switch-off', id: 'sw-1' }, { change: 'switch-on', switch: { ...one, id: 'sw-2' } }),
    'eve',
  )
  assert.deepEqual(both.kind === 'waiting' && both.missing, { 'switch-off': 1 }, 'off again is not theirs to sign')
})

test('a request is used once, and only on the snapshot it was made to', async (t) => {
  const made = testWarden(t)
  const first = made.text(add('one'))
  const second = made.text(add('two'))
  const signed = await made.sign(first)
  made.warden.submit(signed)
  assert.throws(() => made.warden.submit(signed), fails('change-stale'), 'replayed')
  await assert.rejects(made.submit(second), fails('change-stale'), 'outrun')
  made.reopen()
  assert.throws(() => made.warden.submit(signed), fails('change-stale'), 'replayed after a restart')
  assert.equal(made.warden.current.snapshot.number, 2)
})

test('a request that waited too long is refused', async (t) => {
  const made = testWarden(t)
  await made.change(threshold('policies', 2))
  const text = made.text(policies('a'))
  await made.submit(text, 'mia')
  made.clock.nowMs += 8 * 24 * 3_600_000
  assert.deepEqual(made.warden.pending(), [])
  await assert.rejects(made.submit(text, 'ben'), fails('change-stale'))
})

for (const [name, spoil] of [
  ['by nobody known', (signed: object) => ({ ...signed, operator: 'zoe' })],
  ['by somebody else', (signed: object) => ({ ...signed, operator: 'ben' })],
  ['of another text', (signed: { request: string }) => ({ ...signed, request: signed.request.replace('bot', 'bob') })],
  ['that is not one', (signed: object) => ({ ...signed, signature: 'AAAA' })],
] as const)
  test(`a signature ${name} is refused, and on record`, async (t) => {
    const made = testWarden(t)
    const signed = spoil(await made.sign(made.text(add('bot')))) as Awaited<ReturnType<typeof made.sign>>
    assert.throws(() => made.warden.submit(signed), fails('change-not-authorized'))
    assert.equal(made.warden.current.snapshot.number, 1)
    const last = JSON.parse(made.warden.journal(0, 100).at(-1) as string) as { kind: string; code: string }
    assert.deepEqual([last.kind, last.code], ['refused', 'change-not-authorized'])
  })

for (const [name, change] of [
  ['names the engine', add('plinth.signer')],
  ['leaves nobody to change operators', { change: 'set-threshold', kind: 'operators', signatures: 3 }],
  ['revokes whom nobody knows', { change: 'revoke', principal: 'zoe' }],
] as const)
  test(`a change that ${name} is refused before anybody else is asked`, async (t) => {
    const made = testWarden(t)
    await assert.rejects(made.change(change), fails('authority-change-refused'))
    assert.deepEqual(made.warden.pending(), [])
  })

test('the last who may change operators cannot be removed', async (t) => {
  const made = testWarden(t)
  await made.change({ change: 'remove-operator', id: 'ben' })
  await assert.rejects(made.change({ change: 'remove-operator', id: 'mia' }), fails('authority-change-refused'))
})

test('text that is not a request, or not in its one form, is refused', async (t) => {
  const made = testWarden(t)
  for (const text of ['', '{}', 'null', made.text(add('bot')).replace('{', '{ '), '{"format":1}'])
    await assert.rejects(made.submit(text), fails('malformed-request'), text)
})

test('root keys hand over: who pinned the first follows, and the old key signs nothing any more', async (t) => {
  const made = testWarden(t)
  const source = await openAuthoritySource(made.publishDir, made.vkey, { clock: systemClock })
  t.after(() => source.close())
  const old = made.warden.status().rootKey
  await made.change({ change: 'rotate-root' })
  assert.notEqual(made.warden.status().rootKey, old)
  made.reopen()
  await made.change(add('bot'))
  await made.change({ change: 'rotate-root' })
  await made.change(add('cat'))
  await source.refresh()
  assert.equal(source.current().number, 5)
  assert.deepEqual(source.status().findings, [])
  assert.equal((await source.past(3))?.snapshot.number, 3)
  const again = await openAuthoritySource(made.publishDir, made.vkey, { clock: systemClock })
  t.after(() => again.close())
  assert.equal(again.current().number, 5)
  made.warden.close()
  const database = new DatabaseSync(join(made.dir, WARDEN_FILE))
  const kept = database.prepare(`SELECT count(*) AS count FROM root_key WHERE pem <> ''`).get()
  database.close()
  assert.equal(kept?.['count'], 1)
  made.reopen()
})

test('what a crash, or somebody, kept from the readers is published again', async (t) => {
  const made = testWarden(t)
  await made.change(add('bot'))
  const before = readFileSync(join(made.publishDir, '000002.snapshot'), 'utf8')
  rmSync(join(made.publishDir, '000002.snapshot'))
  writeFileSync(join(made.publishDir, '000001.snapshot'), 'something else')
  made.reopen()
  assert.equal(readFileSync(join(made.publishDir, '000002.snapshot'), 'utf8'), before)
  assert.equal((await readAuthority(made.publishDir, made.vkey)).snapshot.number, 2)
  assert.deepEqual(
    readdirSync(made.publishDir).filter((name) => name.startsWith('.')),
    [],
  )
})

test('the journal links every entry to the one before; an edited one is found at opening', async (t) => {
  const made = testWarden(t)
  await made.change(add('bot'))
  const entries = made.warden.journal(0, 100)
  assert.deepEqual(
    entries.map((entry) => (JSON.parse(entry) as { kind: string }).kind),
    ['created', 'requested', 'signed', 'published'],
  )
  for (const [place, entry] of entries.entries())
    assert.equal(
      (JSON.parse(entry) as { previous: string }).previous,
      place === 0 ? '' : sha256Hex(entries[place - 1] as string),
    )
  made.warden.close()
  const database = new DatabaseSync(join(made.dir, WARDEN_FILE))
  database.exec(`UPDATE journal SET entry = replace(entry, 'mia', 'ben') WHERE idx = 2`)
  database.close()
  const { dir, publishDir } = made
  const open = () => openWarden({ dir, publishDir, clock: systemClock, checkPolicies: () => [] })
  assert.throws(open, fails('storage-damaged'))
  const undo = new DatabaseSync(join(made.dir, WARDEN_FILE))
  undo.exec(`UPDATE journal SET entry = replace(entry, 'ben', 'mia') WHERE idx = 2`)
  undo.close()
  made.reopen()
})

test('a directory has one warden at a time', (t) => {
  const { dir, publishDir } = testWarden(t)
  assert.throws(
    () => openWarden({ dir, publishDir, clock: systemClock, checkPolicies: () => [] }),
    fails('warden-unavailable'),
  )
})
