/**
 * Requests that nobody thought of. Whatever arrives, the door answers once, with an outcome or a typed problem; nothing leaks, no bug is reported,
 * and nothing is written but by a command that says it committed. A finding goes into corpus/requests.jsonl.
 *
 * FUZZ_RUNS sets how many requests of each kind (60 when left out).
 */
import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import fc from '../../support/property.ts'
import { PROBLEMS } from '../../../src/model/problems.ts'
import { ask, openLedger, type Ledger } from '../../support/doors/open-ledger.ts'
import { leaksOf } from './leaks.ts'
import { requestBytes, send, sendAndEnd, type RawAnswer, type Request } from './send.ts'

const RUNS = { numRuns: Number(process.env['FUZZ_RUNS'] ?? 60) }

let ledger: Ledger
before(async () => (ledger = await openLedger()))
after(() => ledger.close())

const token = fc.constantFrom('agent', 'operator', 'frontDoor', 'none')
const bearerOf = (who: string): readonly (readonly [string, string])[] => {
  const key =
    who === 'agent'
      ? ledger.agent
      : who === 'operator'
        ? ledger.operator
        : who === 'frontDoor'
          ? ledger.frontDoor
          : null
  return key === null ? [] : [['Authorization', `Bearer ${key}`]]
}

const segment = fc.oneof(
  fc.constantFrom(
    'v1',
    'commands',
    'queries',
    'operations',
    'entities',
    'account',
    'approvals',
    'records',
    'self',
    'runs',
    'attested',
    'outcome',
    'why',
  ),
  fc.constantFrom(
    'deposit',
    'open_account',
    'close_account',
    'find_accounts',
    '__proto__',
    'constructor',
    '..',
    '.',
    '',
    '%2e%2e',
    '%00',
    '%ff',
    '%',
    'op_aaaaaaaaaaaaaaaaaaaaaaaaaa',
  ),
  fc
    .string({ maxLength: 12 })
    .map(encodeURIComponent)
    .filter((text) => text.length < 40),
)
const query = fc.oneof(
  fc.constant(''),
  fc
    .array(
      fc.tuple(
        fc.constantFrom('at', 'after', 'limit', 'where', 'order', 'input', 'state', 'waitMs', 'from', 'x'),
        fc.oneof(
          fc.constantFrom('0', '-1', '1e9', '{}', '[]', '{"owner":1}', '99999999999999999', '%', '%ff'),
          fc.string({ maxLength: 8 }).map((text) => encodeURIComponent(text.toWellFormed())),
        ),
      ),
      { maxLength: 3 },
    )
    .map((members) => `?${members.map(([name, value]) => `${name}=${name === 'waitMs' ? '0' : value}`).join('&')}`),
)
const target = fc
  .tuple(fc.array(segment, { minLength: 1, maxLength: 5 }), query)
  .map(([path, search]) => `/${path.join('/')}${search}`)

const strange: fc.Arbitrary<fc.JsonValue> = fc.oneof(
  fc.jsonValue({ maxDepth: 3 }),
  fc.record(
    {
      accountId: fc.oneof(fc.string(), fc.constantFrom('', '__proto__', 'a/b', '\u0000', 'x'.repeat(5_000))),
      amount: fc.oneof(fc.integer(), fc.double(), fc.string(), fc.constant(null)),
    },
    { requiredKeys: [] },
  ),
  fc.dictionary(
    fc.constantFrom('accountId', 'amount', 'owner', 'constructor', 'prototype', 'toString', 'x'),
    fc.jsonValue({ maxDepth: 2 }),
    { maxKeys: 4 },
  ),
)
const body = fc.oneof(
  strange.map((value) => Buffer.from(JSON.stringify(value).toWellFormed())),
  fc.uint8Array({ maxLength: 200 }).map((bytes) => Buffer.from(bytes)),
  fc.json().map((text) => Buffer.from(text.slice(0, -1))),
)

/** What every answer must be, whatever was asked. */
function checkAnswer({ status, head, body: text }: RawAnswer, context: string): void {
  assert.ok(status >= 200 && status < 600, context)
  assert.deepEqual(leaksOf(head + text), [], `${context}\n${text}`)
  if (!/content-type: application\/problem\+json/i.test(head)) return
  const problem = JSON.parse(text) as { code: keyof typeof PROBLEMS; status: number }
  assert.ok(Object.hasOwn(PROBLEMS, problem.code), `${context}: ${problem.code}`)
  assert.equal(problem.status, status)
  assert.notEqual(problem.code, 'bug', `${context}\n${text}`)
}

/** Sends it and compares what was written with what the answer says. */
async function check(bytes: Buffer, context: string): Promise<void> {
  const before = await ledger.head()
  const answer = await send(ledger.door.port, bytes)
  checkAnswer(answer, context)
  const written = (await ledger.head()) - before
  const kind = answer.body.startsWith('{') ? (JSON.parse(answer.body) as { kind?: string }).kind : undefined
  if (kind !== 'committed' && kind !== 'held')
    assert.equal(written, 0, `${context}: wrote ${written} records\n${answer.body}`)
  assert.deepEqual(ledger.bugs, [], context)
}

const withBody = (request: Request): Request => (request.method === 'GET' ? { ...request, body: null } : request)

test('any address, with any method and any credentials', async () => {
  const method = fc.constantFrom('GET', 'POST', 'PUT', 'DELETE', 'PATCH', 'HEAD', 'OPTIONS')
  await fc.assert(
    fc.asyncProperty(method, target, token, body, async (verb, address, who, bytes) => {
      const headers = [
        ['Host', 'localhost'],
        ...bearerOf(who),
        ['Content-Type', 'application/json'],
        ['Idempotency-Key', `k${Math.abs(address.length * 31 + bytes.length)}`],
      ] as const
      if (verb === 'HEAD') return
      await check(
        requestBytes(withBody({ method: verb, target: address, headers, body: bytes })),
        `${verb} ${address} as ${who}: ${bytes.toString('latin1').slice(0, 200)}`,
      )
    }),
    RUNS,
  )
})

test('any input to a command that exists', async () => {
  let key = 0
  const name = fc.constantFrom('deposit', 'open_account', 'close_account', 'empty_account', 'break_account')
  await fc.assert(
    fc.asyncProperty(name, body, async (command, bytes) => {
      const headers = [
        ['Host', 'localhost'],
        ...bearerOf('agent'),
        ['Content-Type', 'application/json'],
        ['Idempotency-Key', `input-${++key}`],
      ] as const
      await check(
        requestBytes({ method: 'POST', target: `/v1/commands/${command}`, headers, body: bytes }),
        `${command}: ${bytes.toString('latin1').slice(0, 300)}`,
      )
    }),
    RUNS,
  )
})

test('any value in a header that matters', async () => {
  const name = fc.constantFrom(
    'Authorization',
    'Idempotency-Key',
    'Plinth-Run',
    'Plinth-Correlation',
    'Plinth-Causation',
    'Plinth-On-Behalf-Of',
    'Content-Type',
    'Host',
    'Origin',
  )
  const value = fc
    .oneof(
      fc.string({ maxLength: 40 }),
      fc.constantFrom('Bearer ', '*', '../..', 'x'.repeat(3_000), 'null', "' or 1=1 --"),
    )
    .map((text) =>
      Buffer.from(text)
        .toString('latin1')
        .replace(/[\r\n\0]/g, ''),
    )
  let key = 0
  await fc.assert(
    fc.asyncProperty(name, value, async (header, text) => {
      const usual: Record<string, string> = {
        Host: 'localhost',
        Authorization: `Bearer ${ledger.agent}`,
        'Content-Type': 'application/json',
        'Idempotency-Key': `header-${++key}`,
        [header]: text,
      }
      const body = Buffer.from(JSON.stringify({ accountId: 'none', amount: 1 }))
      const request = () =>
        requestBytes({ method: 'POST', target: '/v1/commands/deposit', headers: Object.entries(usual), body })
      if (header === 'Plinth-Run') {
        await send(ledger.door.port, request()) // the first call of a run opens it, which is a record of its own
        usual['Idempotency-Key'] = `header-${++key}`
      }
      await check(request(), `${header}: ${text}`)
    }),
    RUNS,
  )
})

test('any bytes at all', async () => {
  const start = fc.constantFrom('GET / HTTP/1.1\r\n', 'POST /v1/commands/deposit HTTP/1.1\r\nHost: localhost\r\n', '')
  await fc.assert(
    fc.asyncProperty(start, fc.uint8Array({ maxLength: 300 }), async (text, noise) => {
      const before = await ledger.head()
      const bytes = Buffer.concat([Buffer.from(text), Buffer.from(noise), Buffer.from('\r\n\r\n')])
      const answer = await sendAndEnd(ledger.door.port, bytes, true)
      if (answer !== null) checkAnswer(answer, bytes.toString('latin1'))
      assert.equal(await ledger.head(), before)
    }),
    RUNS,
  )
})

test('any message to the MCP door', async () => {
  const method = fc.constantFrom(
    'initialize',
    'tools/list',
    'tools/call',
    'ping',
    'server/discover',
    'resources/read',
    'tasks/get',
    'logging/setLevel',
    'notifications/cancelled',
    'completion/complete',
    'none',
    '',
  )
  const id = fc.oneof(fc.integer(), fc.string({ maxLength: 8 }), fc.constantFrom(null, true, [], {}))
  const name = fc.constantFrom(
    'deposit',
    'open_account',
    'empty_account',
    'plinth_outcome',
    'plinth_why',
    'audit_account',
    '__proto__',
    'toString',
    '',
  )
  const envelope = {
    'io.modelcontextprotocol/protocolVersion': '2026-07-28',
    'io.modelcontextprotocol/clientCapabilities': {},
    'io.modelcontextprotocol/clientInfo': { name: 'f', version: '1' },
  }
  const meta = fc.oneof(
    fc.constantFrom<fc.JsonValue>(
      null,
      {},
      envelope,
      { 'plinth/run': 7 },
      { 'plinth/idempotencyKey': '' },
      { 'plinth/idempotencyKey': ['x'] },
    ),
    fc.jsonValue({ maxDepth: 1 }),
  )
  const params = fc.oneof(
    fc.jsonValue({ maxDepth: 2 }),
    fc.record({ name, arguments: strange, _meta: meta }, { requiredKeys: ['name'] }),
  )
  const message = fc.record({ jsonrpc: fc.constantFrom('2.0', '1.0', 2), id, method, params }, { requiredKeys: [] })
  const headers = fc.constantFrom<readonly (readonly [string, string])[]>(
    [],
    [
      ['MCP-Protocol-Version', '2026-07-28'],
      ['Mcp-Method', 'tools/call'],
      ['Mcp-Name', 'deposit'],
    ],
    [['MCP-Protocol-Version', '1999-01-01']],
    [['Mcp-Session-Id', 'x']],
  )
  await fc.assert(
    fc.asyncProperty(message, headers, fc.constantFrom('agent', 'operator', 'none'), async (content, more, who) => {
      const before = await ledger.head()
      const context = `${who} ${JSON.stringify(content)} ${JSON.stringify(more)}`
      const answer = await ask(`${ledger.url}/mcp`, null, {
        body: JSON.stringify(content).toWellFormed(),
        headers: { accept: 'application/json, text/event-stream', ...Object.fromEntries([...more, ...bearerOf(who)]) },
      })
      assert.deepEqual(leaksOf(answer.text), [], `${context}\n${answer.text}`)
      assert.ok(answer.status < 500, `${context}\n${answer.status} ${answer.text}`)
      if (who === 'none') assert.equal(answer.status, 401)
      if (!answer.text.includes('"kind":"committed"')) assert.equal(await ledger.head(), before, context)
      assert.deepEqual(ledger.bugs, [], context)
    }),
    RUNS,
  )
})

test('the fuzzer can fail: it finds a leak that is there to be found', async () => {
  const leaking = {
    status: 500,
    head: 'HTTP/1.1 500\r\nContent-Type: application/problem+json',
    body: JSON.stringify({ code: 'bug', status: 500, detail: new Error('x').stack }),
  }
  assert.throws(() => checkAnswer(leaking, 'canary'))
})
