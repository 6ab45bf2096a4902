import assert from 'node:assert/strict'
import { mkdtemp, readdir, readFile, rm, unlink, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createPrivateKey } from 'node:crypto'
import { test, type TestContext } from 'node:test'
import { systemClock } from '../host/clock.ts'
import { sha256Hex } from '../model/ids.ts'
import { noteSigner, signNote } from '../model/signed-note.ts'
import type { AuthoritySnapshot } from './authority.ts'
import { addKey, addPrincipal, reinstate, removeKey, revoke, setPolicies, setRoles } from './changes.ts'
import { createAuthority, publish, type CreatedAuthority, type NewAuthority } from './testing/folder-authority.ts'
import { newApiKey, newEd25519 } from './secrets.ts'
import { snapshotFile, snapshotText } from './snapshot.ts'
import { openAuthoritySource } from './source.ts'

const NO_FAULTS = () => []
const PERMIT = { 'scope/all.cedar': '@id("all") permit(principal, action, resource);' }
const NEVER_MS = 3_600_000 // tests ask for a look themselves

async function authority(
  t: TestContext,
  more: Partial<NewAuthority> = {},
): Promise<CreatedAuthority & { dir: string }> {
  const dir = await mkdtemp(join(tmpdir(), 'plinth-authority-'))
  t.after(() => rm(dir, { recursive: true }))
  return { dir, ...(await createAuthority(dir, { policies: PERMIT, checkPolicies: NO_FAULTS, nowMs: 1_000, ...more })) }
}
async function source(t: TestContext, { dir, vkey }: { dir: string; vkey: string }, pollMs = NEVER_MS) {
  const opened = await openAuthoritySource(dir, vkey, { clock: systemClock, pollMs })
  t.after(() => opened.close())
  return opened
}
/** Signs what the operations would refuse to make. */
function signedNote(made: CreatedAuthority, snapshot: AuthoritySnapshot): string {
  const signer = noteSigner(made.operatorKey.name, createPrivateKey(made.operatorKey.privateKey))
  return signNote(snapshotText(snapshot), [signer])
}
const plant = (
  dir: string,
  made: CreatedAuthority,
  snapshot: AuthoritySnapshot,
  file = snapshotFile(snapshot.number),
): Promise<void> => writeFile(join(dir, file), signedNote(made, snapshot))

test('the first snapshot names the first principals and holds no secret', async (t) => {
  const made = await authority(t)
  const opened = await source(t, made)
  assert.deepEqual(
    opened.current().principals.map(({ id }) => id),
    ['operator', 'agent', 'front-door'],
  )
  const { apiKey, approvalKey } = made.secrets['operator'] ?? assert.fail()
  assert.match(apiKey, /^plk_[a-z2-7]{52}$/)
  assert.equal(opened.current().principals[0]?.keys[0]?.hash, sha256Hex(apiKey))
  assert.ok(approvalKey)
  const names = await readdir(made.dir)
  assert.deepEqual(names.sort(), ['000001.snapshot', 'root.vkey'])
  const stored = await readFile(join(made.dir, '000001.snapshot'), 'utf8')
  assert.ok(!stored.includes(apiKey) && !stored.includes('PRIVATE KEY'))
  await assert.rejects(createAuthority(made.dir, { policies: {}, checkPolicies: NO_FAULTS, nowMs: 1 }), {
    code: 'authority-change-refused',
  })
})

test('a published change is adopted, after every listener has seen it', async (t) => {
  const made = await authority(t)
  const opened = await source(t, made)
  const seen: { number: number; hash: string }[] = []
  opened.onAdopt(async ({ number }, hash) => {
    await Promise.resolve()
    assert.ok(opened.current().number < number)
    seen.push({ number, hash })
  })
  const first = opened.hash() // the watch may be quicker than the next line
  const second = await publish(made.dir, made.operatorKey, revoke('agent'), 2_000)
  assert.equal(second.previous, first)
  await publish(made.dir, made.operatorKey, reinstate('agent'), 3_000)
  await opened.refresh()
  const third = opened.current()
  assert.equal(third.number, 3)
  assert.deepEqual(seen.at(-1), { number: 3, hash: opened.hash() })
  assert.equal(opened.hash(), sha256Hex(snapshotText(third)))
  assert.equal(third.principals[1]?.epoch, 2)
  assert.equal((await opened.past(2))?.snapshot.principals[1]?.revoked, true)
  assert.equal(await opened.past(4), undefined)
})

test('the folder is watched: nobody has to ask', async (t) => {
  const made = await authority(t)
  const opened = await source(t, made, 50)
  const adopted = new Promise<number>((resolve) => opened.onAdopt(({ number }) => resolve(number)))
  await publish(made.dir, made.operatorKey, revoke('agent'), 2_000)
  // The watch does not keep a process alive; this does, until it has answered.
  const alive = setInterval(() => {}, 1_000)
  t.after(() => clearInterval(alive))
  assert.equal(await adopted, 2)
})

test('a listener that fails keeps the old snapshot in force, and the next one gets its turn', async (t) => {
  const made = await authority(t)
  const opened = await source(t, made)
  let broken = true
  opened.onAdopt(() => {
    if (broken) throw new Error('storage is gone')
  })
  await publish(made.dir, made.operatorKey, revoke('agent'), 2_000)
  await opened.refresh()
  assert.equal(opened.current().number, 1)
  assert.deepEqual(
    opened.status().findings.map(({ file, reason, detail }) => [file, reason, detail]),
    [['000002.snapshot', 'refused', 'storage is gone']],
  )
  broken = false
  await opened.refresh()
  assert.equal(opened.current().number, 2)
  assert.deepEqual(opened.status().findings, [])
})

const BAD_FILES: readonly {
  readonly what: string
  readonly reason: string
  readonly put: (dir: string, made: CreatedAuthority, first: AuthoritySnapshot, firstHash: string) => Promise<void>
}[] = [
  {
    what: 'signed by another key of the same name',
    reason: 'forged',
    async put(dir, made, first, hash) {
      const stranger = noteSigner(made.operatorKey.name, createPrivateKey(newEd25519().privateKey))
      const next = { ...first, number: 2, previous: hash } as AuthoritySnapshot
      await writeFile(join(dir, snapshotFile(2)), signNote(snapshotText(next), [stranger]))
    },
  },
  {
    what: 'changed after it was signed',
    reason: 'forged',
    async put(dir, made, first, hash) {
      const note = signedNote(made, { ...first, number: 2, previous: hash } as AuthoritySnapshot)
      await writeFile(join(dir, snapshotFile(2)), note.replace('"revoked":false', '"revoked":true'))
    },
  },
  {
    what: 'linked to something else',
    reason: 'forked',
    put: (dir, made, first) => plant(dir, made, { ...first, number: 2, previous: sha256Hex('else') }),
  },
  {
    what: 'behind a gap',
    reason: 'gap',
    put: (dir, made, first, hash) => plant(dir, made, { ...first, number: 3, previous: hash } as AuthoritySnapshot),
  },
  {
    what: 'an old one under a new number',
    reason: 'malformed',
    put: (dir, made, first) => plant(dir, made, first, snapshotFile(2)),
  },
  {
    what: 'signed, but with a circle of owners',
    reason: 'malformed',
    put: (dir, made, first, hash) =>
      plant(dir, made, {
        ...first,
        number: 2,
        previous: hash,
        principals: first.principals.map((entry) => ({ ...entry, owner: entry.id })),
      } as AuthoritySnapshot),
  },
  {
    what: 'signed, but of an unknown format',
    reason: 'malformed',
    put: (dir, made, first, hash) =>
      plant(dir, made, { ...first, number: 2, previous: hash, format: 2 } as unknown as AuthoritySnapshot),
  },
  {
    what: 'signed, but not in the one canonical form',
    reason: 'malformed',
    async put(dir, made, first, hash) {
      const signer = noteSigner(made.operatorKey.name, createPrivateKey(made.operatorKey.privateKey))
      const text = `${JSON.stringify({ ...first, number: 2, previous: hash }, null, 1).replaceAll('\n', '')}\n`
      await writeFile(join(dir, snapshotFile(2)), signNote(text, [signer]))
    },
  },
  {
    what: 'not a note at all',
    reason: 'forged',
    put: (dir) => writeFile(join(dir, snapshotFile(2)), '\u0000{}'),
  },
  {
    what: 'in place of the one in force',
    reason: 'forked',
    put: (dir, made, first) => plant(dir, made, { ...first, createdAtMs: 5 }),
  },
]
for (const { what, reason, put } of BAD_FILES)
  test(`a snapshot that is ${what} never replaces a good one`, async (t) => {
    const made = await authority(t)
    const opened = await source(t, made)
    const hash = opened.hash()
    await put(made.dir, made, opened.current(), hash)
    await opened.refresh()
    assert.equal(opened.hash(), hash)
    assert.equal(opened.status().findings[0]?.reason, reason)
  })

test('a restarted runtime does not go back behind what it has acted on', async (t) => {
  const made = await authority(t)
  await publish(made.dir, made.operatorKey, revoke('agent'), 2_000)
  const opened = await source(t, made)
  const notBefore = { number: 2, hash: opened.hash() }
  await unlink(join(made.dir, snapshotFile(2)))
  const again = openAuthoritySource(made.dir, made.vkey, { clock: systemClock, notBefore })
  await assert.rejects(again, { code: 'authority-invalid', members: { reason: 'older' } })
  await publish(made.dir, made.operatorKey, setRoles('agent', []), 2_500)
  const forked = openAuthoritySource(made.dir, made.vkey, { clock: systemClock, notBefore })
  await assert.rejects(forked, { code: 'authority-invalid', members: { reason: 'forked' } })
})

test('nothing opens without a snapshot, or under another pinned key', async (t) => {
  const made = await authority(t)
  const other = await authority(t)
  const clock = systemClock
  await assert.rejects(openAuthoritySource(made.dir, other.vkey, { clock }), { code: 'authority-invalid' })
  await assert.rejects(openAuthoritySource(made.dir, 'nonsense', { clock }), { code: 'authority-invalid' })
  await assert.rejects(openAuthoritySource(join(made.dir, 'none'), made.vkey, { clock }), {
    code: 'authority-unavailable',
  })
})

test('of writers at the same time each gets a number of its own, and no change is lost', async (t) => {
  const made = await authority(t)
  const names = ['a', 'b', 'c', 'd']
  await Promise.all(
    names.map((name) =>
      publish(made.dir, made.operatorKey, addKey('agent', { name, secret: newApiKey(), expiresAtMs: null }), 2_000),
    ),
  )
  const opened = await source(t, made)
  assert.equal(opened.current().number, 1 + names.length)
  assert.deepEqual(
    opened
      .current()
      .principals[1]?.keys.map(({ name }) => name)
      .sort(),
    ['a', 'b', 'c', 'd', 'first'],
  )
  assert.deepEqual(
    (await readdir(made.dir)).filter((name) => name.startsWith('.')),
    [],
  )
})

test('a change that makes no sense is refused, and nothing is written', async (t) => {
  const made = await authority(t)
  const refuse = (files: Readonly<Record<string, string>>) =>
    files['bad.cedar'] === undefined ? [] : ['`bad.cedar`: no']
  const human = { kind: 'human', owner: null, roles: [] } as const
  const changes = [
    revoke('nobody'),
    reinstate('agent'),
    removeKey('agent', 'second'),
    addKey('agent', { name: 'first', secret: 'x', expiresAtMs: null }),
    addPrincipal({ ...human, id: 'agent' }),
    addPrincipal({ ...human, id: 'Not A Name' }),
    addPrincipal({ ...human, id: 'stray', owner: 'nobody' }),
    setPolicies({ 'bad.cedar': '' }, refuse),
    setPolicies({ '../escape.cedar': '' }, refuse),
  ]
  for (const change of changes)
    await assert.rejects(publish(made.dir, made.operatorKey, change, 2_000), { code: 'authority-change-refused' })
  await assert.rejects(
    publish(made.dir, { name: 'plinth-authority', privateKey: newEd25519().privateKey }, revoke('agent'), 2_000),
    { code: 'authority-invalid' },
  )
  assert.deepEqual((await readdir(made.dir)).sort(), ['000001.snapshot', 'root.vkey'])
})
