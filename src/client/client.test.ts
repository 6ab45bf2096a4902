/** The wire form, and what a caller gets for each answer. test/types/client.ts has what it may write. */
import assert from 'node:assert/strict'
import { createServer } from 'node:http'
import type { IncomingMessage, ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { test } from 'node:test'
import { z } from 'zod'
import { application, command, entity, query } from '../application/declarations.ts'
import { client, ClientProblem } from './client.ts'
import type { Client, ClientOptions } from './client.ts'
import { TRIES_MAX } from './retry.ts'

const order = entity('order', {
  state: z.object({ total: z.int() }),
  events: { placed: z.object({ total: z.int() }) },
  opens: ['placed'],
  evolve: { placed: (_none, { total }) => ({ total }) },
})
const place = command('place', {
  describe: 'Place an order.',
  input: z.object({ id: order.id(), total: z.int() }),
  refusals: { taken: 'the id is taken' },
  async decide(tx, { id, total }) {
    if ((await tx.lookup(order, id)) !== undefined) return tx.refuse('taken')
    tx.append(order, id, 'placed', { total })
    return { id }
  },
})
const total = query('total', {
  describe: 'Total of an order.',
  input: z.object({ id: order.id() }),
  read: async (tx, { id }) => (await tx.get(order, id)).total,
})
const app = application('shop', { describe: 'A shop.', entities: [order], commands: [place], queries: [total] })

interface Seen {
  readonly method: string
  readonly url: string
  readonly headers: IncomingMessage['headers']
  readonly body: string
}
type Answer = (response: ServerResponse) => void

const json =
  (status: number, value: unknown, type = 'application/json'): Answer =>
  (response) =>
    response.writeHead(status, { 'content-type': type }).end(JSON.stringify(value))
const fault = (status: number, code: string, retry = 'never'): Answer =>
  json(status, { code, status, detail: `it is ${code}`, retry }, 'application/problem+json; charset=utf-8')
const committed = {
  kind: 'committed',
  operation: 'op_1',
  position: 7,
  result: { id: '1' },
  events: [],
  receipt: { index: 7, record: '', proof: '' },
  replayed: false,
}
const lost: Answer = (response) => response.socket?.destroy()

/** Answers in order, the last one for ever. */
async function served(
  answers: readonly Answer[],
  use: (shop: Client<typeof app>, seen: readonly Seen[], url: string) => Promise<void>,
  options: Partial<ClientOptions> = {},
): Promise<void> {
  const seen: Seen[] = []
  const server = createServer((request, response) => {
    let body = ''
    request.setEncoding('utf8').on('data', (chunk: string) => (body += chunk))
    request.on('end', () => {
      seen.push({ method: request.method ?? '', url: request.url ?? '', headers: request.headers, body })
      const answer = answers[Math.min(seen.length, answers.length) - 1]
      answer?.(response)
    })
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
  try {
    await use(client<typeof app>(url, { token: 'plk_test', ...options }), seen, url)
  } finally {
    server.closeAllConnections()
    server.close()
  }
}

async function problemOf(call: Promise<unknown>): Promise<ClientProblem> {
  try {
    await call
  } catch (error) {
    assert.ok(error instanceof ClientProblem, String(error))
    return error
  }
  return assert.fail('it succeeded')
}

test('a command is a POST of its input, with key, run and correlation', () =>
  served([json(200, committed)], async (shop, seen) => {
    const answer = await shop.commands.place(
      { id: '1', total: 5 },
      { key: 'k-1', run: 'r-1', correlation: 'c-1', causation: 'x-1' },
    )
    assert.deepEqual(answer, committed)
    assert.equal(seen.length, 1)
    const [{ method, url, headers, body }] = seen as [Seen]
    assert.deepEqual([method, url, JSON.parse(body)], ['POST', '/v1/commands/place', { id: '1', total: 5 }])
    assert.equal(headers['authorization'], 'Bearer plk_test')
    assert.equal(headers['content-type'], 'application/json')
    assert.deepEqual(
      [headers['idempotency-key'], headers['plinth-run'], headers['plinth-correlation'], headers['plinth-causation']],
      ['k-1', 'r-1', 'c-1', 'x-1'],
    )
    assert.equal(headers['plinth-on-behalf-of'], undefined)
  }))

test('a query is a POST too, as of a position or a time, without a key', () =>
  served([json(200, { kind: 'answered', result: 5, asOf: 9, operation: 'op_2' })], async (shop, seen) => {
    const answer = await shop.queries.total({ id: '1' }, { at: 9 })
    assert.equal(answer.kind === 'answered' && answer.result, 5)
    await shop.queries.total({ id: '1' }, { at: new Date(0), run: 'r-1' })
    assert.deepEqual(
      seen.map(({ url }) => url),
      ['/v1/queries/total?at=9', '/v1/queries/total?at=1970-01-01T00%3A00%3A00.000Z'],
    )
    assert.equal(seen[0]?.headers['idempotency-key'], undefined)
    assert.equal(seen[1]?.headers['plinth-run'], 'r-1')
  }))

test('answers other than success are returned, with their kind', async () => {
  const refused = {
    kind: 'refused',
    operation: 'op_1',
    code: 'taken',
    title: 'the id is taken',
    detail: {},
    replayed: false,
  }
  const denied = { kind: 'denied', operation: 'op_1', rules: ['no-orders'], replayed: false }
  const held = {
    kind: 'held',
    operation: 'op_1',
    approval: 'apr_1',
    rules: [],
    requires: ['lead'],
    expiresAtMs: 1,
    replayed: false,
  }
  for (const [status, answer] of [
    [422, refused],
    [403, denied],
    [202, held],
  ] as const) {
    await served([json(status, answer)], async (shop, seen) => {
      assert.deepEqual(await shop.commands.place({ id: '1', total: 5 }), answer)
      assert.equal(seen.length, 1)
    })
  }
})

test('a lost connection, a busy server and a running operation are tried again with the same key', () =>
  served(
    [
      lost,
      fault(503, 'overloaded', 'later'),
      fault(409, 'operation-running', 'same-key'),
      json(200, { ...committed, replayed: true }),
    ],
    async (shop, seen) => {
      const answer = await shop.commands.place({ id: '1', total: 5 })
      assert.equal(answer.kind === 'committed' && answer.replayed, true)
      assert.equal(seen.length, 4)
      const keys = new Set(seen.map(({ headers }) => headers['idempotency-key']))
      assert.equal(keys.size, 1)
      assert.match([...keys][0] as string, /^[0-9a-f-]{36}$/)
    },
  ))

test('two calls without a key are two intents', () =>
  served([json(200, committed)], async (shop, seen) => {
    await shop.commands.place({ id: '1', total: 5 })
    await shop.commands.place({ id: '1', total: 5 })
    assert.notEqual(seen[0]?.headers['idempotency-key'], seen[1]?.headers['idempotency-key'])
  }))

test('tries are bounded, and the last fault says which key to ask again with', () =>
  served([fault(503, 'storage-unavailable', 'same-key')], async (shop, seen) => {
    const found = await problemOf(shop.commands.place({ id: '1', total: 5 }, { key: 'k-1' }))
    assert.deepEqual([found.code, found.status, found.key], ['storage-unavailable', 503, 'k-1'])
    assert.equal(seen.length, TRIES_MAX)
  }))

test('a server that is not there is `unreachable`', async () => {
  const gone = client<typeof app>('http://127.0.0.1:1', { token: 't' })
  const found = await problemOf(gone.queries.total({ id: '1' }))
  assert.deepEqual([found.code, found.status, found.key], ['unreachable', 0, null])
})

test('other faults are thrown at once, with the code of the registry', async () => {
  for (const [status, code] of [
    [422, 'invalid-input'],
    [403, 'principal-revoked'],
    [401, 'credentials-expired'],
    [404, 'no-such-command'],
    [422, 'idempotency-key-reused'],
    [500, 'application-failed'],
    [409, 'approval-settled'],
  ] as const) {
    await served([fault(status, code)], async (shop, seen) => {
      const found = await problemOf(shop.commands.place({ id: '1', total: 5 }))
      assert.deepEqual([found.code, found.status, found.message], [code, status, `${code}: it is ${code}`])
      assert.equal(found.problem['retry'], 'never')
      assert.equal(seen.length, 1)
    })
  }
})

test('bodies that no server of ours sends are `unexpected-answer`', async () => {
  const odd: Answer[] = [
    json(200, null),
    json(200, { kind: 'perhaps' }),
    json(200, []),
    json(418, { code: 1 }, 'application/problem+json'),
    (response) => response.writeHead(200, { 'content-type': 'text/html' }).end('<html>'),
    (response) => response.writeHead(307, { location: '/elsewhere' }).end(),
  ]
  for (const answer of odd.slice(0, 5)) {
    await served([answer], async (shop) => {
      assert.equal((await problemOf(shop.queries.total({ id: '1' }))).code, 'unexpected-answer')
    })
  }
  await served([odd[5] as Answer], async (shop, seen) => {
    // A redirect is never followed: it would carry the token elsewhere.
    assert.equal((await problemOf(shop.queries.total({ id: '1' }))).code, 'unreachable')
    assert.ok(seen.every(({ url }) => url === '/v1/queries/total'))
  })
})

test('the signal stops a wait between tries and a request on its way', async () => {
  await served([fault(503, 'overloaded', 'later')], async (shop, seen) => {
    const stop = new AbortController()
    const call = problemOf(shop.commands.place({ id: '1', total: 5 }, { signal: stop.signal, key: 'k-1' }))
    while (seen.length < 2) await new Promise((resolve) => setImmediate(resolve))
    stop.abort()
    assert.deepEqual([(await call).code, (await call).key], ['cancelled', 'k-1'])
    assert.ok(seen.length < TRIES_MAX)
  })
  await served([() => undefined], async (shop, seen) => {
    const stop = new AbortController()
    const call = problemOf(shop.queries.total({ id: '1' }, { signal: stop.signal }))
    while (seen.length < 1) await new Promise((resolve) => setImmediate(resolve))
    stop.abort()
    assert.equal((await call).code, 'cancelled')
  })
  await served([json(200, committed)], async (shop, seen) => {
    assert.equal((await problemOf(shop.queries.total({ id: '1' }, { signal: AbortSignal.abort() }))).code, 'cancelled')
    assert.equal(seen.length, 0)
  })
})

test('a token may be fetched for every try, and a caller may act for somebody', () => {
  let asked = 0
  return served(
    [fault(503, 'overloaded', 'later'), json(200, committed)],
    async (shop, seen) => {
      await shop.commands.place({ id: '1', total: 5 })
      assert.deepEqual(
        seen.map(({ headers }) => [headers['authorization'], headers['plinth-on-behalf-of']]),
        [
          ['Bearer token-1', 'ada'],
          ['Bearer token-2', 'ada'],
        ],
      )
    },
    { token: async () => `token-${++asked}`, onBehalfOf: 'ada' },
  )
})

test('an outcome can be waited for', () =>
  served([json(200, committed)], async (shop, seen) => {
    assert.equal((await shop.outcome('op_1', { waitMs: 500 })).kind, 'committed')
    assert.deepEqual([seen[0]?.method, seen[0]?.url], ['GET', '/v1/operations/op_1/outcome?waitMs=500'])
  }))

test('an address may have a path before it, and names stay names', () =>
  served([json(200, committed)], async (_, seen, url) => {
    const shop = client<typeof app>(`${url}/behind/proxy`, { token: 't' })
    await shop.commands.place({ id: '1', total: 5 })
    await (shop.commands as unknown as Record<string, (input: unknown) => Promise<unknown>>)['../../x']?.({})
    assert.deepEqual(
      seen.map(({ url }) => url),
      ['/behind/proxy/v1/commands/place', '/behind/proxy/v1/commands/..%2F..%2Fx'],
    )
    assert.equal(await Promise.resolve(shop.commands), shop.commands, 'not taken for a promise')
  }))
