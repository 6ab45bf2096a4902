/**
 * In the seat of an agent that wants permission: its credential against every route and every MCP message, everything that it could write, and code
 * of its own in the sandbox. Whatever is answered, authority stays byte for byte what it was, and no door knows where the warden is.
 */
import assert from 'node:assert/strict'
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { after, before, describe, test } from 'node:test'
import { allRoutes } from '../../src/doors/http/routes.ts'
import { sha256Hex } from '../../src/model/ids.ts'
import { withWarden } from '../../src/warden/operate.ts'
import { ask, openLedger, type Answer, type Ledger } from '../support/doors/open-ledger.ts'
import { openBank } from '../support/bank-system.ts'

let ledger: Ledger
before(async () => (ledger = await openLedger()))
after(() => ledger.close())

/** Everything that says who may do what: the published files, and the warden's own journal. */
async function authorityOf({ system: { dir } }: Ledger): Promise<string> {
  const folder = join(dir, 'authority')
  const files = readdirSync(folder).toSorted()
  const texts = files.map((file) => `${file} ${sha256Hex(readFileSync(join(folder, file), 'utf8'))}`)
  const place = { dir: join(dir, 'warden'), publishDir: folder }
  const { journal } = await withWarden(place, (warden) => warden.status())
  return [...texts, journal.count, journal.hash].join('\n')
}
async function unchanged(what: () => Promise<void>): Promise<void> {
  const before = await authorityOf(ledger)
  await what()
  assert.equal(await authorityOf(ledger), before)
  assert.deepEqual(ledger.bugs, [])
}

/** What an agent would send to whoever listens: one change of each thing that authority is. */
const WISHES: readonly object[] = [
  { id: 'mine', kind: 'agent', owner: null, roles: ['operator'], key: 'plk_x' },
  { policies: { 'all.cedar': 'permit (principal, action, resource);' } },
  { change: 'switch-off', id: 'sw-1' },
  { change: 'set-ceiling', ceiling: { name: 'refunds', limit: 1e12 } },
  { verdict: 'approve', approval: `apr_${'a'.repeat(26)}`, by: 'operator' },
  { request: '{"format":1}', operator: 'operator', signature: 'AAAA' },
  { decision: '{}', signature: 'AAAA' },
]

describe('an agent’s credential at the HTTP door', () => {
  for (const { method, path, id } of allRoutes())
    test(`${method} ${path}: changes no authority (${id})`, () =>
      unchanged(async () => {
        const address = ledger.url + path.replace(/\{[^}]+\}/g, 'operator')
        for (const body of method === 'GET' ? [undefined] : WISHES) {
          const headers = { 'idempotency-key': `attack-${id}` }
          const answer = await ask(address, ledger.agent, { method, headers, ...(body === undefined ? {} : { body }) })
          if (method !== 'GET') assert.ok(answer.status >= 400, `${answer.status} ${answer.text}`)
        }
      }))

  test('no route writes what the warden owns: each write is a known one', () => {
    const writes = allRoutes().filter(({ method }) => method !== 'GET')
    for (const { path } of writes)
      assert.doesNotMatch(path, /principal|polic|switch|ceiling|operator|authority|warden|stop/)
  })

  for (const path of [
    ...[
      'principals',
      'principals/agent',
      'policies',
      'switches',
      'switches/sw-1',
      'ceilings',
      'operators',
      'authority',
    ],
    ...['authority/000002.snapshot', 'warden', 'changes', 'requests', 'journal', 'stops/sw-1', 'audit', 'records/0'],
  ])
    test(`/v1/${path} takes no writing method`, () =>
      unchanged(async () => {
        for (const prefix of ['/v1/', '/'])
          for (const method of ['POST', 'PUT', 'PATCH', 'DELETE'])
            for (const token of [ledger.agent, ledger.operator]) {
              const answer = await ask(`${ledger.url}${prefix}${path}`, token, { method, body: WISHES[0] })
              assert.ok([404, 405].includes(answer.status), `${method} ${prefix}${path}: ${answer.status}`)
            }
      }))
})

describe('an agent’s credential at the MCP door', () => {
  const rpc = (method: string, params: object): Promise<Answer> =>
    ask(`${ledger.url}/mcp`, ledger.agent, {
      body: {
        ...{ jsonrpc: '2.0', id: 1, method },
        params: {
          ...params,
          _meta: {
            'io.modelcontextprotocol/protocolVersion': '2026-07-28',
            'io.modelcontextprotocol/clientCapabilities': {},
            'io.modelcontextprotocol/clientInfo': { name: 'attack', version: '1' },
          },
        },
      },
      headers: {
        accept: 'application/json, text/event-stream',
        'mcp-protocol-version': '2026-07-28',
        'mcp-method': method,
        ...('name' in params ? { 'mcp-name': String(params.name) } : {}),
      },
    })

  test('every method, known or made up, changes no authority', () =>
    unchanged(async () => {
      for (const method of [
        ...['initialize', 'ping', 'server/discover', 'tools/list', 'resources/list', 'resources/read', 'prompts/list'],
        ...['prompts/get', 'completion/complete', 'logging/setLevel', 'tasks/get', 'tasks/cancel', 'tasks/update'],
        ...['resources/write', 'authority/set', 'principals/add', 'policies/set', 'switches/off', 'warden/changes'],
      ])
        for (const wish of WISHES) await rpc(method, { uri: 'file:///warden/warden.db', ...wish })
    }))

  test('no tool of an agent is the engine’s, and the names of such tools are no tools', () =>
    unchanged(async () => {
      const listed = (await rpc('tools/list', {})).body['result'] as { tools: readonly { name: string }[] }
      assert.deepEqual(
        listed.tools.map(({ name }) => name).filter((name) => name.startsWith('plinth')),
        ['plinth_outcome'], // which reads
      )
      for (const name of [
        ...['plinth_approve', 'plinth.approve', 'plinth_attest', 'plinth.adopt', 'plinth.activate', 'plinth.stop'],
        ...['plinth_import', 'principals', 'policy_apply', 'switch_off', 'set_ceiling', '__proto__', 'constructor'],
      ])
        for (const wish of WISHES) {
          const { body } = await rpc('tools/call', { name, arguments: wish })
          const result = body['result'] as { isError?: boolean } | undefined
          assert.ok(body['error'] !== undefined || result?.isError === true, `${name}: ${JSON.stringify(body)}`)
        }
    }))
})

test('the running system tells nobody where the warden’s door is', async () => {
  const told = await Promise.all(
    ['/v1/self', '/openapi.json', '/v1/records?limit=200'].map((path) => ask(ledger.url + path, ledger.operator)),
  )
  for (const { text } of told) assert.doesNotMatch(text, /operator\.sock|door\.json|warden\.db|PRIVATE KEY/)
})

describe('code of the agent’s own in the sandbox', () => {
  const HOSTILE = join(import.meta.dirname, 'hostile')

  test('cannot append to what the engine owns', async (t) => {
    const bank = await openBank(t, { application: HOSTILE })
    const before = readdirSync(join(bank.dir, 'authority')).toSorted()
    for (const [entity, id, event] of [
      ['plinth.authority', 'snapshots', 'adopted'],
      ['plinth.approval', `apr_${'a'.repeat(26)}`, 'approved'],
      ['plinth.stop', 'sw-1', 'reported'],
      ['plinth.release', 'hostile', 'activated'],
      ['plinth.run', 'run-1', 'attested'],
    ] as const)
      await assert.rejects(
        bank.do('append', { entity, id, event }),
        /application-(output-invalid|failed)/,
        `${entity} is not the application's`,
      )
    assert.deepEqual(readdirSync(join(bank.dir, 'authority')).toSorted(), before)
  })

  test('finds no way to files, processes, network or the warden', async (t) => {
    const bank = await openBank(t, { application: HOSTILE })
    for (const code of [
      'process.env.HOME',
      'process.getBuiltinModule("fs").readFileSync("/etc/passwd")',
      'require("node:fs").readdirSync("/")',
      'globalThis.process.mainModule.require("child_process")',
      'import("node:net")',
      'fetch("http://127.0.0.1/")',
      'new WebSocket("ws://127.0.0.1/")',
      'new SharedArrayBuffer(8)',
      'WebAssembly.compile(new Uint8Array())',
    ]) {
      const outcome = await bank.do('reach', { code }).catch((error: unknown) => error as Error)
      if (outcome instanceof Error) assert.match(outcome.message, /^(application-failed|limit-exceeded)/, code)
      else assert.match(JSON.stringify(outcome), /"got":"refused: /, `${code}: ${JSON.stringify(outcome)}`)
    }
  })
})
