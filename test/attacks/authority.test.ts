/**
 * In the seat of an agent that wants permission: its credential against every route and every MCP message, everything that it could write, and code
 * of its own in the sandbox. Whatever is answered, authority stays byte for byte what it was, so do the log so far and what waits for approval, the
 * engine writes nothing of its own, and no door knows where the warden is. Routes come from the route table and messages from the SDK, so that a new
 * one is tried without being named here.
 */
import assert from 'node:assert/strict'
import { generateKeyPairSync } from 'node:crypto'
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { after, before, describe, test } from 'node:test'
import { specTypeSchemas } from '@modelcontextprotocol/server'
import { allRoutes } from '../../src/doors/http/routes.ts'
import { sha256Hex } from '../../src/model/ids.ts'
import { signApproval } from '../../src/warden/approval-decision.ts'
import type { ApprovalDecision } from '../../src/warden/authority.ts'
import { withWarden } from '../../src/warden/operate.ts'
import { ask, openLedger, type Answer, type Ledger } from '../support/doors/open-ledger.ts'
import { openBank } from '../support/bank-system.ts'

let ledger: Ledger
/** Waits for an operator all the while: what an agent would like to approve. */
let held: { readonly approval: string; readonly operation: string; readonly account: string }
before(async () => {
  ledger = await openLedger()
  const call = (command: string, input: object) =>
    ask(`${ledger.url}/v1/commands/${command}`, ledger.agent, {
      body: input,
      headers: { 'idempotency-key': `before-${command}` },
    })
  const account = 'held-1'
  assert.equal((await call('open_account', { accountId: account, owner: 'ann' })).status, 200)
  const waits = await call('close_account', { accountId: account })
  assert.equal(waits.body['kind'], 'held', waits.text)
  held = { approval: String(waits.body['approval']), operation: String(waits.body['operation']), account }
})
after(() => ledger.close())

const byOperator = (path: string): Promise<Answer> => ask(ledger.url + path, ledger.operator)
interface Line {
  readonly line: string
}
async function log(): Promise<readonly string[]> {
  const lines: string[] = []
  for (let from: string | null = '0'; from !== null;) {
    const { body, text } = await byOperator(`/v1/records?limit=200&from=${from}`)
    assert.ok(Array.isArray(body['items']), text)
    lines.push(...(body['items'] as readonly Line[]).map(({ line }) => line))
    from = body['next'] as string | null
  }
  return lines
}

interface Standing {
  /** The published files, and the warden's own journal: everything that says who may do what. */
  readonly authority: string
  readonly approval: unknown
  readonly log: readonly string[]
}
async function standing(): Promise<Standing> {
  const { dir } = ledger.system
  const folder = join(dir, 'authority')
  const files = readdirSync(folder).toSorted()
  const texts = files.map((file) => `${file} ${sha256Hex(readFileSync(join(folder, file), 'utf8'))}`)
  const place = { dir: join(dir, 'warden'), publishDir: folder }
  const { journal } = await withWarden(place, (warden) => warden.status())
  return {
    authority: [...texts, journal.count, journal.hash].join('\n'),
    approval: (await byOperator(`/v1/approvals/${held.approval}`)).body,
    log: await log(),
  }
}
/** What the agent's own commands may append is its own; the engine's streams are not. */
async function unchanged(what: () => Promise<void>): Promise<void> {
  const before = await standing()
  await what()
  const after = await standing()
  assert.equal(after.authority, before.authority)
  assert.deepEqual(after.approval, before.approval)
  assert.deepEqual(after.log.slice(0, before.log.length), before.log)
  for (const line of after.log.slice(before.log.length)) assert.doesNotMatch(line, /"(?:stream|action)":"plinth\./)
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

/** A decision about what waits, in the operator's name and in the agent's own, signed with a key that the agent has made for itself. */
async function forgedDecisions(): Promise<readonly object[]> {
  const { body } = await byOperator(`/v1/approvals/${held.approval}`)
  const { privateKey } = generateKeyPairSync('ed25519')
  const pem = privateKey.export({ format: 'pem', type: 'pkcs8' }).toString()
  return ['operator', 'agent'].map((by) => {
    const decision = { format: 1, approval: held.approval, verdict: 'approve', binds: body['binds'], by, reason: '' }
    return signApproval({ ...decision, decidedAtMs: Date.now() } as ApprovalDecision, pem)
  })
}

const METHODS = ['GET', 'POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS'] as const
/** In place of what stands in braces in an address. */
const named = (): Readonly<Record<string, string>> => ({
  ...{ approval: held.approval, operation: held.operation, id: held.account, entity: 'plinth.authority' },
  ...{ command: 'open_account', query: 'find_accounts', model: 'accounts', run: 'run-1' },
})

describe('an agent’s credential at the HTTP door', () => {
  for (const { method: own, path, id } of allRoutes())
    test(`${own} ${path}: changes no authority (${id})`, () =>
      unchanged(async () => {
        const forged = await forgedDecisions()
        const wishes = [...WISHES, ...forged, { decisions: forged }]
        for (const value of [null, 'operator', '..%2f..%2fwarden', '%00']) {
          const address = ledger.url + path.replace(/\{([^}]+)\}/g, (_, name: string) => value ?? named()[name] ?? 'x')
          for (const method of METHODS)
            for (const body of method === 'GET' || method === 'OPTIONS' ? [undefined] : wishes) {
              const headers = { 'idempotency-key': `attack-${id}` }
              const { status, text } = await ask(address, ledger.agent, {
                ...{ method, headers },
                ...(body === undefined ? {} : { body }),
              })
              if (method !== 'GET') assert.ok(status >= 400 && status < 500, `${method} ${address}: ${status} ${text}`)
            }
          if (!path.includes('{')) break
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

/** Every request and notification that the protocol knows, in either direction: the SDK names the only value that its schema takes. */
const MCP_METHODS: readonly string[] = Object.entries(specTypeSchemas)
  .filter(([name]) => /(?:Request|Notification)$/.test(name))
  .flatMap(([, schema]) => {
    const checked = schema['~standard'].validate({ method: '?' }) as { readonly issues?: readonly MethodIssue[] }
    return (checked.issues ?? []).filter(({ path }) => path?.join() === 'method').flatMap(({ values }) => values ?? [])
  })
interface MethodIssue {
  readonly path?: readonly string[]
  readonly values?: readonly string[]
}
const MADE_UP = ['resources/write', 'authority/set', 'principals/add', 'policies/set', 'switches/off', 'warden/changes']

const MODERN = {
  _meta: {
    'io.modelcontextprotocol/protocolVersion': '2026-07-28',
    'io.modelcontextprotocol/clientCapabilities': {},
    'io.modelcontextprotocol/clientInfo': { name: 'attack', version: '1' },
  },
}
const ERAS = {
  '2026-07-28': MODERN,
  '2025-11-25': {},
} as const

for (const [era, extra] of Object.entries(ERAS))
  describe(`an agent’s credential at the MCP door, ${era}`, () => {
    /** Null for what answers with a stream that goes on, such as a subscription. */
    const rpc = async (method: string, params: object): Promise<Answer | null> => {
      try {
        return await ask(`${ledger.url}/mcp`, ledger.agent, {
          body: {
            ...{ jsonrpc: '2.0', method, params: { ...params, ...extra } },
            ...(method.startsWith('notifications/') ? {} : { id: 1 }),
          },
          headers: {
            accept: 'application/json, text/event-stream',
            'mcp-protocol-version': era,
            'mcp-method': method,
            ...('name' in params ? { 'mcp-name': String(params.name) } : {}),
          },
          timeoutMs: method === 'subscriptions/listen' ? 300 : 20_000,
        })
      } catch (error) {
        assert.equal((error as Error).name, 'TimeoutError', method)
        return null
      }
    }

    test('there are methods to try', () => {
      for (const method of ['tools/call', 'tasks/cancel', 'subscriptions/listen', 'notifications/initialized'])
        assert.ok(MCP_METHODS.includes(method), method)
      assert.ok(MCP_METHODS.length >= 30, String(MCP_METHODS.length))
    })

    for (const method of [...MCP_METHODS, ...MADE_UP])
      test(`${method} changes no authority`, () =>
        unchanged(async () => {
          const wishes = [{ uri: 'file:///warden/warden.db', ref: { type: 'ref/prompt', name: 'x' } }, ...WISHES]
          for (const wish of method === 'subscriptions/listen' ? wishes.slice(0, 2) : wishes) {
            const answer = await rpc(method, { taskId: held.operation, name: 'plinth_approve', ...wish })
            assert.ok(answer === null || answer.status < 500, `${method}: ${answer?.status} ${answer?.text}`)
          }
        }))

    test('no tool that is listed approves, attests or writes authority, whatever it is given', () =>
      unchanged(async () => {
        const listed = (await rpc('tools/list', {}))?.body['result'] as { tools: readonly { name: string }[] }
        const names = listed.tools.map(({ name }) => name)
        assert.deepEqual(
          names.filter((name) => name.startsWith('plinth')),
          ['plinth_outcome'], // which reads
        )
        const forged = await forgedDecisions()
        for (const name of names)
          for (const wish of [...WISHES, ...forged]) {
            const answer = await rpc('tools/call', { name, arguments: wish })
            assert.equal((answer?.body['result'] as { isError?: boolean }).isError, true, `${name}: ${answer?.text}`)
          }
      }))

    test('the names of what would write authority are no tools', () =>
      unchanged(async () => {
        for (const name of [
          ...['plinth_approve', 'plinth.approve', 'plinth_attest', 'plinth.adopt', 'plinth.activate', 'plinth.stop'],
          ...['plinth_import', 'principals', 'policy_apply', 'switch_off', 'set_ceiling', '__proto__', 'constructor'],
          ...allRoutes().map(({ id }) => id),
        ])
          for (const wish of WISHES) {
            const body = (await rpc('tools/call', { name, arguments: wish }))?.body
            const result = body?.['result'] as { isError?: boolean } | undefined
            assert.ok(body?.['error'] !== undefined || result?.isError === true, `${name}: ${JSON.stringify(body)}`)
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

  test('reads nothing of what the engine owns, and asks for no effect of the engine’s', async (t) => {
    const bank = await openBank(t, { application: HOSTILE })
    const refused = /application-(output-invalid|failed)/
    assert.equal((await bank.do('look', { way: 'find', name: 'texts', id: '' })).kind, 'committed')
    assert.equal((await bank.do('send', { name: 'whisper' })).kind, 'committed')
    for (const way of ['get', 'lookup'])
      for (const name of ['plinth.authority', 'plinth.approval', 'plinth.grant', 'plinth.run', 'plinth.release', ''])
        await assert.rejects(bank.do('look', { way, name, id: 'snapshots' }), refused, `${way} ${name}`)
    for (const name of ['plinth.approvals', 'approvals', 'note', '__proto__'])
      await assert.rejects(bank.do('look', { way: 'find', name, id: '' }), refused, name)
    for (const name of ['plinth.notify', 'plinth.approve', 'note', '__proto__', ''])
      await assert.rejects(bank.do('send', { name }), refused, name)
    const { queues } = await bank.engine.self(bank.operator, new AbortController().signal)
    assert.equal(queues.outbox, 1)
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
