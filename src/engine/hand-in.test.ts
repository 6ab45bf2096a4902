import assert from 'node:assert/strict'
import { test } from 'node:test'
import { handIn } from './hand-in.ts'
import { History } from './history/history.ts'
import type { Parts } from './parts.ts'
import { ReadSession } from './read-session.ts'
import { States } from './states.ts'
import type { CommitRequest, CommitResult } from './committer/commit-request.ts'
import type { Position, StreamId } from '../model/ids.ts'

const STREAM = 'counter/a' as StreamId
const SIGNAL = new AbortController().signal

/** A committer whose answers the test gives, over one stream that is at version 4. */
function underControl() {
  const answers: ((result: CommitResult | Error) => void)[] = []
  const head = { version: 4, position: 3, leaf: 'leaf' }
  const reader = {
    head: () => ({ position: head.position }),
    streamHead: () => head,
    snapshot: () => ({ ...head, release: 'rel', state: '"committed"' }),
    events: () => [],
  }
  const committer = {
    writeSide: () => {},
    commit: () =>
      new Promise<CommitResult>((resolve, reject) =>
        answers.push((result) => (result instanceof Error ? reject(result) : resolve(result))),
      ),
  }
  const states = new States(reader as never, {} as never, committer as never, 'rel' as never)
  states.committed(STREAM, { version: 4, position: 3 as Position, leaf: 'leaf', state: '"committed"' })
  const parts = {
    states,
    history: new History(0),
    known: { note: () => {} },
    personal: null,
    reader,
    committer,
    release: { manifest: { entities: { counter: {} } } },
  } as unknown as Parts
  return {
    answers,
    head,
    read: () => new ReadSession(parts, states.visible, 'ahead', SIGNAL),
    write(session: ReadSession, state: string) {
      const streams = session.readSet().streams.map(({ stream, version }) => ({ stream, version }))
      const version = (streams[0]?.version ?? 0) + 1
      const request = { streams, events: [{ stream: STREAM, version }] } as unknown as CommitRequest
      return handIn(parts, request, new Map([[STREAM, state]]), new Map([[STREAM, version]]), session.assumed)
    },
  }
}
const moved: CommitResult = { kind: 'moved', what: '' }
const landed = (version: number): CommitResult =>
  ({
    kind: 'committed',
    position: version,
    eventPositions: [version - 1],
    heads: [{ stream: STREAM, version, leaf: 'leaf' }],
  }) as unknown as CommitResult

test('a commit that another one overtook is not handed in, and not built on', async () => {
  const { answers, read, write } = underControl()
  const late = read()
  assert.equal((await late.get('counter', 'a')).state, '"committed"')
  const winner = read()
  await winner.get('counter', 'a')
  const winning = write(winner, '"winner"')
  const losing = write(late, '"loser"')
  assert.equal(answers.length, 1, 'it could only have lost')
  assert.equal((await read().get('counter', 'a')).state, '"winner"')
  answers[0]?.(landed(5))
  assert.equal((await winning).kind, 'committed')
  assert.equal((await losing).kind, 'moved')
})

test('what was decided on a commit that did not land is not handed in, whatever version the stream has by then', async () => {
  const { answers, read, write } = underControl()
  const first = read()
  await first.get('counter', 'a')
  const lost = write(first, '"lost"')
  const second = read()
  assert.deepEqual(await second.get('counter', 'a').then(({ version, state }) => [version, state]), [5, '"lost"'])
  answers[0]?.(moved)
  assert.equal((await lost).kind, 'moved')
  const third = read()
  await third.get('counter', 'a')
  const other = write(third, '"other"')
  answers[1]?.(landed(5))
  assert.equal((await other).kind, 'committed')
  assert.equal((await write(second, '"phantom"')).kind, 'moved')
  assert.equal(answers.length, 2)
  assert.equal(await second.stillHolds(), false, 'nor is a refusal given on it')
})

test('a failed write leaves nothing to build on', async () => {
  const { answers, read, write } = underControl()
  const first = read()
  await first.get('counter', 'a')
  const lost = write(first, '"lost"')
  const second = read()
  await second.get('counter', 'a')
  const waiting = second.stillHolds()
  answers[0]?.(new Error('the disk is gone'))
  await assert.rejects(lost)
  assert.equal(await waiting, false)
  assert.equal((await read().get('counter', 'a')).state, '"committed"')
})

test('a write that failed and has landed all the same is seen by the next one', async () => {
  const { answers, head, read, write } = underControl()
  const first = read()
  await first.get('counter', 'a')
  const unknown = write(first, '"unknown"')
  Object.assign(head, { version: 5, position: 5 })
  answers[0]?.(new Error('storage did not answer'))
  await assert.rejects(unknown)
  const next = read()
  assert.equal((await next.get('counter', 'a')).version, 5)
  assert.equal(next.position, 5)
})

test('an execution that asks again sees what it saw', async () => {
  const { read, write } = underControl()
  const session = read()
  const before = await session.get('counter', 'a')
  const other = read()
  await other.get('counter', 'a')
  void write(other, '"newer"')
  assert.deepEqual(await session.get('counter', 'a'), before)
  assert.deepEqual(
    session.readSet().streams.map(({ version }) => version),
    [4],
  )
})
