/** Acknowledgement levels at the doors: HTTP, MCP and the typed client, against a real system with real witnesses. */
import assert from 'node:assert/strict'
import { test, type TestContext } from 'node:test'
import { client } from '../../src/client/client.ts'
import { memoryHeads } from '../../src/client/log/head-store.ts'
import { watchLog, type LogWatch } from '../../src/client/log/watch-log.ts'
import { openHttpDoor } from '../../src/doors/http/server.ts'
import { openMcpDoor } from '../../src/doors/mcp/door.ts'
import { ask } from '../support/doors/open-ledger.ts'
import type { Bank } from '../support/bank-system.ts'
import { openVault } from '../support/vault-system.ts'
import type { Witness } from '../support/witnesses.ts'
import type vaultApplication from '../support/vault/index.ts'

const EVERY_MS = 50
const LONG_MS = 60_000 // longer than any busy machine needs
const SHORT_MS = 300

/** A client's calls, over each of the doors. */
async function callsOf(t: TestContext, { engine, credentials }: Bank, log: LogWatch) {
  const onBug = (error: unknown): never => assert.fail(String(error))
  const door = await openHttpDoor({ engine, port: 0, mounts: [openMcpDoor({ engine, onBug })], onBug })
  t.after(() => door.close(1_000))
  const { url } = door
  const agent = credentials.agent.apiKey
  const put = (key: string, level: string) =>
    ask(`${url}/v1/commands/put`, agent, {
      body: { box: 'a' },
      headers: { 'idempotency-key': key, 'plinth-acknowledge': level },
    })
  const mcp = async (level: unknown, key: string) => {
    const _meta = { 'plinth/acknowledge': level, 'plinth/idempotencyKey': key }
    const { body } = await ask(`${url}/mcp`, agent, {
      body: { jsonrpc: '2.0', id: 1, method: 'tools/call', params: { name: 'put', arguments: { box: 'a' }, _meta } },
      headers: { accept: 'application/json, text/event-stream', 'mcp-protocol-version': '2025-11-25' },
    })
    return body['result'] as {
      isError?: boolean
      structuredContent: Record<string, unknown>
      _meta: Record<string, unknown>
    }
  }
  const box = client<typeof vaultApplication>(url, { token: agent, log }).commands
  return { url, agent, put, mcp, box }
}

test('HTTP, MCP and the client ask for a level, are told which it stands at, and lose nothing when it is not reached', async (t) => {
  const times = { everyMs: EVERY_MS, waitMs: LONG_MS }
  const { witnesses, policy, logVkey, vault } = await openVault(t, { names: ['one'], threshold: 1, ...times })
  const log = watchLog({ vkey: logVkey, heads: memoryHeads() })
  const { url, put, mcp, box } = await callsOf(t, vault, log)

  const witnessed = await put('h1', 'witnessed')
  assert.deepEqual([witnessed.status, witnessed.body['kind'], witnessed.body['level']], [200, 'committed', 'witnessed'])
  assert.match((witnessed.body['receipt'] as { proof: string }).proof, /— witness\.example\/one /)
  const attested = await ask(`${url}/v1/runs/r1/attested`, vault.frontDoor.bearer, {
    method: 'PUT',
    body: {},
    headers: { 'idempotency-key': 'f1', 'plinth-acknowledge': 'witnessed' },
  })
  assert.deepEqual([attested.status, attested.body['level']], [200, 'witnessed'], JSON.stringify(attested.body))
  const unknown = await put('h2', 'notarised')
  assert.deepEqual([unknown.status, unknown.body['code']], [400, 'malformed-request'])
  const missing = await put('h3', 'timestamped')
  assert.deepEqual(
    [missing.status, missing.body['code'], missing.body['retry']],
    [501, 'level-unavailable', 'same-key'],
  )
  assert.equal((await mcp('witnessed', 'm1')).structuredContent['level'], 'witnessed')
  assert.equal((await mcp(7, 'm2')).structuredContent['code'], 'malformed-request')
  const sealed = await box.seal({ box: 'b' })
  assert.deepEqual([sealed.kind, sealed.kind === 'committed' && sealed.level], ['committed', 'witnessed'])
  const signed = await box.put({ box: 'b' })
  assert.equal(signed.kind === 'committed' && signed.level, 'signed')

  await losesNothing(t, await vault.again({ acknowledgement: { witnessPolicy: policy, ...times, waitMs: SHORT_MS } }), {
    ...{ witness: witnesses[0] ?? assert.fail(), log },
  })
})

async function losesNothing(
  t: TestContext,
  vault: Bank,
  { witness, log }: { readonly witness: Witness; readonly log: LogWatch },
): Promise<void> {
  const { url, agent, put, mcp, box } = await callsOf(t, vault, log)
  await witness.kill()
  let waiting = await put('h4', 'witnessed')
  // On a busy machine nobody may have asked the witness yet: the same key waits once more.
  while (waiting.status === 202 && !/unreachable/.test(String(waiting.body['obstacle'])))
    waiting = await put('h4', 'witnessed')
  assert.deepEqual([waiting.status, waiting.body['kind'], waiting.body['level']], [202, 'awaiting', 'signed'])
  assert.equal(waiting.headers.get('location'), `/v1/operations/${String(waiting.body['operation'])}/outcome`)
  assert.match(String(waiting.body['obstacle']), /`one` unreachable/)
  const tool = await mcp('witnessed', 'm3')
  assert.deepEqual([tool.isError, tool.structuredContent['kind']], [undefined, 'awaiting'])
  assert.ok(tool._meta['plinth/receipt'] !== undefined)
  const pending = await box.seal({ box: 'c' }, { key: 'c1' })
  assert.equal(pending.kind, 'awaiting')
  const effects = await ask(`${url}/v1/effects?state=awaiting-witness`, vault.operator.bearer)
  assert.deepEqual([effects.status, effects.body['items']], [200, []])

  await witness.again()
  const outcome = await ask(`${url}${waiting.headers.get('location')}?waitMs=30000`, agent)
  assert.deepEqual([outcome.status, outcome.body['level']], [200, 'witnessed'])
  // A receipt under the newest witnessed head may be behind the head that a watching client keeps; it holds the two together.
  await box.put({ box: 'b' })
  const again = await box.seal({ box: 'c' }, { key: 'c1' })
  assert.deepEqual([again.kind, again.kind === 'committed' && again.replayed], ['committed', true])
}
