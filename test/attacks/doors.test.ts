/**
 * In the seat of one agent against another, at the real doors: keys, sessions, cursors and headers that are somebody else's; and questions whose
 * answers would tell what there is, to who may not see it.
 */
import assert from 'node:assert/strict'
import { connect } from 'node:net'
import { after, before, describe, test } from 'node:test'
import { sha256Hex, type PrincipalId } from '../../src/model/ids.ts'
import { newApiKey } from '../../src/warden/secrets.ts'
import { publishChange, withPolicies } from '../support/authority.ts'
import { ask, openLedger, type Answer, type Ledger } from '../support/doors/open-ledger.ts'

let ledger: Ledger
/** Another agent, with everything that the first one may do. */
let other: string
/** What the first agent has: an operation, and one that waits. */
let mine: { readonly operation: string; readonly approval: string; readonly held: string }

async function adopted(snapshot: number): Promise<void> {
  for (;;) {
    const { body } = await ask(`${ledger.url}/v1/self`, ledger.operator)
    if ((body['authority'] as { readonly snapshot: number }).snapshot >= snapshot) return
    await new Promise((resolve) => setTimeout(resolve, 10))
  }
}
const command = (name: string, input: object, token: string, key: string, headers = {}): Promise<Answer> =>
  ask(`${ledger.url}/v1/commands/${name}`, token, { body: input, headers: { 'idempotency-key': key, ...headers } })

before(async () => {
  ledger = await openLedger()
  other = newApiKey()
  const id = 'other' as PrincipalId
  const key = { name: 'first', hash: sha256Hex(other), expiresAtMs: null }
  const principal = { id, kind: 'agent', owner: 'operator' as PrincipalId, roles: ['agent'] } as const
  await adopted(
    await publishChange(
      ledger.system.dir,
      { change: 'add-principal', principal },
      { change: 'add-key', principal: id, key },
    ),
  )
  const opened = await command('open_account', { accountId: 'a', owner: 'ann' }, ledger.agent, 'open')
  const held = await command('close_account', { accountId: 'a' }, ledger.agent, 'close')
  mine = {
    operation: String(opened.body['operation']),
    approval: String(held.body['approval']),
    held: String(held.body['operation']),
  }
})
after(() => ledger.close())

describe('somebody else’s', () => {
  test('idempotency key: names another operation, and shows nothing of the first', async () => {
    const again = await command('open_account', { accountId: 'a', owner: 'ann' }, other, 'open')
    assert.equal(again.status, 422) // there is one: decided anew, and not answered from what was recorded for the first agent
    assert.notEqual(again.body['operation'], mine.operation)
    const else_ = await command('open_account', { accountId: 'b', owner: 'bob' }, other, 'close')
    assert.equal(else_.status, 200)
    assert.notEqual(else_.body['operation'], mine.held)
  })

  test('cursor: gives nothing that the page would not', async () => {
    const { body } = await ask(`${ledger.url}/v1/records?limit=1`, ledger.operator)
    const page = await ask(`${ledger.url}/v1/operations?limit=1`, ledger.operator)
    const after_ = encodeURIComponent(String(page.body['next']))
    for (const path of [`/v1/records?limit=1&from=${String(body['next'])}`, `/v1/operations?limit=1&after=${after_}`])
      assert.equal((await ask(ledger.url + path, other)).status, 403, path)
  })

  test('MCP session: none is given, and one that is brought along makes nobody of its owner', async () => {
    const call = (token: string | null, headers: object) =>
      ask(`${ledger.url}/mcp`, token, {
        body: { jsonrpc: '2.0', id: 1, method: 'tools/call', params: { name: 'plinth_outcome', arguments: { operation: mine.operation } } }, // prettier-ignore
        headers: {
          accept: 'application/json, text/event-stream',
          'mcp-protocol-version': '2025-11-25',
          ...headers,
        },
      })
    const own = await call(ledger.agent, { 'mcp-session-id': 'fixed-session' })
    assert.equal(own.headers.get('mcp-session-id'), null)
    assert.equal((await call(null, { 'mcp-session-id': 'fixed-session' })).status, 401)
    const theirs = await call(other, { 'mcp-session-id': 'fixed-session' })
    assert.match(theirs.text, /no-such-operation|no operation/)
    assert.doesNotMatch(theirs.text, /"accountId":"a"/)
  })

  test('connection: each request on it stands for its own bearer alone', async () => {
    const request = (token: string | null) =>
      `GET /v1/operations/${mine.operation} HTTP/1.1\r\nHost: 127.0.0.1\r\n` +
      `${token === null ? '' : `Authorization: Bearer ${token}\r\n`}\r\n`
    const text = await raw(request(ledger.agent) + request(other) + request(null), 3)
    assert.deepEqual([...text.matchAll(/HTTP\/1\.1 (\d+)/g)].map(([, status]) => status), ['200', '404', '401']) // prettier-ignore
  })

  test('name, in headers that proxies and frameworks heed: changes nothing', async () => {
    const headers: readonly (readonly [string, string])[] = [
      ...['x-forwarded-user', 'x-user', 'remote-user', 'x-plinth-principal', 'plinth-principal'].map(
        (name) => [name, 'operator'] as const,
      ),
      ...['x-original-url', 'x-rewrite-url'].map((name) => [name, '/v1/records'] as const),
      ...['x-http-method-override', 'x-method-override', 'x-http-method'].map((name) => [name, 'POST'] as const),
      ...['x-authorization', 'proxy-authorization', 'cookie'].map(
        (name) => [name, `Bearer ${ledger.operator}`] as const,
      ),
    ]
    for (const [header, value] of headers) {
      const plain = await ask(`${ledger.url}/v1/self`, other)
      const dressed = await ask(`${ledger.url}/v1/self`, other, { headers: { [header]: value } })
      assert.deepEqual([dressed.status, dressed.body['code']], [plain.status, plain.body['code']], header)
      assert.equal(plain.status, 403)
    }
    for (const forWhom of ['operator', 'ann\u0000', 'Operator', 'оperator', '../operator', '*', '']) {
      const raised = await ask(`${ledger.url}/v1/self`, other, {
        headers: { 'plinth-on-behalf-of': Buffer.from(forWhom).toString('latin1').replaceAll('\u0000', ' ') },
      })
      assert.ok([400, 403].includes(raised.status), `${forWhom}: ${raised.status}`)
    }
  })

  test('credential beside one’s own: a request that holds two is refused', async () => {
    const text = await raw(
      `GET /v1/self HTTP/1.1\r\nHost: 127.0.0.1\r\nAuthorization: Bearer ${other}\r\nauthorization: Bearer ${ledger.operator}\r\n\r\n`,
      1,
    )
    assert.match(text, /^HTTP\/1\.1 400 /)
    assert.match(text, /malformed-request/)
  })
})

/** Writes bytes on a connection of its own; resolves with what comes back, once so many answers are whole and it is quiet. */
function raw(bytes: string, answers: number): Promise<string> {
  return new Promise((resolve, reject) => {
    const socket = connect(ledger.door.port, '127.0.0.1')
    let text = ''
    const done = () => (socket.destroy(), resolve(text))
    socket.setTimeout(60_000, done).on('error', reject).on('close', done)
    socket.setEncoding('utf8').on('data', (part: string) => {
      text += part
      if (wholeAnswers(text) >= answers) socket.setTimeout(200)
    })
    socket.write(bytes)
  })
}

/** Answers that are there to the end of their bodies. */
function wholeAnswers(text: string): number {
  let answers = 0
  for (let rest = text; ; answers++) {
    const head = rest.indexOf('\r\n\r\n')
    if (head < 0) return answers
    const end = head + 4 + Number(/^content-length: (\d+)/im.exec(rest.slice(0, head))?.[1] ?? 0)
    const bytes = Buffer.from(rest) // the length is of bytes
    if (bytes.length < end) return answers
    rest = bytes.subarray(end).toString()
  }
}

describe('what there is, to who may not see it', () => {
  /** Both answers, with what was asked for taken out of them. */
  async function same(there: string, notThere: string, asked: (name: string) => Promise<Answer>): Promise<void> {
    const shownOf = ({ status, headers, text }: Answer, name: string) => ({
      status,
      retry: headers.get('retry-after'),
      text: text.replaceAll(`\`${name}\``, 'NAME').replaceAll(/urn:plinth:request:[^"]+/g, 'REQUEST'),
    })
    const one = shownOf(await asked(there), there)
    assert.deepEqual(one, shownOf(await asked(notThere), notThere), there)
    assert.ok(one.status >= 400)
  }
  const NO_OPERATION = `op_${'a'.repeat(26)}`
  const NO_APPROVAL = `apr_${'a'.repeat(26)}`
  const get = (path: (name: string) => string) => (name: string) => ask(ledger.url + path(name), other)

  test('commands out of scope, and queries', async () => {
    for (const input of [{}, { accountId: 'a' }, { nonsense: true }])
      await same('audit_account', 'no_such_thing', (name) => command(name, input, other, `probe-${name}`))
    await same('deposit', 'no_such_thing', (name) => ask(`${ledger.url}/v1/queries/${name}`, other, { body: {} }))
    await same('plinth.approve', 'plinth.appruve', (name) => command(name, {}, other, `probe-${name}`))
  })

  test('operations of somebody else', async () => {
    for (const path of ['', '/outcome', '/outcome?waitMs=5', '/why'])
      for (const operation of [mine.operation, mine.held])
        await same(
          operation,
          NO_OPERATION,
          get((name) => `/v1/operations/${name}${path}`),
        )
  })

  test('approvals, states, rows, stops and records', async () => {
    await same(
      mine.approval,
      NO_APPROVAL,
      get((name) => `/v1/approvals/${name}`),
    )
    await same(
      'a',
      'zzz',
      get((name) => `/v1/entities/account/${name}`),
    )
    await same(
      'account',
      'nothing',
      get((name) => `/v1/entities/${name}`),
    )
    await same(
      'plinth.authority',
      'plinth.autharity',
      get((name) => `/v1/entities/${name}/snapshots`),
    )
    await same(
      'accounts',
      'nothings',
      get((name) => `/v1/read-models/${name}`),
    )
    await same(
      'sw-1',
      'sw-2',
      get((name) => `/v1/stops/${name}`),
    )
    await same(
      '0',
      '999999',
      get((name) => `/v1/records?from=${name}`),
    )
    await same(
      '0',
      '999999',
      get((name) => `/v1/entities/account/a?at=${name}`),
    )
  })

  test('decisions and grants about what it may not see', async () => {
    const decide = (approval: string) =>
      ask(`${ledger.url}/v1/approvals/${approval}/decision`, other, {
        body: { decision: JSON.stringify({ approval }), signature: 'AAAA' },
      })
    await same(mine.approval, NO_APPROVAL, decide)
  })

  test('tools over MCP', async () => {
    const call = (name: string, args: object) =>
      ask(`${ledger.url}/mcp`, other, {
        body: { jsonrpc: '2.0', id: 1, method: 'tools/call', params: { name, arguments: args } },
        headers: { accept: 'application/json, text/event-stream', 'mcp-protocol-version': '2025-11-25' },
      })
    for (const [there, notThere] of [
      ['audit_account', 'no_such_thing'],
      ['plinth_why', 'plinth_when'],
    ] as const) {
      const shownOf = async (name: string) => (await call(name, {})).text.replaceAll(name, 'NAME')
      const one = await shownOf(there)
      assert.equal(one, await shownOf(notThere))
      assert.match(one, /there is no tool/)
    }
    const outcome = async (operation: string) =>
      (await call('plinth_outcome', { operation })).text
        .replaceAll(operation, 'NAME')
        .replaceAll(/urn:plinth:request:[^"\\]+/g, 'REQUEST')
    assert.equal(await outcome(mine.operation), await outcome(NO_OPERATION))
  })
})

test('A4: whichever door a call comes through, it counts under the same limit', async () => {
  const limit = { of: ['open_account'], per: ['principal'], window: { fixed: '1d' }, max: 3 }
  const limits = JSON.stringify({ format: 1, limits: { opened: limit } })
  await adopted(
    await publishChange(ledger.system.dir, await withPolicies(ledger.system.dir, { 'limits.json': limits })),
  )
  const mcp = (era: string, accountId: string) =>
    ask(`${ledger.url}/mcp`, other, {
      body: {
        ...{ jsonrpc: '2.0', id: 1, method: 'tools/call' },
        params: {
          ...{ name: 'open_account', arguments: { accountId, owner: 'x' } },
          ...(era === '2025-11-25'
            ? {}
            : {
                _meta: {
                  'io.modelcontextprotocol/protocolVersion': era,
                  'io.modelcontextprotocol/clientCapabilities': {},
                  'io.modelcontextprotocol/clientInfo': { name: 'attack', version: '1' },
                },
              }),
        },
      },
      headers: {
        ...{ accept: 'application/json, text/event-stream', 'mcp-protocol-version': era },
        ...{ 'mcp-method': 'tools/call', 'mcp-name': 'open_account' },
      },
    })
  // One was opened above, by this agent and over HTTP.
  const texts = [
    (await mcp('2025-11-25', 'm1')).text,
    (await mcp('2026-07-28', 'm2')).text,
    (await mcp('2025-11-25', 'm3')).text,
    (await mcp('2026-07-28', 'm4')).text,
    (await command('open_account', { accountId: 'm5', owner: 'x' }, other, 'm5')).text,
  ]
  assert.deepEqual(
    texts.map((text) => /limit:opened/.test(text)),
    [false, false, true, true, true],
    texts.join('\n'),
  )
  for (const text of texts.slice(2)) assert.match(text, /the window of the limit has moved on/, 'what to do next')
})

test('nothing of all this was a bug', () => assert.deepEqual(ledger.bugs, []))
