/** An error that an application's code has worded may quote what it read of somebody: the caller is told, and no file keeps it. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { openBank } from '../../../test/support/bank-system.ts'
import { textsFound } from '../../../test/support/search-files.ts'

test('what code says as it fails reaches the caller, and stands in no file', async (t) => {
  const application = fileURLToPath(new URL('../../../test/support/desk/', import.meta.url))
  const desk = await openBank(t, { application })
  assert.equal((await desk.do('note', { caller: 'c', name: 'Quillfeather' })).kind, 'committed')
  const said = { code: 'application-failed', message: /Quillfeather/ }
  await assert.rejects(desk.do('announce', { desk: 'd', who: 'c', throws: true }), said)
  await assert.rejects(desk.do('announce', { desk: 'd', who: 'c', throws: false }), {
    ...said,
    code: 'application-output-invalid',
  })
  await desk.close()
  assert.deepEqual(textsFound(desk.dir, ['Quillfeather']), [])
})
