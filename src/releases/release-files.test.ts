import assert from 'node:assert/strict'
import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, test } from 'node:test'
import { releaseOf } from '../application/release.ts'
import type { ReleaseId } from '../model/ids.ts'
import type { Manifest } from '../model/manifest.ts'
import { Problem } from '../model/problems.ts'
import { readRelease, releasePath, writeRelease } from './release-files.ts'

const directory = mkdtempSync(join(tmpdir(), 'plinth-releases-'))
after(() => rmSync(directory, { recursive: true, force: true }))

const manifest: Manifest = {
  format: 1,
  name: 'shop',
  describe: 'A shop.',
  entities: {},
  commands: {},
  queries: {},
  readModels: {},
  effects: {},
  invariants: {},
  importers: {},
  attested: { type: 'object', properties: {} },
}
const release = releaseOf(manifest, '(() => ({ "kind": "application", "unicode": "\u2028é\\u0000" }))')
const invalid = (error: unknown) => error instanceof Problem && error.code === 'release-invalid'

test('what is written is read back, once, with nothing left beside it', async () => {
  const path = await writeRelease(directory, release)
  assert.deepEqual(await readRelease(directory, release.id), release)
  const { mtimeMs, ino } = statSync(path)
  await writeRelease(directory, release)
  assert.deepEqual([statSync(path).mtimeMs, statSync(path).ino], [mtimeMs, ino], 'left as it is')
  assert.deepEqual(readdirSync(join(directory, 'releases')), [`${release.id}.json`])
})

test('a release that does not match its hash is neither written nor read, and writing repairs it', async () => {
  await assert.rejects(writeRelease(directory, { ...release, bundle: 'other' }), invalid)
  await assert.rejects(writeRelease(directory, { ...release, manifest: { ...manifest, name: 'other' } }), invalid)
  const path = releasePath(directory, release.id)
  const good = readFileSync(path, 'utf8')
  for (const damaged of [
    good.replace('A shop.', 'A shed.'),
    good.replace('unicode', 'Unicode'),
    good.slice(0, -9),
    '',
    'null',
    '{}',
  ]) {
    writeFileSync(path, damaged)
    await assert.rejects(readRelease(directory, release.id), invalid)
  }
  await writeRelease(directory, release)
  assert.deepEqual(await readRelease(directory, release.id), release)
})

test('an id is only ever an id, never a path', async () => {
  for (const id of [
    '../../etc/passwd',
    'rel_',
    '',
    'rel_ABCDEFGHIJKLMNOPQRSTUVWXYZ',
    `${release.id}/../x`,
    'rel_aaaaaaaaaaaaaaaaaaaaaaaaaa',
  ]) {
    await assert.rejects(
      readRelease(directory, id as ReleaseId),
      id.startsWith('rel_a') ? invalid : /is not the id of a release/,
    )
    await assert.rejects(writeRelease(directory, { ...release, id: id as ReleaseId }), invalid)
  }
})
