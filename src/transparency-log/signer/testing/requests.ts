/** What an honest writer asks of a signer, and how it would be asked otherwise: over the log of the witness's tests, which can fork. */
import type { TestContext } from 'node:test'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { checkpointText } from '../../checkpoint.ts'
import { TestLog } from '../../witness/testing/test-log.ts'
import type { SignAnswer, SignRequest } from '../log-signer.ts'

export const ORIGIN = 'log.example/orders'

export function temporaryDirectory(test: TestContext): string {
  const dir = mkdtempSync(join(tmpdir(), 'plinth-signer-'))
  test.after(() => rmSync(dir, { recursive: true, force: true }))
  return dir
}

export const testLog = (size = 0): TestLog => new TestLog().grow(size)

export const requestOf = (
  log: TestLog,
  epoch: number,
  oldSize: number,
  size: number,
  over: Partial<SignRequest> = {},
): SignRequest => ({
  epoch,
  oldSize,
  proof: log.consistencyProof(oldSize, size),
  body: checkpointText({ origin: ORIGIN, size, rootHash: log.root(size) }),
  keyRecord: null,
  ...over,
})

export function noteOf(answer: SignAnswer): string {
  if (answer.kind !== 'signed') throw new Error(`it is elsewhere, at ${answer.size}`)
  return answer.note
}
