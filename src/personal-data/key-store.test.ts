import assert from 'node:assert/strict'
import { copyFileSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { describe, test, type TestContext } from 'node:test'
import { KEY_STORE_FILE, KeyStore, WRAPPING_KEY_FILE } from './key-store.ts'

function store(context: TestContext) {
  const dir = mkdtempSync(join(tmpdir(), 'plinth-keys-'))
  context.after(() => rmSync(dir, { recursive: true, force: true }))
  const path = join(dir, KEY_STORE_FILE)
  const open = (mode: 'write' | 'read' = 'write') => KeyStore.open(path, join(dir, WRAPPING_KEY_FILE), mode)
  return { dir, path, open }
}

describe('keys of data subjects', () => {
  test('one for each subject of a tenant, made once, there after a restart', async (context) => {
    const { open } = store(context)
    const keys = open()
    assert.equal(keys.live('t', 'user/1'), null)
    const made = await Promise.all(['user/1', 'user/2', 'user/1'].map((subject) => keys.create('t', subject)))
    const elsewhere = await keys.create('other', 'user/1')
    assert.equal(made[0]?.kid, made[2]?.kid)
    assert.equal(new Set([...made, elsewhere].map(({ kid }) => kid)).size, 3)
    const blinded = keys.blinded('m', 'c', 'Ann')
    keys.close()
    for (const mode of ['write', 'read'] as const) {
      const again = open(mode)
      const standing = again.standing(elsewhere.kid)
      assert(standing.kind === 'live' && standing.key.subject === 'user/1' && standing.key.tenant === 'other')
      assert.equal(again.blinded('m', 'c', 'Ann'), blinded)
      assert.notEqual(again.blinded('m', 'd', 'Ann'), blinded)
      assert.deepEqual(again.standing('k_nowhere'), { kind: 'missing' })
      again.close()
    }
  })

  test('destroyed: gone from memory and from every byte of the files; a new key is another', async (context) => {
    const { dir, path, open } = store(context)
    const keys = open()
    const key = await keys.create('t', 'user/1')
    const stays = await keys.create('t', 'user/2')
    const wrapped = wrappedOf(path, key.kid)
    assert(everyByte(dir).includes(wrapped))
    keys.destroy([key], 41)
    assert.deepEqual(keys.standing(key.kid), { kind: 'erased', position: 41 })
    assert.deepEqual([keys.live('t', 'user/1'), keys.keysOf('t', 'user/1')], [null, []])
    assert.equal(everyByte(dir).includes(wrapped), false)
    assert.equal(keys.standing(stays.kid).kind, 'live')
    const next = await keys.create('t', 'user/1')
    assert.notEqual(next.kid, key.kid)
    keys.destroy([{ kid: 'k_neverhere', tenant: 't', subject: 'user/9' }], 42)
    keys.close()
    const again = open()
    assert.deepEqual(again.standing(key.kid), { kind: 'erased', position: 41 })
    assert.deepEqual(again.erased('', 10), [key.kid, 'k_neverhere'].sort())
    again.close()
  })

  test('under erasure: nobody gets it for writing, and a new one takes its place', async (context) => {
    const keys = store(context).open()
    const key = await keys.create('t', 'user/1')
    keys.retire([key], 7)
    assert.equal(keys.live('t', 'user/1'), null)
    const next = await keys.create('t', 'user/1')
    assert.notEqual(next.kid, key.kid)
    assert.equal(keys.live('t', 'user/1')?.kid, next.kid)
    keys.destroy([key], 7)
    assert.equal(keys.retired.size, 0)
    keys.close()
  })

  test('without its wrapping key, or with another, nothing opens and nothing is made anew', async (context) => {
    const { dir, path, open } = store(context)
    const keys = open()
    await keys.create('t', 'user/1')
    keys.close()
    const wrapping = join(dir, WRAPPING_KEY_FILE)
    copyFileSync(wrapping, `${wrapping}.away`)
    rmSync(wrapping)
    assert.throws(open, { code: 'storage-damaged' })
    writeFileSync(wrapping, `${'0'.repeat(64)}\n`)
    assert.throws(open, { code: 'storage-damaged' })
    writeFileSync(wrapping, 'no key\n')
    assert.throws(open, { code: 'storage-damaged' })
    copyFileSync(`${wrapping}.away`, wrapping)
    open().close()
    assert(readFileSync(path).length > 0)
  })
})

function wrappedOf(path: string, kid: string): Buffer {
  const database = new DatabaseSync(path, { readOnly: true })
  const { wrapped } = database.prepare('SELECT wrapped FROM key WHERE kid = ?').get(kid) as { wrapped: Uint8Array }
  database.close()
  return Buffer.from(wrapped)
}

const everyByte = (dir: string): Buffer => Buffer.concat(readdirSync(dir).map((name) => readFileSync(join(dir, name))))
