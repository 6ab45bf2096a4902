/** Replays every request that was ever found worth keeping: each gets its typed problem, nothing is written, nothing leaks. */
import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { after, before, describe, test } from 'node:test'
import { PROBLEMS, type ProblemCode } from '../../../src/model/problems.ts'
import { ask, openLedger, type Ledger } from '../../support/doors/open-ledger.ts'
import { leaksOf } from './leaks.ts'
import { requestBytes, send } from './send.ts'

/** A long text is written as its beginning and what it goes on with. */
type Text = string | { readonly repeat: string; readonly with: string; readonly times: number }
interface Case {
  readonly name: string
  readonly method?: string
  readonly target?: Text
  readonly as?: 'agent' | 'operator' | 'front-door' | null
  /** Null takes a header away that is sent otherwise. */
  readonly headers?: Readonly<Record<string, string | null>>
  readonly json?: unknown
  readonly body?: Text
  /** Hex. */
  readonly bytes?: string
  /** The whole request; `$agent` and `$operator` stand for their keys. */
  readonly raw?: string
  readonly status: number
  readonly code?: ProblemCode
}
const CASES = readFileSync(new URL('corpus/requests.jsonl', import.meta.url), 'utf8')
  .trim()
  .split('\n')
  .map((line) => JSON.parse(line) as Case)

const long = (text: Text): string => (typeof text === 'string' ? text : text.repeat + text.with.repeat(text.times))
const isLong = (value: unknown): value is Exclude<Text, string> =>
  typeof value === 'object' && value !== null && 'repeat' in value

let ledger: Ledger
before(async () => {
  ledger = await openLedger()
  const body = { accountId: 'seed', owner: 'ada' }
  await ask(`${ledger.url}/v1/commands/open_account`, ledger.agent, { body, headers: { 'idempotency-key': 'seed' } })
})
after(() => ledger.close())

const keyOf = (as: Case['as']): string | null =>
  as === null ? null : as === 'operator' ? ledger.operator : as === 'front-door' ? ledger.frontDoor : ledger.agent

function bytesOf(each: Case): Buffer {
  if (each.raw !== undefined)
    return Buffer.from(each.raw.replace('$agent', ledger.agent).replace('$operator', ledger.operator), 'latin1')
  const body =
    each.bytes !== undefined
      ? Buffer.from(each.bytes, 'hex')
      : each.body !== undefined
        ? Buffer.from(long(each.body))
        : each.json !== undefined
          ? Buffer.from(JSON.stringify(each.json, (_name, value: unknown) => (isLong(value) ? long(value) : value)))
          : null
  const key = keyOf(each.as)
  const headers: Record<string, string | null> = {
    Host: 'localhost',
    ...(key === null ? {} : { Authorization: `Bearer ${key}` }),
    ...(body === null ? {} : { 'Content-Type': 'application/json', 'Idempotency-Key': each.name.replaceAll(' ', '-') }),
    ...each.headers,
  }
  const sent = Object.entries(headers).filter((header): header is [string, string] => header[1] !== null)
  return requestBytes({ method: each.method ?? 'GET', target: long(each.target ?? '/'), headers: sent, body })
}

describe('requests worth keeping', () => {
  for (const each of CASES)
    test(each.name, async () => {
      const head = await ledger.head()
      const { status, head: headers, body } = await send(ledger.door.port, bytesOf(each))
      assert.equal(status, each.status, body)
      const problem = JSON.parse(body) as Record<string, unknown>
      const code = problem['code'] as ProblemCode
      if (each.code !== undefined) assert.equal(code, each.code)
      assert.match(headers, /content-type: application\/problem\+json/i)
      const { title, retry, next } = PROBLEMS[code]
      assert.deepEqual(
        { title: problem['title'], retry: problem['retry'], next: problem['next'] },
        { title, retry, next },
      )
      assert.equal(problem['status'], status)
      assert.match(String(problem['instance']), /^urn:plinth:request:/)
      assert.deepEqual(leaksOf(headers + body), [])
      assert.equal(await ledger.head(), head, 'something was written')
    })
})

describe('credentials of others', () => {
  test("one principal's key and operation are nothing to another", async () => {
    const body = { accountId: 'mine', owner: 'ada' }
    const headers = { 'idempotency-key': 'mine' }
    const mine = await ask(`${ledger.url}/v1/commands/open_account`, ledger.agent, { body, headers })
    const head = await ledger.head()
    const replayed = await ask(`${ledger.url}/v1/commands/open_account`, ledger.frontDoor, { body, headers })
    assert.equal(replayed.body['code'], 'no-such-command')
    const looked = await ask(`${ledger.url}/v1/operations/${String(mine.body['operation'])}`, ledger.frontDoor)
    assert.ok([403, 404].includes(looked.status), `status ${looked.status}`)
    assert.equal(await ledger.head(), head)
  })

  test('a request replayed byte for byte is the same operation', async () => {
    const body = Buffer.from(JSON.stringify({ accountId: 'seed', amount: 1 }))
    const headers = [
      ['Host', 'localhost'],
      ['Authorization', `Bearer ${ledger.agent}`],
      ['Content-Type', 'application/json'],
      ['Idempotency-Key', 'again'],
    ] as const
    const bytes = requestBytes({ method: 'POST', target: '/v1/commands/deposit', headers, body })
    const first = await send(ledger.door.port, bytes)
    const head = await ledger.head()
    const answers = await Promise.all(Array.from({ length: 8 }, () => send(ledger.door.port, bytes)))
    for (const answer of answers)
      assert.equal(
        (JSON.parse(answer.body) as { position: number }).position,
        (JSON.parse(first.body) as { position: number }).position,
      )
    assert.equal(await ledger.head(), head)
  })
})

test('what would leak is seen as leaking', () => {
  const leaking = new Error('x').stack ?? ''
  assert.deepEqual(leaksOf(leaking).includes('a line of a stack'), true)
  for (const text of ['open /home/me/data.db', 'file:///x', 'TypeError: y', 'SQLITE_BUSY', `plk_${'a'.repeat(52)}`])
    assert.ok(leaksOf(text).length > 0, text)
})

test('nothing of all this was a bug', () => assert.deepEqual(ledger.bugs, []))
