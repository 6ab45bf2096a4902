/** Personal input that was never kept, because the operation touched nobody's stream: unchecked by whoever derives admissions again, and not invalid. */
import assert from 'node:assert/strict'
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { audit } from '../../src/main/audit.ts'
import { exportLog } from '../../src/main/export-log.ts'
import { parseKey } from '../../verifier/verify.ts'
import { NEVER, openBank, temporaryDirectory } from '../support/bank-system.ts'
import { verifyBytes } from './bundle/forge.ts'

const NOON = Date.UTC(2026, 5, 1, 12)
const clock = { nowMs: () => NOON, monotonicUs: () => performance.now() * 1000 }

test('what was not kept is unchecked, and so is what a limit adds up to from it', async (context) => {
  const desk = await openBank(context, { application: fileURLToPath(new URL('../support/desk/', import.meta.url)), clock })
  for (const [command, input] of [
    ['put_through', { desk: 'd', name: 'Ann', minutes: 5 }],
    ['take_up', { desk: 'e', minutes: 1 }],
  ] as const)
    assert.equal((await desk.do(command, input)).kind, 'committed')
  await desk.close()
  const audited = await audit({ dir: desk.dir, bundle: null, rootKey: null, onProgress: () => {} }, NEVER)
  assert.deepEqual(audited.disagreed, [])
  assert.ok(audited.notChecked.some((what) => what.includes('personal input that was not kept')))
  const file = join(await temporaryDirectory(context), 'log.tar')
  await exportLog(desk.dir, file, 'bundle', null)
  const vkey = (await readFile(join(desk.dir, 'log.vkey'), 'utf8')).trim()
  const report = verifyBytes(await readFile(file), { logs: [parseKey(vkey)], policy: null, heads: [] })
  assert.deepEqual([report.findings, report.verdict, report.admissions], [[], 'VALID_UNWITNESSED', 1])
  assert.ok(report.notChecked.some((what) => what.startsWith('1 admission: what it asked is personal, and was not kept')))
  assert.ok(report.notChecked.some((what) => what.includes('the window of the limit `taken` holds what could not be counted')))
})
