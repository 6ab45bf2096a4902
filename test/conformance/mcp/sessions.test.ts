/** Sessions of 2025 clients belong to whoever opened them. */
import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { ask, openLedger, type Answer, type Ledger } from '../../support/doors/open-ledger.ts'
import { fixtureSurface } from './fixture-surface.ts'

let ledger: Ledger
before(async () => (ledger = await openLedger({ surface: fixtureSurface() })))
after(() => ledger.close())

const post = (bearer: string, method: string, params: object, session: string | null): Promise<Answer> =>
  ask(`${ledger.url}/mcp`, bearer, {
    body: { jsonrpc: '2.0', id: 1, method, params },
    headers: {
      accept: 'application/json, text/event-stream',
      'mcp-protocol-version': '2025-11-25',
      ...(session === null ? {} : { 'mcp-session-id': session }),
    },
  })
const initialize = { protocolVersion: '2025-11-25', capabilities: {}, clientInfo: { name: 'test', version: '1' } }

test('a session answers the token that opened it, and is not there for another', async () => {
  const opened = await post(ledger.agent, 'initialize', initialize, null)
  const session = opened.headers.get('mcp-session-id') ?? assert.fail('a session was opened')
  assert.equal((await post(ledger.agent, 'ping', {}, session)).status, 200)
  const stolen = await post(ledger.operator, 'ping', {}, session)
  const madeUp = await post(ledger.operator, 'ping', {}, 'made-up')
  assert.equal(stolen.status, 404)
  assert.equal(stolen.text, madeUp.text)
  const ended = await ask(`${ledger.url}/mcp`, ledger.agent, {
    method: 'DELETE',
    headers: { 'mcp-session-id': session },
  })
  assert.equal(ended.status, 200)
  assert.equal((await post(ledger.agent, 'ping', {}, session)).status, 404)
})

test('a message without a session that opens none is refused', async () => {
  assert.equal((await post(ledger.agent, 'ping', {}, null)).status, 400)
})
