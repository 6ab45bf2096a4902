/** The engine's tools as an agent meets them, over both revisions, with a client nobody here wrote. */
import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import { Client, StreamableHTTPClientTransport, type CallToolResult } from '@modelcontextprotocol/client'
import type { ApprovalView } from '../../../src/engine/engine.ts'
import type { PrincipalId } from '../../../src/model/ids.ts'
import type { ApprovalDecision } from '../../../src/warden/authority.ts'
import { signApproval } from '../../../src/warden/approval-decision.ts'
import { ask, openLedger, type Ledger } from '../../support/doors/open-ledger.ts'

let ledger: Ledger
before(async () => (ledger = await openLedger()))
after(() => ledger.close())

async function connect(bearer: string, mode: 'legacy' | 'auto', headers: Record<string, string> = {}): Promise<Client> {
  const client = new Client({ name: 'test', version: '1' }, { versionNegotiation: { mode } })
  const requestInit = { headers: { authorization: `Bearer ${bearer}`, ...headers } }
  await client.connect(new StreamableHTTPClientTransport(new URL(`${ledger.url}/mcp`), { requestInit }))
  return client
}

type Called = CallToolResult & { readonly structuredContent: Record<string, unknown> }
const textOf = (result: Called): string =>
  result.content.map((item) => (item.type === 'text' ? item.text : '')).join('')

for (const [revision, mode] of [
  ['2025-11-25', 'legacy'],
  ['2026-07-28', 'auto'],
] as const)
  describe(revision, () => {
    let client: Client
    let accounts = 0
    const call = async (name: string, input: object, meta: Record<string, unknown> = {}) =>
      (await client.callTool({ name, arguments: input as Record<string, unknown>, _meta: meta })) as Called
    /** A new account, with 100 in it. */
    const open = async (): Promise<string> => {
      const accountId = `${mode}-${++accounts}`
      await call('open_account', { accountId, owner: `${mode}-owner` })
      await call('deposit', { accountId, amount: 100 })
      return accountId
    }
    before(async () => (client = await connect(ledger.agent, mode)))
    after(() => client.close())

    test('negotiates the revision', () => {
      assert.equal(client.getNegotiatedProtocolVersion(), revision)
    })

    test('lists what is in scope, and nothing else', async () => {
      const { tools } = await client.listTools()
      assert.deepEqual(
        tools.map(({ name }) => name),
        [
          'break_account',
          'close_account',
          'deposit',
          'empty_account',
          'find_accounts',
          'open_account',
          'plinth_outcome',
        ],
      )
    })

    test('hints and schemas come from the declaration', async () => {
      const { tools } = await client.listTools()
      const tool = (name: string) => tools.find((each) => each.name === name) ?? assert.fail(name)
      const query = { readOnlyHint: true, destructiveHint: false, idempotentHint: true, openWorldHint: false }
      assert.deepEqual(tool('find_accounts').annotations, query)
      const { openWorldHint, readOnlyHint, idempotentHint } = tool('close_account').annotations ?? {}
      assert.deepEqual(
        { openWorldHint, readOnlyHint, idempotentHint },
        { openWorldHint: true, readOnlyHint: false, idempotentHint: false },
      )
      assert.equal(tool('deposit').annotations?.openWorldHint, false)
      assert.deepEqual(tool('deposit').inputSchema.required, ['accountId', 'amount'])
      assert.match(tool('open_account').description ?? '', /account-exists/)
      for (const { annotations } of tools)
        for (const hint of Object.keys(query))
          assert.equal(typeof annotations?.[hint as keyof typeof query], 'boolean', hint)
    })

    test('a committed call answers with its result, and the receipt beside it', async () => {
      const accountId = await open()
      const done = await call('deposit', { accountId, amount: 7 })
      assert.equal(done.isError, undefined)
      assert.deepEqual(done.structuredContent['result'], { balance: 107 })
      assert.deepEqual(JSON.parse(textOf(done)), done.structuredContent)
      const receipt = done._meta?.['plinth/receipt'] as { index: number; proof: string }
      assert.equal(receipt.index, done.structuredContent['position'])
      assert.match(receipt.proof, /^c2sp\.org\/tlog-proof/)
      assert.ok(!textOf(done).includes('tlog-proof'), 'evidence is not text for a model')
    })

    test('the same key is the same operation; no key is a new one each time', async () => {
      const accountId = await open()
      const meta = { 'plinth/idempotencyKey': `once-${mode}` }
      const first = await call('deposit', { accountId, amount: 1 }, meta)
      const again = await call('deposit', { accountId, amount: 1 }, meta)
      assert.equal(again.structuredContent['operation'], first.structuredContent['operation'])
      assert.equal(again.structuredContent['replayed'], true)
      const other = await call('deposit', { accountId, amount: 2 }, meta)
      assert.equal(other.structuredContent['code'], 'idempotency-key-reused')
      const twice = [await call('deposit', { accountId, amount: 1 }), await call('deposit', { accountId, amount: 1 })]
      assert.deepEqual(
        twice.map(({ structuredContent }) => structuredContent['result']),
        [{ balance: 102 }, { balance: 103 }],
      )
    })

    test('a query answers at a position', async () => {
      await open()
      const { structuredContent } = await call('find_accounts', { owner: `${mode}-owner` })
      assert.equal(structuredContent['kind'], 'answered')
      assert.equal(structuredContent['asOf'], await ledger.head())
    })

    test('a refusal is an error that says how to go on', async () => {
      const accountId = await open()
      const refused = await call('open_account', { accountId, owner: 'eve' })
      assert.equal(refused.isError, true)
      assert.equal(refused.structuredContent['code'], 'account-exists')
      assert.match(textOf(refused), /account-exists.*there is an account.*Nothing was written\. Next: /s)
    })

    test('a denial names its rule', async () => {
      const head = await ledger.head()
      const denied = await call('empty_account', { accountId: await open() })
      assert.equal(denied.isError, true)
      assert.deepEqual(denied.structuredContent['rules'], ['nobody-empties-accounts'])
      assert.match(textOf(denied), /nobody-empties-accounts/)
      assert.equal(await ledger.head(), head + 4, 'only the account itself was written')
    })

    test('input that does not fit is an error that says where', async () => {
      const wrong = await call('deposit', { accountId: 'x', amount: 'much' })
      assert.equal(wrong.isError, true)
      assert.equal(wrong.structuredContent['code'], 'invalid-input')
      assert.match(textOf(wrong), /\/amount/)
    })

    test('what fails in the application shows nothing of it', async () => {
      const failed = await call('break_account', { accountId: 'x' })
      assert.equal(failed.structuredContent['code'], 'application-failed')
      assert.ok(!JSON.stringify(failed).includes('a secret of the application'))
    })

    test('a held call is a result that waits; another person decides; the wait returns the outcome', async () => {
      const accountId = await open()
      const held = await call('close_account', { accountId })
      assert.equal(held.isError, undefined)
      const { kind, approval, operation, requires } = held.structuredContent
      assert.deepEqual([kind, requires], ['held', ['operator']])
      assert.match(textOf(held), /nothing has happened yet.*operator.*plinth_outcome.*cannot approve it yourself/s)
      const still = await call('plinth_outcome', { operation })
      assert.equal(still.structuredContent['kind'], 'held')

      const waiting = call('plinth_outcome', { operation, waitMs: 20_000 })
      const view = (await ask(`${ledger.url}/v1/approvals/${String(approval)}`, ledger.operator))
        .body as unknown as ApprovalView
      const key = ledger.system.credentials.operator.approvalKey ?? assert.fail('the operator has an approval key')
      const verdict: ApprovalDecision = {
        format: 1,
        approval: view.approval,
        verdict: 'approve',
        binds: view.binds,
        by: 'operator' as PrincipalId,
        reason: 'test',
        decidedAtMs: Date.now(),
      }
      const signed = signApproval(verdict, key)
      const path = `${ledger.url}/v1/approvals/${view.approval}/decision`
      const byAgent = await ask(path, ledger.agent, { body: signed })
      assert.deepEqual(
        [byAgent.status, byAgent.body['code']],
        [422, 'approval-invalid'],
        'the asking agent cannot even carry the answer',
      )
      assert.equal((await ask(path, ledger.operator, { body: signed })).status, 200)
      const done = await waiting
      assert.deepEqual([done.structuredContent['kind'], done.structuredContent['operation']], ['committed', operation])
    })

    test('an out-of-scope tool gets the answer of one that does not exist', async () => {
      const answer = async (name: string): Promise<string> => {
        const error = await client.callTool({ name, arguments: { accountId: 'x' } }).then(
          () => assert.fail(),
          (cause: unknown) => cause,
        )
        return String((error as Error).message).replaceAll(name, '…')
      }
      assert.equal(await answer('audit_account'), await answer('there_is_none'))
      assert.equal(await answer('toString'), await answer('there_is_none'))
    })

    test('the run is recorded, from the header or from the message, and may not be two', async () => {
      const inRun = await connect(ledger.agent, mode, { 'plinth-run': `run-${mode}` })
      const accountId = await open()
      const done = (await inRun.callTool({ name: 'deposit', arguments: { accountId, amount: 1 } })) as Called
      const wrong = (await inRun.callTool({
        name: 'deposit',
        arguments: { accountId, amount: 1 },
        _meta: { 'plinth/run': 'other' },
      })) as Called
      assert.equal(wrong.structuredContent['code'], 'malformed-request')
      await inRun.close()
      const { body } = await ask(`${ledger.url}/v1/operations?run=run-${mode}`, ledger.operator)
      const items = body['items'] as { operation: string }[]
      assert.deepEqual(
        items.map(({ operation }) => operation),
        [done.structuredContent['operation']],
      )
    })

    test('reading records is for those in scope for it', async () => {
      const operator = await connect(ledger.operator, mode)
      assert.deepEqual(
        (await operator.listTools()).tools.map(({ name }) => name),
        ['plinth_why'],
      )
      const done = await call('deposit', { accountId: await open(), amount: 1 })
      const { operation } = done.structuredContent
      const why = (await operator.callTool({ name: 'plinth_why', arguments: { operation } })) as Called
      assert.equal(why.structuredContent['about'], operation)
      await operator.close()
      await assert.rejects(call('plinth_why', { operation }), /there is no tool `plinth_why` for this principal/)
    })
  })

describe('the address itself', () => {
  const initialize = {
    jsonrpc: '2.0',
    id: 1,
    method: 'initialize',
    params: { protocolVersion: '2025-11-25', capabilities: {}, clientInfo: { name: 'test', version: '1' } },
  }
  const mcp = (bearer: string | null, body: unknown, headers: Record<string, string> = {}) =>
    ask(`${ledger.url}/mcp`, bearer, { body, headers: { accept: 'application/json, text/event-stream', ...headers } })

  test('nobody is nobody: 401 names where to find out more, before anything is read', async () => {
    for (const bearer of [null, 'plk_forged', ledger.agent.slice(0, -1)]) {
      const answer = await mcp(bearer, '{ not json')
      assert.equal(answer.status, 401)
      const challenge = answer.headers.get('www-authenticate') ?? ''
      const metadata = /resource_metadata="([^"]+)"/.exec(challenge)?.[1] ?? assert.fail(challenge)
      const document = (await ask(metadata, null)).body
      assert.equal(document['resource'], `${ledger.url}/mcp`)
      assert.deepEqual(document['bearer_methods_supported'], ['header'])
    }
  })

  test('the phases of a call stand in a header of its response', async () => {
    const params = { name: 'find_accounts', arguments: { owner: 'nobody' } }
    const answer = await mcp(ledger.agent, { jsonrpc: '2.0', id: 1, method: 'tools/call', params })
    assert.match(answer.headers.get('plinth-timing') ?? '', /^authenticate;us=\d+, begin;us=\d+, .*door;us=\d+$/)
  })

  test('only POST, one message at a time, of strict JSON within the bound', async () => {
    assert.equal((await ask(`${ledger.url}/mcp`, ledger.agent)).status, 405)
    assert.equal((await ask(`${ledger.url}/mcp`, ledger.agent, { method: 'DELETE' })).status, 405)
    const batch = await mcp(ledger.agent, [initialize, initialize])
    assert.deepEqual([batch.status, (batch.body['error'] as { code: number }).code], [400, -32600])
    const twice = await mcp(ledger.agent, '{"jsonrpc":"2.0","id":1,"id":2,"method":"ping"}')
    assert.deepEqual([twice.status, (twice.body['error'] as { code: number }).code], [400, -32700])
    const large = await mcp(ledger.agent, { ...initialize, padding: 'x'.repeat(1 << 20) })
    assert.equal(large.status, 413)
    const typed = await mcp(ledger.agent, initialize, { 'content-type': 'text/plain' })
    assert.equal(typed.status, 415)
    assert.equal((await mcp(ledger.agent, initialize)).status, 200)
  })

  test('nothing of all this was a bug', () => assert.deepEqual(ledger.bugs, []))
})
