/** The door as a caller meets it, with a real system behind it. */
import assert from 'node:assert/strict'
import { connect } from 'node:net'
import { after, before, describe, test } from 'node:test'
import { openHttpDoor } from './server.ts'
import { ask, openLedger, type Answer, type Ledger } from '../../../test/support/doors/open-ledger.ts'

let ledger: Ledger
let keys = 0
before(async () => (ledger = await openLedger()))
after(() => ledger.close())

const command = (name: string, body: unknown, headers: Record<string, string> = {}): Promise<Answer> =>
  ask(`${ledger.url}/v1/commands/${name}`, ledger.agent, {
    body,
    headers: { 'idempotency-key': `key-${++keys}`, ...headers },
  })
const open = async (accountId: string): Promise<Answer> => command('open_account', { accountId, owner: 'ada' })
const read = (path: string): Promise<Answer> => ask(ledger.url + path, ledger.operator)

/** Sends bytes as they are, and returns what comes back until the door closes the connection or has answered. */
function raw(bytes: string | Buffer, until = /\r\n\r\n/, port = ledger.door.port): Promise<string> {
  return new Promise((resolve, reject) => {
    const socket = connect(port, '127.0.0.1', () => void socket.write(bytes))
    let text = ''
    socket.setEncoding('utf8').on('data', (chunk: string) => {
      text += chunk
      if (until.test(text)) socket.destroy()
    })
    socket.on('close', () => resolve(text))
    socket.on('error', reject)
  })
}

describe('commands', () => {
  test('committed: 200, with operation, position and phases in headers', async () => {
    const answer = await open('c1')
    assert.equal(answer.status, 200)
    assert.deepEqual(answer.body['result'], { accountId: 'c1' })
    assert.equal(answer.headers.get('plinth-operation'), answer.body['operation'])
    assert.equal(answer.headers.get('plinth-position'), String(await ledger.head()))
    const phases = (answer.headers.get('plinth-timing') ?? '').split(', ').map((phase) => phase.split(';')[0])
    assert.deepEqual(phases, ['authenticate', 'begin', 'decide', 'admit', 'commit', 'total', 'door'])
    assert.equal(answer.headers.get('idempotent-replayed'), null)
  })

  test('the same key: the recorded outcome, and it says so; another payload is refused', async () => {
    const send = (owner: string) => command('open_account', { accountId: 'c2', owner }, { 'idempotency-key': 'c2' })
    const first = await send('ada')
    const head = await ledger.head()
    const again = await send('ada')
    assert.equal(again.headers.get('idempotent-replayed'), 'true')
    assert.equal(again.body['position'], first.body['position'])
    assert.equal((await send('eve')).body['code'], 'idempotency-key-reused')
    assert.equal(await ledger.head(), head)
  })

  test('refused: 422 with code, title and what to do', async () => {
    await open('c3')
    const { status, body } = await open('c3')
    assert.equal(status, 422)
    assert.deepEqual([body['kind'], body['code'], body['detail']], ['refused', 'account-exists', { accountId: 'c3' }])
    assert.ok(body['next'] !== undefined)
  })

  test('denied: 403 with its rules', async () => {
    await open('c4')
    const { status, body } = await command('empty_account', { accountId: 'c4' })
    assert.deepEqual([status, body['kind'], body['rules']], [403, 'denied', ['nobody-empties-accounts']])
  })

  test('held: 202, and where to wait', async () => {
    await open('c5')
    const { status, body, headers } = await command('close_account', { accountId: 'c5' })
    assert.deepEqual([status, body['kind'], body['requires']], [202, 'held', ['operator']])
    const outcome = await ask(ledger.url + headers.get('location'), ledger.agent)
    assert.deepEqual([outcome.status, outcome.body['approval']], [202, body['approval']])
  })

  test('run, correlation and key are checked before the engine is asked', async () => {
    assert.equal((await command('deposit', {}, { 'plinth-run': 'a b' })).body['code'], 'malformed-request')
    const none = await ask(`${ledger.url}/v1/commands/deposit`, ledger.agent, { body: {} })
    assert.deepEqual([none.status, none.body['code']], [400, 'idempotency-key-missing'])
    assert.equal(
      (await command('deposit', {}, { 'idempotency-key': 'x'.repeat(256) })).body['code'],
      'idempotency-key-invalid',
    )
  })

  test('facts about a run are attested by a front door, and not by the agent', async () => {
    const attest = (bearer: string, key: string) =>
      ask(`${ledger.url}/v1/runs/r1/attested`, bearer, {
        method: 'PUT',
        body: { customer: 'ada' },
        headers: { 'idempotency-key': key },
      })
    assert.equal((await attest(ledger.frontDoor, 'a1')).status, 200)
    assert.equal((await attest(ledger.agent, 'a2')).status, 403)
    const naming = { method: 'PUT', body: {}, headers: { 'idempotency-key': 'a3', 'plinth-run-agent': 'nobody' } }
    const refused = await ask(`${ledger.url}/v1/runs/r2/attested`, ledger.frontDoor, naming)
    assert.equal(refused.body['code'], 'invalid-input')
  })
})

describe('reading', () => {
  test('a query by body and by address, now and as of a position', async () => {
    const before = await ledger.head()
    await open('q1')
    const url = `${ledger.url}/v1/queries/find_accounts`
    const byBody = await ask(url, ledger.agent, { body: { owner: 'ada' } })
    const byAddress = await ask(`${url}?input=${encodeURIComponent('{"owner":"ada"}')}`, ledger.agent)
    assert.deepEqual(byAddress.body['result'], byBody.body['result'])
    assert.equal(byBody.headers.get('plinth-position'), String(byBody.body['asOf']))
    const then = await ask(`${url}?at=${before}`, ledger.agent, { body: { owner: 'ada' } })
    const count = (answer: Answer) => (answer.body['result'] as { accounts: unknown[] }).accounts.length
    assert.equal(count(then), count(byBody) - 1)
  })

  test('a state, whatever stands in its id, as it is and as it was', async () => {
    const id = 'a/b #1?&é'
    await open(id)
    const before = await ledger.head()
    await command('deposit', { accountId: id, amount: 5 })
    const path = `/v1/entities/account/${encodeURIComponent(id)}`
    const now = await read(path)
    assert.deepEqual([now.body['id'], (now.body['state'] as { balance: number }).balance], [id, 5])
    assert.deepEqual(((await read(`${path}?at=${before}`)).body['state'] as { balance: number }).balance, 0)
    const time = await read(`${path}?at=${encodeURIComponent(new Date().toISOString())}`)
    assert.equal(time.status, 200)
  })

  test('pages hold what was asked for, and their cursors pin the position', async () => {
    for (const id of ['p1', 'p2', 'p3']) await open(id)
    const seen: string[] = []
    let path: string | null = '/v1/entities/account?limit=2'
    let asOf: unknown
    while (path !== null) {
      const { body }: Answer = await read(path)
      const items = body['items'] as { id: string }[]
      assert.ok(items.length <= 2)
      seen.push(...items.map(({ id }) => id))
      asOf ??= body['asOf']
      assert.equal(body['asOf'], asOf)
      if (seen.length === 2) await open('p0')
      path =
        body['next'] === null ? null : `/v1/entities/account?limit=2&after=${encodeURIComponent(String(body['next']))}`
    }
    assert.ok(['p1', 'p2', 'p3'].every((id) => seen.includes(id)))
    assert.ok(!seen.includes('p0'), 'what came later is not on a later page')
    assert.equal((await read('/v1/entities/account?after=made-up')).body['code'], 'invalid-cursor')
  })

  test('rows of a read model, operations, records, approvals, self, checkpoint', async () => {
    await open('r1')
    const rows = await read(`/v1/read-models/owners?where=${encodeURIComponent('{"owner":"ada"}')}&order=balance`)
    assert.ok((rows.body['items'] as unknown[]).length > 0)
    const operations = await read('/v1/operations?state=committed&actor=agent&limit=1')
    const [operation] = operations.body['items'] as { operation: string }[]
    assert.equal((await read(`/v1/operations/${operation?.operation}/why`)).body['about'], operation?.operation)
    assert.equal((await read(`/v1/operations/${operation?.operation}`)).status, 200)
    assert.equal(((await read('/v1/records?from=1&limit=2')).body['items'] as { position: number }[])[0]?.position, 1)
    assert.equal((await read('/v1/approvals?state=expired')).status, 200)
    assert.match(
      String((await read('/v1/operations?state=deny')).body['detail']),
      /`state` must be one of held, committed/,
    )
    assert.equal((await read('/v1/self')).body['application'], 'ledger')
    assert.match((await ask(`${ledger.url}/v1/checkpoint`, null)).text, /^plinth\.local\/ledger/)
  })

  test('the description of the door shows a principal what is in its scope', async () => {
    const paths = async (bearer: string | null) =>
      Object.keys((await ask(`${ledger.url}/openapi.json`, bearer)).body['paths'] as object)
    assert.ok((await paths(ledger.agent)).includes('/v1/commands/deposit'))
    assert.ok(!(await paths(ledger.agent)).includes('/v1/commands/audit_account'))
    assert.ok(!(await paths(null)).includes('/v1/commands/deposit'))
  })

  test('records are for those in scope for them', async () => {
    for (const path of ['/v1/self', '/v1/records', '/v1/operations', '/v1/entities/account', '/v1/approvals'])
      assert.equal((await ask(ledger.url + path, ledger.agent)).status, 403, path)
  })
})

describe('connections', () => {
  test('a request that is refused before its body is read ends its connection; others keep it', async () => {
    const large = `POST /v1/commands/x HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer x\r\nContent-Type: application/json\r\n`
    const refused = await raw(`${large}Content-Length: 2000000\r\n\r\n{`)
    assert.match(refused, /^HTTP\/1\.1 413 .*connection: close/is)
    const chunk = `FFFF\r\n${'x'.repeat(0xffff)}\r\n`
    const chunked = await raw(`${large}Transfer-Encoding: chunked\r\n\r\n${chunk.repeat(20)}`, /limit/)
    assert.match(chunked, /^HTTP\/1\.1 413 /)
    assert.match(await raw('GET /v1/checkpoint HTTP/1.1\r\nHost: localhost\r\n\r\n'), /connection: keep-alive/i)
  })

  test('bytes that are no HTTP request get a problem and no more', async () => {
    for (const bytes of [
      'hello\r\n\r\n',
      'GET / HTTP/9.9\r\n\r\n',
      `GET / HTTP/1.1\r\nHost: localhost\r\nx: ${'y'.repeat(20_000)}\r\n\r\n`,
    ]) {
      const answer = await raw(bytes, /\}$/)
      assert.match(answer, /^HTTP\/1\.1 400 .*"code":"malformed-request"/s)
    }
  })

  test('a length and chunks at once are refused: two readers would see two requests', async () => {
    const answer = await raw(
      'POST /v1/commands/x HTTP/1.1\r\nHost: localhost\r\nContent-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n',
      /\}$/,
    )
    assert.match(answer, /^HTTP\/1\.1 400 /)
  })

  test('a foreign name is refused, as host and as origin', async () => {
    assert.match(await raw('GET /v1/checkpoint HTTP/1.1\r\nHost: evil.example\r\n\r\n', /\}$/), /403 .*host-refused/s)
    assert.match(await raw('GET /v1/checkpoint HTTP/1.1\r\n\r\n', /\}$/), / 400 | 403 /)
    const cross = await ask(`${ledger.url}/v1/checkpoint`, null, { headers: { origin: 'https://evil.example' } })
    assert.equal(cross.body['code'], 'host-refused')
  })

  test('a caller that hangs up while it waits is let go of', { timeout: 120_000 }, async () => {
    await open('w1')
    const { body } = await command('close_account', { accountId: 'w1' })
    const caller = new AbortController()
    const path = `${ledger.url}/v1/operations/${String(body['operation'])}/outcome?waitMs=30000`
    const waiting = fetch(path, { headers: { authorization: `Bearer ${ledger.agent}` }, signal: caller.signal })
    while (ledger.door.running === 0) await new Promise((resolve) => setImmediate(resolve))
    caller.abort()
    await assert.rejects(waiting)
    while (ledger.door.running > 0) await new Promise((resolve) => setImmediate(resolve))
  })
})

describe('bounds', () => {
  test('one request too many is told so, and nothing of it is kept', async () => {
    const small = await openLedger({ limits: { requestsMax: 2 } })
    try {
      const send = (name: string, body: unknown, key: string) =>
        ask(`${small.url}/v1/commands/${name}`, small.agent, { body, headers: { 'idempotency-key': key } })
      await send('open_account', { accountId: 'a', owner: 'ada' }, 'k1')
      const { body } = await send('close_account', { accountId: 'a' }, 'k2')
      const head = await small.head()
      const wait = `${small.url}/v1/operations/${String(body['operation'])}/outcome?waitMs=20000`
      const caller = new AbortController()
      const waits = [1, 2].map(() =>
        fetch(wait, { headers: { authorization: `Bearer ${small.agent}` }, signal: caller.signal }).catch(() => null),
      )
      while (small.door.running < 2) await new Promise((resolve) => setImmediate(resolve))
      const over = await send('deposit', { accountId: 'a', amount: 1 }, 'k3')
      assert.deepEqual([over.status, over.body['code'], over.headers.get('retry-after')], [503, 'overloaded', '1'])
      caller.abort()
      await Promise.all(waits)
      while (small.door.running > 0) await new Promise((resolve) => setImmediate(resolve))
      assert.equal(await small.head(), head)
      assert.equal((await send('deposit', { accountId: 'a', amount: 1 }, 'k3')).status, 200)
    } finally {
      await small.close()
    }
  })

  test('a request that takes too long is stopped, and told how to find out what came of it', async () => {
    let aheadUs = 0
    const clock = { nowMs: () => Date.now(), monotonicUs: () => performance.now() * 1_000 + aheadUs }
    const slow = await openLedger({ clock })
    try {
      const send = (name: string, body: unknown, key: string) =>
        ask(`${slow.url}/v1/commands/${name}`, slow.agent, { body, headers: { 'idempotency-key': key } })
      await send('open_account', { accountId: 'a', owner: 'ada' }, 'k1')
      const { body } = await send('close_account', { accountId: 'a' }, 'k2')
      const waiting = ask(`${slow.url}/v1/operations/${String(body['operation'])}/outcome?waitMs=30000`, slow.agent)
      while (slow.door.running === 0) await new Promise((resolve) => setImmediate(resolve))
      aheadUs = 61_000_000
      const late = await waiting
      assert.deepEqual([late.status, late.body['code'], late.body['retry']], [504, 'deadline-exceeded', 'same-key'])
    } finally {
      await slow.close()
    }
  })

  test('a caller that sends slowly loses its connection', { timeout: 120_000 }, async () => {
    const start = 'POST /v1/commands/deposit HTTP/1.1\r\nHost: localhost\r\n'
    const more = `Authorization: Bearer ${ledger.agent}\r\nContent-Type: application/json\r\nContent-Length: 9\r\n\r\n{`
    const { engine } = ledger.system
    /** What a door says that waits so long. */
    const answer = async (bytes: string, withinMs: number): Promise<string> => {
      const limits = { headersMs: withinMs, arrivalMs: withinMs }
      const hasty = await openHttpDoor({ engine, port: 0, limits, onBug: assert.fail })
      try {
        const text = await raw(bytes, /\}$/, hasty.port)
        while (hasty.running > 0) await new Promise((resolve) => setImmediate(resolve))
        return text
      } finally {
        await hasty.close(2_000)
      }
    }
    const late = /^HTTP\/1\.1 400 .*did not arrive in time/s
    assert.match(await answer(start, 100), late)
    // On a busy machine the head may be late as well, although all of it was sent at once: then the door waits longer.
    let withinMs = 100
    let text = await answer(start + more, withinMs)
    while (late.test(text)) text = await answer(start + more, (withinMs *= 2))
    assert.equal(text, '')
  })

  test('noise behind a request in work ends the connection: it is never answered in that request’s place', async () => {
    await open('n1')
    const { body } = await command('close_account', { accountId: 'n1' })
    const path = `/v1/operations/${String(body['operation'])}/outcome?waitMs=30000`
    const wait = `GET ${path} HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer ${ledger.agent}\r\n\r\n`
    assert.equal(await raw(`${wait}noise\r\n\r\n`), '')
  })

  test('closing lets what runs finish, and takes nothing new', async () => {
    const brief = await openLedger()
    const send = (name: string, body: unknown, key: string) =>
      ask(`${brief.url}/v1/commands/${name}`, brief.agent, { body, headers: { 'idempotency-key': key } })
    const running = send('open_account', { accountId: 'a', owner: 'ada' }, 'k1')
    while (brief.door.running === 0) await new Promise((resolve) => setImmediate(resolve))
    const closed = brief.close()
    assert.equal((await running).status, 200)
    await closed
    await assert.rejects(send('deposit', { accountId: 'a', amount: 1 }, 'k2'))
  })
})

test('nothing of all this was a bug', () => assert.deepEqual(ledger.bugs, []))
