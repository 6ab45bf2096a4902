/** The loop and its seam: another kind of anchor (a folder that somebody else keeps), beside one that fails. */
import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test, type TestContext } from 'node:test'
import { Problem } from '../../model/problems.ts'
import { TestLog } from '../witness/testing/test-log.ts'
import { AnchorFault, type Anchor } from './anchor.ts'
import { AnchorFiles } from './anchor-files.ts'
import { Anchoring } from './anchoring.ts'

const NEVER = new AbortController().signal
const sha256 = (text: string): string => createHash('sha256').update(text).digest('hex')

function folder(test: TestContext): string {
  const path = mkdtempSync(join(tmpdir(), 'plinth-anchoring-'))
  test.after(() => rmSync(path, { recursive: true, force: true }))
  return path
}
/** Keeps a copy that cannot be written over; the proof is when and under which name. */
function copies(dir: string): Anchor {
  return {
    name: 'copies',
    kind: 'copy',
    submit(checkpoint) {
      const name = sha256(checkpoint)
      writeFileSync(join(dir, name), checkpoint, { flag: 'wx' })
      return Promise.resolve(Buffer.from(`${name} ${Date.now()}`))
    },
    verify(checkpoint, proof) {
      const [name, timeMs] = Buffer.from(proof).toString().split(' ')
      if (name !== sha256(checkpoint) || !existsSync(join(dir, name)))
        throw new AnchorFault('proof-invalid', 'there is no such copy')
      return { timeMs: Number(timeMs), accuracyMs: 0, by: dir, untilMs: null }
    },
  }
}
const failing: Anchor = {
  name: 'failing',
  kind: 'none',
  submit: () => Promise.reject(new AnchorFault('refused', 'not today')),
  verify: () => assert.fail('nothing to verify'),
}

test('another kind of anchor plugs in; one that fails does not keep the other from it', async (t) => {
  const dir = folder(t)
  const log = new TestLog().grow(9)
  const told: string[] = []
  const files = new AnchorFiles(join(dir, 'anchors'))
  const anchoring = new Anchoring({
    anchors: [{ anchor: copies(dir) }, { anchor: failing }],
    files,
    latestCheckpoint: () => log.signed(),
    nowMs: () => Date.now(),
    onProblem: (what, error) => told.push(`${what}: ${String(error)}`),
  })
  t.after(() => anchoring.stop())
  const [made] = await anchoring.now(NEVER)
  assert.deepEqual([made?.size, made?.kind, made?.checkpoint], [9, 'copy', log.signed()])
  assert.equal(readFileSync(join(dir, sha256(log.signed())), 'utf8'), log.signed())
  const [good, bad] = anchoring.states(12)
  assert.deepEqual([good?.size, good?.waiting, good?.failures], [9, 3, 0])
  assert.deepEqual([bad?.size, bad?.failures, bad?.lastError], [0, 1, 'refused: not today'])
  assert.deepEqual(await anchoring.now(NEVER), [made], 'the same checkpoint is anchored once')
  assert.equal(told.length, 1, 'a failure is told of once in a row')
  const again = new Anchoring({
    ...{ anchors: [{ anchor: failing }], files, latestCheckpoint: () => log.signed(), nowMs: () => 0 },
    onProblem: () => {},
  })
  await assert.rejects(
    again.now(NEVER),
    (error) => error instanceof Problem && error.code === 'anchor-unavailable' && /not today/.test(error.detail),
  )
})

test('who stops waiting does not end the work; who stops the loop does', async (t) => {
  const dir = folder(t)
  const log = new TestLog().grow(3)
  let release = (): void => {}
  let ended = false
  const inner = copies(dir)
  const slow: Anchor = {
    ...inner,
    async submit(checkpoint, signal) {
      signal.addEventListener('abort', () => (ended = true))
      await new Promise<void>((resolve, reject) => {
        release = resolve
        signal.addEventListener('abort', () => reject(signal.reason as Error))
      })
      return inner.submit(checkpoint, signal)
    },
  }
  const anchoring = new Anchoring({
    ...{ anchors: [{ anchor: slow }], files: new AnchorFiles(join(dir, 'anchors')) },
    ...{ latestCheckpoint: () => log.signed(), nowMs: () => Date.now(), onProblem: () => {} },
  })
  const leaving = new AbortController()
  const left = anchoring.now(leaving.signal)
  const stays = anchoring.now(NEVER)
  leaving.abort(new Error('gone'))
  await assert.rejects(left, /gone/)
  release()
  assert.equal((await stays)[0]?.size, 3)
  assert.equal(ended, false)
  log.grow(5)
  const late = anchoring.now(NEVER)
  await new Promise((resolve) => setImmediate(resolve))
  const stopped = assert.rejects(late)
  await anchoring.stop()
  await stopped
  assert.equal(ended, true)
})
