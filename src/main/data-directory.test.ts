import assert from 'node:assert/strict'
import { mkdir, mkdtemp, readdir, readFile, stat, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { systemRandom } from '../host/random.ts'
import type { Manifest } from '../model/manifest.ts'
import { createDataDirectory, isDataDirectory, readCredentials, readInstallation } from './data-directory.ts'

const MANIFEST: Manifest = {
  format: 1,
  name: 'nothing',
  describe: '',
  entities: {},
  commands: {},
  queries: {},
  readModels: {},
  effects: {},
  invariants: {},
  importers: {},
  attested: { type: 'object', properties: {} },
}
const make = (dir: string) => createDataDirectory(dir, MANIFEST, null, { nowMs: 1, random: systemRandom })
const newFolder = () => mkdtemp(join(tmpdir(), 'plinth-directory-'))

test('a new directory has its credentials, for its owner alone', async () => {
  const dir = join(await newFolder(), 'data')
  await make(dir)
  assert.ok(isDataDirectory(dir))
  const { operator, agent, frontDoor } = await readCredentials(dir)
  assert.deepEqual([operator.principal, agent.principal, frontDoor.principal], ['operator', 'agent', 'front-door'])
  assert.ok(operator.approvalKey !== null && agent.approvalKey === null)
  for (const file of ['operator.json', 'agent.json', 'front-door.json'])
    assert.equal((await stat(join(dir, file))).mode & 0o777, 0o600)
  assert.match((await readInstallation(dir)).origin, /^plinth\.local\/nothing-[a-z2-7]{8}$/)
})

test('what a first start that was cut short has left is replaced', async () => {
  const dir = await newFolder()
  await writeFile(join(dir, 'first-start-unfinished'), '')
  await mkdir(join(dir, 'authority'))
  await writeFile(join(dir, 'authority', '000001.snapshot'), 'half')
  await writeFile(join(dir, 'operator.json'), '{}')
  await make(dir)
  assert.equal((await readCredentials(dir)).operator.principal, 'operator')
  assert.ok(!(await readdir(dir)).includes('first-start-unfinished'))
})

for (const name of ['authority', 'operator.json', 'data.db'])
  test(`a folder with somebody else's \`${name}\` is left as it is`, async () => {
    const dir = await newFolder()
    await writeFile(join(dir, name), 'mine')
    await assert.rejects(make(dir), { code: 'usage' })
    assert.equal(await readFile(join(dir, name), 'utf8'), 'mine')
  })
