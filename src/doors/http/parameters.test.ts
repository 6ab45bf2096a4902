import assert from 'node:assert/strict'
import { test } from 'node:test'
import { PAGE_LIMIT_DEFAULT, PAGE_LIMIT_MAX } from '../../engine/engine.ts'
import { Problem } from '../../model/problems.ts'
import {
  checkedApproval,
  checkedKey,
  checkedOperation,
  checkedRun,
  readAt,
  readObject,
  readPage,
} from './parameters.ts'

const code = (run: () => unknown): string => {
  try {
    run()
  } catch (error) {
    assert.ok(error instanceof Problem)
    return error.code
  }
  return 'taken'
}
const query = (members: Readonly<Record<string, string>>) => new Map(Object.entries(members))

test('`at` is a position or a time', () => {
  assert.equal(readAt(query({})), null)
  assert.deepEqual(readAt(query({ at: '0' })), { position: 0 })
  assert.deepEqual(readAt(query({ at: '2026-01-31T12:00:00Z' })), { timeMs: Date.UTC(2026, 0, 31, 12) })
  assert.deepEqual(readAt(query({ at: '2026-01-31T12:00:00.250+02:00' })), {
    timeMs: Date.UTC(2026, 0, 31, 10, 0, 0, 250),
  })
  for (const at of [
    '',
    '-1',
    '01',
    '1.5',
    '1e3',
    '9007199254740993',
    '99999999999999999999',
    'now',
    '2026-01-31',
    '2026-13-31T12:00:00Z',
    '2026-01-31T12:00:00',
    ' 1',
  ])
    assert.equal(
      code(() => readAt(query({ at }))),
      'invalid-position',
      at,
    )
})

test('a page is bounded', () => {
  assert.deepEqual(readPage(query({})), { after: null, limit: PAGE_LIMIT_DEFAULT })
  assert.deepEqual(readPage(query({ after: 'c', limit: String(PAGE_LIMIT_MAX) })), {
    after: 'c',
    limit: PAGE_LIMIT_MAX,
  })
  for (const limit of ['0', String(PAGE_LIMIT_MAX + 1), '-1', '1.0', '', 'all'])
    assert.equal(
      code(() => readPage(query({ limit }))),
      'malformed-request',
      limit,
    )
})

test('names and ids are checked before anything is asked of the engine', () => {
  assert.equal(checkedKey('a!b~'), 'a!b~')
  for (const key of ['', 'x'.repeat(256), 'é', 'a b', 'a\tb', 'a\u0000'])
    assert.equal(
      code(() => checkedKey(key)),
      'idempotency-key-invalid',
      key,
    )
  for (const run of ['', 'a b', 'a/b', 'x'.repeat(129), '\u0000'])
    assert.equal(
      code(() => checkedRun(run)),
      'malformed-request',
      run,
    )
  for (const id of [
    '',
    'op_',
    `op_${'a'.repeat(27)}`,
    `op_${'A'.repeat(26)}`,
    `apr_${'a'.repeat(26)}`,
    `op_${'1'.repeat(26)}`,
  ])
    assert.equal(
      code(() => checkedOperation(id)),
      'no-such-operation',
      id,
    )
  assert.equal(
    code(() => checkedApproval(`op_${'a'.repeat(26)}`)),
    'no-such-approval',
  )
})

test('an object in the query is strict JSON, and an object', () => {
  assert.deepEqual(readObject(query({ where: '{"a":1}' }), 'where'), { a: 1 })
  assert.equal(
    code(() => readObject(query({ where: '[]' }), 'where')),
    'malformed-request',
  )
  assert.equal(
    code(() => readObject(query({ where: 'null' }), 'where')),
    'malformed-request',
  )
  assert.equal(
    code(() => readObject(query({ where: '{"a":1,"a":2}' }), 'where')),
    'malformed-json',
  )
})
