/** A plain call gets the answer that the SDK gives: the same message once as it is, and once with a progress token, which the SDK serves. */
import assert from 'node:assert/strict'
import type { IncomingMessage } from 'node:http'
import { after, before, test } from 'node:test'
import type { Json, JsonObject } from '../../model/json.ts'
import { ask, openLedger, type Ledger } from '../../../test/support/doors/open-ledger.ts'
import { plainCall } from './plain-call.ts'

let ledger: Ledger
before(async () => {
  ledger = await openLedger()
  await both('open_account', { accountId: 'a', owner: 'o' }, { 'plinth/idempotencyKey': 'opened' })
})
after(() => ledger.close())

const HEADERS = { accept: 'application/json, text/event-stream', 'mcp-protocol-version': '2025-11-25' }
const call = (name: string, input: Json, meta: JsonObject, id: string | number = 7) => ({
  ...{ jsonrpc: '2.0', id, method: 'tools/call' },
  params: { name, arguments: input, _meta: meta },
})
/** Ids differ between two calls, and so do the times; where the log ends too. */
const alike = (text: string): unknown =>
  JSON.parse(text.replaceAll(/op_[a-z2-7]{26}/g, 'op').replaceAll(/urn:plinth:request:[0-9a-f]+-[0-9a-z]+/g, 'urn'))

/** The answers to a message as it is and to the same one that the SDK serves. */
async function both(
  name: string,
  input: Json,
  meta: JsonObject = {},
  headers: Readonly<Record<string, string>> = HEADERS,
) {
  const send = (more: JsonObject) =>
    ask(`${ledger.url}/mcp`, ledger.agent, { body: call(name, input, { ...meta, ...more }), headers })
  const asIs = await send({})
  return { asIs, bySdk: await send({ progressToken: 1 }) }
}

const CASES: readonly (readonly [what: string, name: string, input: Json, meta?: JsonObject])[] = [
  ['a refusal', 'deposit', { accountId: 'nobody', amount: 1 }],
  ['input that does not fit', 'deposit', { accountId: 'a', amount: 'much' }],
  ['a tool that is not there', 'no_such_tool', {}],
  ['a tool of the engine', 'plinth_outcome', { operation: 'op_aaaaaaaaaaaaaaaaaaaaaaaaaa' }],
  ['a header of ours that is wrong', 'deposit', { accountId: 'a', amount: 1 }, { 'plinth/run': 5 }],
  ['a key of ours that is wrong', 'deposit', { accountId: 'a', amount: 1 }, { 'plinth/idempotencyKey': 'a b' }],
]

for (const [what, name, input, meta] of CASES)
  test(`${what} is answered as the SDK answers it`, async () => {
    const { asIs, bySdk } = await both(name, input, meta)
    assert.equal(asIs.status, bySdk.status)
    assert.deepEqual(alike(asIs.text), alike(bySdk.text))
    for (const header of ['content-type', 'x-content-type-options', 'content-encoding'])
      assert.equal(asIs.headers.get(header), bySdk.headers.get(header), header)
    assert.equal(asIs.headers.has('plinth-timing'), bySdk.headers.has('plinth-timing'))
  })

test('what is committed is answered as the SDK answers it, with its receipt', async () => {
  const meta = { 'plinth/idempotencyKey': 'once', 'plinth/logSince': 0 }
  await both('deposit', { accountId: 'a', amount: 5 }, meta)
  const { asIs, bySdk } = await both('deposit', { accountId: 'a', amount: 5 }, meta) // replays, both of them
  assert.deepEqual(JSON.parse(asIs.text), JSON.parse(bySdk.text))
  assert.ok(asIs.text.includes('plinth/receipt') && asIs.text.includes('"replayed":true'))
})

test('every revision that is served this way is one that the SDK serves the same', async () => {
  for (const revision of ['2025-03-26', '2025-06-18', '2025-11-25']) {
    const { asIs, bySdk } = await both(
      'deposit',
      { accountId: 'nobody', amount: 1 },
      {},
      { ...HEADERS, 'mcp-protocol-version': revision },
    )
    assert.equal(bySdk.status, 200, revision)
    assert.deepEqual(alike(asIs.text), alike(bySdk.text))
  }
})

test('a result stands under the id that was sent', async () => {
  for (const id of ['a', 0, -1, 12_345]) {
    const { body } = await ask(`${ledger.url}/mcp`, ledger.agent, {
      body: call('no_such_tool', {}, {}, id),
      headers: HEADERS,
    })
    assert.equal(body['id'], id)
  }
})

const message = call('deposit', { accountId: 'a' }, {})
const request = (headers: object = {}, method = 'POST') =>
  ({ method, headers: { ...HEADERS, ...headers } }) as unknown as IncomingMessage

test('only what is exactly a plain call is taken', () => {
  assert.notEqual(plainCall(request(), message), null)
  assert.notEqual(plainCall(request({ 'mcp-protocol-version': undefined }), message), null)
  for (const headers of [
    { accept: undefined },
    { accept: 'application/json' },
    { accept: 'text/event-stream' },
    { 'mcp-protocol-version': '2026-07-28' },
    { 'mcp-protocol-version': '2024-11-05' },
    { 'mcp-session-id': 'x' },
    { 'mcp-method': 'tools/call' },
    { 'mcp-name': 'deposit' },
  ])
    assert.equal(plainCall(request(headers), message), null, JSON.stringify(headers))
  assert.equal(plainCall(request({}, 'PUT'), message), null)
  const { params } = message
  for (const [what, body] of Object.entries({
    nothing: null,
    batch: [message],
    version: { ...message, jsonrpc: '1.0' },
    notification: { jsonrpc: '2.0', method: 'tools/call', params },
    nullId: { ...message, id: null },
    fractionalId: { ...message, id: 1.5 },
    method: { ...message, method: 'tools/list' },
    more: { ...message, more: 1 },
    moreParams: { ...message, params: { ...params, task: {} } },
    noName: { ...message, params: { arguments: {} } },
    arguments: { ...message, params: { ...params, arguments: [] } },
    progress: { ...message, params: { ...params, _meta: { progressToken: 1 } } },
    envelope: { ...message, params: { ...params, _meta: { 'io.modelcontextprotocol/protocolVersion': '2026-07-28' } } },
  } as Readonly<Record<string, unknown>>))
    assert.equal(plainCall(request(), body as Json), null, what)
})
