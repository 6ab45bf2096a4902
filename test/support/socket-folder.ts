/** A folder for sockets that a test's programs listen on: the address of one holds about a hundred bytes, and TMPDIR may be longer than that. */
import { mkdtempSync, rmSync } from 'node:fs'
import type { TestContext } from 'node:test'

export function socketFolder(test: TestContext): string {
  const folder = mkdtempSync('/tmp/plinth-sockets-')
  test.after(() => rmSync(folder, { recursive: true, force: true }))
  return folder
}
