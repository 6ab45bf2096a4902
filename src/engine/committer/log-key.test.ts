import assert from 'node:assert/strict'
import { readFileSync, rmSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { formatVerifierKey } from '../../model/signed-note.ts'
import { dataDirectory } from '../../../test/support/commits.ts'
import { openLogKey } from './log-key.ts'

const paths = (dir: string) => ({ key: join(dir, 'log.key'), vkey: join(dir, 'log.vkey') })

test('the key is made once, for its owner alone, and published', () => {
  using dir = dataDirectory()
  const { key, vkey } = paths(dir.path)
  const signer = openLogKey(key, vkey, 'log.example/test')
  assert.equal(statSync(key).mode & 0o777, 0o600)
  assert.equal(readFileSync(vkey, 'utf8'), `${formatVerifierKey(signer)}\n`)
  assert.equal(openLogKey(key, vkey, 'log.example/test').keyHash, signer.keyHash)
})

test('a crash before the key was published is made good', () => {
  using dir = dataDirectory()
  const { key, vkey } = paths(dir.path)
  const signer = openLogKey(key, vkey, 'log.example/test')
  rmSync(vkey)
  assert.equal(openLogKey(key, vkey, 'log.example/test').keyHash, signer.keyHash)
  assert.equal(readFileSync(vkey, 'utf8'), `${formatVerifierKey(signer)}\n`)
})

test('a key that is gone, or another, is not replaced in silence', () => {
  using dir = dataDirectory()
  using other = dataDirectory()
  const { key, vkey } = paths(dir.path)
  openLogKey(key, vkey, 'log.example/test')
  const stranger = paths(other.path)
  openLogKey(stranger.key, stranger.vkey, 'log.example/test')
  assert.throws(() => openLogKey(stranger.key, vkey, 'log.example/test'), { code: 'storage-damaged' })
  rmSync(key)
  assert.throws(() => openLogKey(key, vkey, 'log.example/test'), { code: 'storage-damaged' })
})
