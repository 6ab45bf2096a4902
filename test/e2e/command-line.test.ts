/** The command line against a running system: one shop, its agent, its operator, from first start to audit. */
import assert from 'node:assert/strict'
import { readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { after, before, describe, test } from 'node:test'
import { COMMANDS } from '../../src/doors/cli/commands.ts'
import { commandHelp } from '../../src/doors/cli/help.ts'
import {
  plinth,
  send,
  startPlinth,
  STARTER,
  temporaryFolder,
  type Folder,
  type Started,
} from '../support/plinth-process.ts'

describe('a shop, run from the command line', () => {
  let folder: Folder
  let shop: Started
  let dir: string
  const run = (...args: string[]) => plinth(args, { env: { PLINTH_DIR: dir } })
  const json = async (...args: string[]) => {
    const finished = await run(...args, '--json')
    assert.equal(finished.code, 0, finished.stderr)
    return finished.json()
  }
  const items = async (...args: string[]) => (await json(...args))['items'] as { [member: string]: unknown }[]

  before(async () => {
    folder = await temporaryFolder()
    dir = join(folder.path, 'data')
    shop = await startPlinth('start', ['--app', STARTER, '--dir', dir])
    await send(shop, 'add_product', 'add-tea', { productId: 'tea', name: 'Tea', price: 450, stock: 300 })
    await send(shop, 'sell', 'sell-2', { productId: 'tea', count: 2 })
  })
  after(async () => {
    await shop.stop('SIGKILL')
    await folder[Symbol.asyncDispose]()
  })

  test('start says where the doors are and hands out working credentials', async () => {
    assert.equal(shop.document['kind'], 'started')
    assert.equal((await fetch(`${shop.url}/openapi.json`)).status, 200)
    assert.equal((await send(shop, 'sell', 'forged', { productId: 'tea', count: 1 }, 'plk_forged')).status, 401)
    const { mcpServers } = shop.document['mcp'] as { mcpServers: { shop: { url: string } } }
    assert.equal(mcpServers.shop.url, shop.mcpUrl)
  })

  test('what start suggests to try works as it stands', async () => {
    const suggestions = shop.document['tryNext'] as string[]
    assert.ok(suggestions.length >= 3)
    for (const suggestion of suggestions) {
      const words = [...suggestion.matchAll(/'([^']*)'|(\S+)/g)].map((match) => match[1] ?? match[2] ?? '')
      assert.deepEqual(words.slice(0, 2), ['npx', 'plinth'])
      const { code, stderr } = await run(...words.slice(2))
      assert.equal(code, 0, `${suggestion}: ${stderr}`)
    }
  })

  test('state shows the system, an entity now and as it was, and a read model', async () => {
    assert.equal((await json('state'))['application'], 'shop')
    assert.deepEqual((await json('state', 'product', 'tea'))['state'], { name: 'Tea', price: 450, stock: 298 })
    const [added] = await items('ops', '--action', 'add_product')
    const earlier = await json('state', 'product', 'tea', '--at', String(added?.['position']))
    assert.deepEqual(earlier['state'], { name: 'Tea', price: 450, stock: 300 })
    const [row] = await items('state', '--model', 'shelf', '--where', '{"name":"Tea"}')
    assert.deepEqual(row, { id: 'tea', key: '', row: { name: 'Tea', stock: 298 } })
  })

  test('why explains a change, each line with its kind', async () => {
    const [sold] = await items('ops', '--action', 'sell')
    const answer = await json('why', String(sold?.['operation']))
    const lines = answer['lines'] as { kind: string; label: string; value: unknown }[]
    assert.ok(lines.every(({ kind }) => ['recorded', 'derived', 'unknown'].includes(kind)))
    assert.ok(
      lines.some(({ kind, value }) => kind === 'recorded' && JSON.stringify(value).includes('agents-run-the-shop')),
    )
    const text = await run('why', String(sold?.['operation']))
    for (const { label } of lines) assert.ok(text.stdout.includes(label), label)
  })

  test('log shows the record of an operation by its id', async () => {
    const [sold] = await items('ops', '--action', 'sell')
    const shown = await json('log', 'show', String(sold?.['operation']))
    assert.equal((shown['record'] as { op: string }).op, sold?.['operation'])
    const tail = await run('log', 'tail', '--limit', '2', '--json')
    assert.equal(
      tail.stdout
        .trim()
        .split('\n')
        .map((line) => JSON.parse(line) as unknown).length,
      2,
    )
  })

  test('a held sale is approved by a person, once, and only by saying so', async () => {
    const held = await send(shop, 'sell', 'sell-20', { productId: 'tea', count: 20 })
    assert.deepEqual([held.status, held.body['kind']], [202, 'held'])
    const approval = String(held.body['approval'])
    assert.equal((await items('approvals', 'list'))[0]?.['approval'], approval)
    const unasked = await run('approvals', 'approve', approval)
    assert.equal(unasked.code, 2)
    assert.match(unasked.stderr, /binds\s+[0-9a-f]{64}/)
    const approved = await json('approvals', 'approve', approval, '--reason', 'a regular', '--yes')
    assert.equal(approved['outcome'], 'committed')
    assert.equal((await run('approvals', 'approve', approval, '--yes')).code, 1)
    assert.deepEqual((await json('state', 'product', 'tea'))['state'], { name: 'Tea', price: 450, stock: 278 })
  })

  test('a held sale is refused by a person, and nothing is sold', async () => {
    const held = await send(shop, 'sell', 'sell-30', { productId: 'tea', count: 30 })
    const refused = await json('approvals', 'refuse', String(held.body['approval']), '--yes')
    assert.equal(refused['kind'], 'decided')
    const { code } = await run('approvals', 'approve', String(held.body['approval']), '--yes')
    assert.equal(code, 1)
    assert.deepEqual((await json('state', 'product', 'tea'))['state'], { name: 'Tea', price: 450, stock: 278 })
  })

  test('a principal is added, works, is revoked, and does not work any more', async () => {
    const added = await json(
      'principals',
      'add',
      'bob',
      '--kind',
      'agent',
      '--owner',
      'operator',
      '--role',
      'agent',
      '--yes',
    )
    assert.equal(added['outcome'], 'adopted')
    assert.ok(Number(added['ms']) > 0)
    const { apiKey } = added['credential'] as { apiKey: string }
    const input = { productId: 'tea', count: 1 }
    assert.equal((await send(shop, 'sell', 'bob-1', input, apiKey)).body['kind'], 'committed')
    assert.equal((await json('principals', 'revoke', 'bob', '--yes'))['outcome'], 'adopted')
    assert.equal((await send(shop, 'sell', 'bob-2', input, apiKey)).body['code'], 'principal-revoked')
    const bob = (await items('principals', 'list')).find(({ id }) => id === 'bob')
    assert.deepEqual([bob?.['revoked'], bob?.['epoch']], [true, 2])
  })

  test('a credential file is for its owner alone, and never written over', async () => {
    const out = join(folder.path, 'carol.json')
    await json(
      'principals',
      'add',
      'carol',
      '--kind',
      'human',
      '--role',
      'operator',
      '--approver',
      '--out',
      out,
      '--yes',
    )
    assert.ok((JSON.parse(await readFile(out, 'utf8')) as { approvalKey: string }).approvalKey.includes('PRIVATE KEY'))
    const again = await run('principals', 'add', 'dave', '--kind', 'human', '--out', out, '--yes')
    assert.equal(again.code, 2)
    assert.ok(!(await items('principals', 'list')).some(({ id }) => id === 'dave'))
  })

  test('policies are shown as a difference, published, and decide at once', async () => {
    const policies = join(STARTER, 'policies')
    assert.deepEqual((await json('policy', 'diff', policies))['changes'], [])
    const stricter = join(folder.path, 'policies')
    const { cp } = await import('node:fs/promises')
    await cp(policies, stricter, { recursive: true })
    const text = await readFile(join(stricter, 'shop.cedar'), 'utf8')
    await writeFile(join(stricter, 'shop.cedar'), text.replace('context.input.count > 10', 'context.input.count > 1'))
    assert.equal((await run('policy', 'apply', stricter)).code, 2)
    assert.equal((await json('policy', 'apply', stricter, '--yes'))['outcome'], 'adopted')
    assert.equal((await send(shop, 'sell', 'sell-two', { productId: 'tea', count: 2 })).body['kind'], 'held')
    assert.equal((await json('policy', 'apply', policies, '--yes'))['outcome'], 'adopted')
  })

  test('a policy that does not fit the application is never signed', async () => {
    const wrong = join(folder.path, 'wrong')
    const { mkdir } = await import('node:fs/promises')
    await mkdir(wrong)
    await writeFile(join(wrong, 'a.cedar'), '@id("a") permit (principal, action == Action::"no_such", resource);')
    const before = (await json('policy', 'status'))['newest']
    const refused = await run('policy', 'apply', wrong, '--yes')
    assert.equal(refused.code, 1)
    assert.match(refused.stderr, /no_such/)
    assert.equal((await json('policy', 'status'))['newest'], before)
  })

  test('the operator’s key is never sent to a system that somebody else names', async () => {
    const { code, stderr } = await run('state', '--url', shop.url)
    assert.equal(code, 4, stderr)
    assert.equal((await run('state', '--url', shop.url, '--token', shop.operatorKey)).code, 0)
  })

  test('the warden’s journal is shown in parts, each linked to the one before', async () => {
    const all = (await run('warden', 'journal')).stdout.trimEnd().split('\n')
    assert.ok(all.length >= 3)
    const part = await run('warden', 'journal', '--from', '1', '--limit', '2')
    assert.deepEqual(part.stdout.trimEnd().split('\n'), all.slice(1, 3))
    assert.equal(part.stderr, all.length > 3 ? 'more: --from 3\n' : '')
    assert.equal((await run('warden', 'journal', '--from', String(all.length))).stdout, '')
  })

  test('reach says each condition once, whichever actions depend on it', async () => {
    const { code, stdout } = await run('reach', 'agent')
    assert.equal(code, 0)
    const conditions = stdout.split('\n').filter((line) => line.startsWith('depends on '))
    assert.equal(conditions.filter((line) => line.includes('large-sales-need-a-person')).length, 1)
    assert.match(conditions.join('\n'), / \(sell\)$/m)
  })

  test('verify audits beside the running system', async () => {
    const report = await json('verify')
    assert.equal(report['verdict'], 'valid')
    assert.deepEqual(report['findings'], [])
  })

  test('the log is exported whole, and what is there is not written over', async () => {
    const head = await json('state')
    for (const format of ['bundle', 'jsonl']) {
      const out = join(folder.path, `log.${format}`)
      const exported = await json('log', 'export', out, '--format', format)
      assert.equal(exported['records'], head['treeSize'])
      assert.notEqual(exported['matchesCheckpoint'], false)
      assert.equal((await readFile(out)).length, exported['bytes'])
      assert.equal((await run('log', 'export', out)).code, 2)
    }
    const lines = (await readFile(join(folder.path, 'log.jsonl'), 'utf8')).trim().split('\n')
    assert.equal(lines.length, head['treeSize'])
  })

  test('a second process on the same data directory is turned away', async () => {
    const { code, stderr } = await plinth(['start', '--app', STARTER, '--dir', dir, '--port', '0'])
    assert.equal(code, 75)
    assert.match(stderr, /data-directory-locked/)
  })

  // Those whose `--json` no other test reads are asked for it here.
  const READING: readonly (readonly [words: readonly string[], json: boolean])[] = [
    [['state'], false],
    [['state', 'product'], true],
    [['ops'], false],
    [['log', 'tail'], false],
    [['approvals', 'list'], false],
    [['principals', 'list'], false],
    [['policy', 'show'], true],
    [['policy', 'status'], false],
    [['release', 'show'], true],
    [['release', 'build', STARTER], true],
    [['verify'], false],
  ]
  for (const [words, json] of READING)
    test(`\`plinth ${words.slice(0, 2).join(' ')}\`: piped, it holds no escape byte${json ? ', and --json parses' : ''}`, async () => {
      const text = await run(...words)
      assert.equal(text.code, 0, text.stderr)
      assert.ok(!`${text.stdout}${text.stderr}`.includes('\u001b'))
      if (!json) return
      const { stdout, code } = await run(...words, '--json')
      assert.equal(code, 0)
      assert.equal(typeof (JSON.parse(stdout) as { kind: unknown }).kind, 'string')
    })

  test('a second start finds the same data, and one Ctrl-C stops cleanly', async () => {
    const before = await json('state')
    // npm passes on what the terminal has sent already: one press may come twice. Held meanwhile, it gets both at once, however busy the machine.
    for (const signal of ['SIGSTOP', 'SIGINT', 'SIGTERM'] as const) shop.child.kill(signal)
    assert.equal(await shop.stop('SIGCONT'), 0)
    assert.equal((await run('state')).code, 75)
    assert.equal((await json('verify'))['verdict'], 'valid')
    shop = await startPlinth('start', ['--app', STARTER, '--dir', dir])
    const after = await json('state')
    assert.equal(shop.document['firstStart'], false)
    assert.deepEqual([after['position'], after['rootHash']], [before['position'], before['rootHash']])
  })
})

describe('without a system', () => {
  const WRONG: readonly (readonly string[])[] = [
    ['nonsense'],
    ['why'],
    ['ops', '--limit', '1000'],
    ['log', 'sideways'],
    ['approvals'],
    ['principals', 'add', 'x'],
    ['start', '--port', 'four'],
  ]
  for (const words of WRONG)
    test(`\`plinth ${words.join(' ')}\` is a usage problem`, async () => {
      const { code, stdout, stderr } = await plinth(words, { env: { PLINTH_URL: 'http://127.0.0.1:9' } })
      assert.equal(code, 2, stderr)
      assert.equal(stdout, '')
      assert.match(stderr, /^usage: [\s\S]*\n {2}next: /)
    })

  test('with --json a problem is one document on stdout', async () => {
    const { code, json } = await plinth(['nonsense', '--json'])
    assert.deepEqual([code, json()['kind'], json()['code']], [2, 'problem', 'usage'])
  })

  test('every command has its help, and the overview names them all', async () => {
    const { code, stdout } = await plinth(['--help'])
    assert.equal(code, 0)
    for (const command of COMMANDS) {
      assert.match(stdout, new RegExp(`^  ${command.name} `, 'm'))
      assert.match(commandHelp(command), new RegExp(`usage: plinth ${command.name}`))
    }
    const asked = await plinth(['why', '--help'])
    assert.deepEqual([asked.code, asked.stdout.startsWith('plinth why')], [0, true])
  })

  test('what is not a plinth system is told apart from one', async () => {
    await using folder = await temporaryFolder()
    const { code, stderr } = await plinth(['state', '--url', 'http://127.0.0.1:9', '--token', 'x'], {
      cwd: folder.path,
    })
    assert.equal(code, 75)
    assert.match(stderr, /system-unreachable/)
  })
})
