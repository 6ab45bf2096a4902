import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { cpSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { after, test } from 'node:test'
import type { Manifest } from '../model/manifest.ts'
import { Problem } from '../model/problems.ts'
import { buildRelease } from './build.ts'
import type { Built } from './build.ts'
import { BUNDLE_BYTES_MAX } from './bundle.ts'
import type { GuestApplication } from './guest.ts'
import { namesItself } from './release.ts'
import { evaluateInIsolate } from '../../test/support/isolate.ts'

const home = mkdtempSync(join(tmpdir(), 'plinth-build-'))
after(() => rmSync(home, { recursive: true, force: true }))
let made = 0

/** An application in a new directory; `app.ts` is its entry. */
function sources(files: Readonly<Record<string, string>>): string {
  const directory = join(home, `application-${++made}`)
  for (const [name, text] of Object.entries({ 'package.json': '{"type":"module"}', ...files })) {
    mkdirSync(dirname(join(directory, name)), { recursive: true })
    writeFileSync(join(directory, name), text)
  }
  return join(directory, 'app.ts')
}

/** The real describing happens in a jailed cell; the build only needs something that runs the script elsewhere. */
const describe = (bundle: string): Promise<Manifest> =>
  new Promise((resolve) => resolve(JSON.parse(evaluateInIsolate(`(${bundle})()`)) as Manifest))
const build = (files: Readonly<Record<string, string>>): Promise<Built> => buildRelease(sources(files), { describe })

/** Evaluates a guest bundle in an isolate and answers with what `ask`, a script over `guest()`, says. */
const asked = (bundle: string, ask: string): unknown =>
  JSON.parse(evaluateInIsolate(`const guest = ${bundle}; JSON.stringify(${ask})`))

async function refusal(files: Readonly<Record<string, string>>): Promise<string> {
  try {
    await build(files)
  } catch (error) {
    assert.ok(error instanceof Problem, String(error))
    assert.equal(error.code, 'release-invalid')
    return error.detail
  }
  return assert.fail('it was built')
}

const SHOP = {
  'order.ts': `
    import { entity, money, readModel, invariant, effect, importer } from 'plinth'
    import { z } from 'zod'
    export const order = entity('order', {
      describe: 'What somebody bought.',
      state: z.object({ status: z.enum(['open', 'cancelled']), total: money(), note: z.string().optional() }),
      events: { placed: z.object({ total: money() }), cancelled: z.object({ reason: z.string().max(200) }), reinstated: z.object({}) },
      opens: ['placed'],
      evolve: {
        placed: (_none, { total }) => ({ status: 'open', total }),
        cancelled: (state) => ({ ...state, status: 'cancelled' }),
        reinstated: (state) => ({ ...state, status: 'open' }),
      },
    })
    export const openOrders = readModel('open-orders', {
      of: order, row: z.object({ status: z.string(), total: money() }), indexes: [['status', 'total']],
      from: ({ status, total }) => (status === 'open' ? { status, total } : null),
    })
    export const positive = invariant('positive', { of: order, holds: ({ total }) => total >= 0 })
    export const refund = effect('refund', { describe: 'Pay back.', payload: z.object({ amount: money() }), risk: 'irreversible' })
    export const orders = importer('orders', {
      of: order, event: 'placed', record: z.looseObject({ id: z.string(), total: z.number() }),
      map: ({ id, total }) => ({ id, data: { total: Math.round(total * 100) } }),
    })
  `,
  'app.ts': `
    import { application, command, query } from 'plinth'
    import { z } from 'zod'
    import { order, openOrders, positive, refund, orders } from './order.ts'
    const cancel = command('cancel_order', {
      describe: 'Cancel an order.',
      input: z.object({ reason: z.string(), order: order.id().describe('its number') }),
      refusals: { 'order-not-open': 'the order is not open any more' },
      appends: [order],
      async decide(tx, input) {
        const { status } = await tx.get(order, input.order)
        if (status !== 'open') return tx.refuse('order-not-open', { status })
        tx.append(order, input.order, 'cancelled', { reason: input.reason })
      },
      undo: (tx, done) => tx.append(order, done.input.order, 'reinstated', {}),
    })
    const payBack = command('pay_back', {
      describe: 'Pay an order back.', input: z.object({ order: order.id() }), effects: [refund],
      facts: z.object({ total: z.int() }), output: z.object({ paid: z.int() }),
      async decide(tx, input) {
        const { total } = await tx.get(order, input.order)
        tx.facts({ total })
        tx.effect(refund, { amount: total })
        return { paid: total }
      },
    })
    const find = query('find_open', {
      describe: 'Open orders.', input: z.object({}),
      read: async (tx) => (await tx.find(openOrders, { where: { status: 'open' }, order: ['total'] })).map(({ id }) => id),
    })
    export default application('shop', {
      describe: 'A shop.', entities: [order], commands: [cancel, payBack], queries: [find], readModels: [openOrders],
      effects: [refund], invariants: [positive], importers: [orders], attested: z.object({ customer: z.string().optional() }),
    })
  `,
}

test('a release says what was declared', async () => {
  const { release } = await build(SHOP)
  const { manifest } = release
  assert.ok(namesItself(release))
  assert.match(release.id, /^rel_[a-z2-7]{26}$/)
  assert.deepEqual(manifest.commands['cancel_order'], {
    describe: 'Cancel an order.',
    input: {
      type: 'object',
      properties: {
        reason: { type: 'string' },
        order: { type: 'string', minLength: 1, 'x-plinth-entity': 'order', description: 'its number' },
      },
      required: ['reason', 'order'],
      additionalProperties: false,
    },
    output: null,
    facts: null,
    refusals: {
      'order-not-open': 'the order is not open any more',
      'not-found': 'something that it needs does not exist',
    },
    targets: [{ entity: 'order', member: 'order' }],
    appends: ['order'],
    effects: [],
    destructive: false,
    hasUndo: true,
  })
  const payBack = manifest.commands['pay_back']
  assert.deepEqual([payBack?.appends, payBack?.effects, payBack?.destructive], [['order'], ['refund'], true])
  assert.equal((payBack?.facts as { type: string }).type, 'object')
  assert.deepEqual(manifest.entities['order']?.opens, ['placed'])
  assert.deepEqual(manifest.readModels['open-orders']?.indexes, [['status', 'total']])
  assert.deepEqual(manifest.importers['orders']?.record['additionalProperties'], {}, 'declared loose')
  assert.deepEqual(manifest.attested, {
    type: 'object',
    properties: { customer: { type: 'string' } },
    additionalProperties: false,
  })
})

test('the guest bundle gives the declarations, anew at every call, without zod', async () => {
  const { release } = await build(SHOP)
  assert.ok(release.bundle.length < 20_000, `${release.bundle.length} characters`)
  assert.equal(asked(release.bundle, 'guest() === guest()'), false)
  assert.equal(asked(release.bundle, 'guest().entities.order === guest().entities.order'), false)
  const guest = asked(release.bundle, 'guest()') as GuestApplication
  assert.equal(guest.name, 'shop')
  assert.deepEqual(
    asked(release.bundle, `guest().entities.order.evolve.cancelled({ total: 1, status: 'open' }, { reason: '' }, '1')`),
    { total: 1, status: 'cancelled' },
  )
  assert.deepEqual(asked(release.bundle, `guest().readModels['open-orders'].rows({ status: 'open', total: 2 }, '1')`), [
    { key: '', row: { status: 'open', total: 2 } },
  ])
  assert.deepEqual(
    asked(release.bundle, `guest().readModels['open-orders'].rows({ status: 'cancelled', total: 2 }, '1')`),
    [],
  )
  assert.deepEqual(asked(release.bundle, `guest().importers.orders.map({ id: '7', total: 1.5 }, 0)`), {
    id: '7',
    data: { total: 150 },
  })
  assert.deepEqual(asked(release.bundle, 'Object.values(guest().commands).map(({ facts }) => facts === null)'), [
    true,
    false,
  ])
  assert.equal(asked(release.bundle, `(function () { return this === undefined })()`), false)
  assert.equal(asked(release.bundle, `guest().entities.constructor === undefined`), true)
})

test('the same sources are the same release on any path; other sources are another', async () => {
  const here = sources(SHOP)
  const first = await buildRelease(here, { describe })
  const moved = join(home, 'moved', 'far', 'away')
  cpSync(dirname(here), moved, { recursive: true })
  const second = await buildRelease(join(moved, 'app.ts'), { describe })
  symlinkSync(moved, join(home, 'linked'))
  const third = await buildRelease(join(home, 'linked', 'app.ts'), { describe })
  assert.deepEqual(second.release, first.release)
  assert.deepEqual(third.release, first.release)
  assert.ok(!first.release.bundle.includes(home))
  const other = await build({
    ...SHOP,
    'app.ts': SHOP['app.ts'].replace(`status !== 'open'`, `status === 'cancelled'`),
  })
  assert.notEqual(other.release.id, first.release.id)
  assert.deepEqual(other.release.manifest, first.release.manifest)
})

const wrapped = (body: string) => ({
  'app.ts': `
    import { application, command, entity, effect, importer, query, readModel } from 'plinth'
    import { z } from 'zod'
    const thing = entity('thing', {
      state: z.object({ name: z.string() }), events: { made: z.object({}) }, initial: { name: '' }, evolve: { made: (state) => state },
    })
    const nothing = command('nothing', { describe: 'Does nothing.', input: z.object({}), decide: () => null })
    const app = (more = {}) => application('app', { describe: 'A test.', entities: [thing], commands: [nothing], ...more })
    ${body}
  `,
})

test('imports of what the sandbox has not are refused, naming file and import', async () => {
  for (const name of ['node:fs', 'fs', 'node:child_process', 'crypto', 'fs/promises']) {
    const detail = await refusal({
      'app.ts': `import './inner.ts'`,
      'inner.ts': `import * as it from '${name}'\nexport default it`,
    })
    assert.match(detail, /^`inner\.ts` line 1: /)
    assert.ok(detail.includes(`imports \`${name}\`: application code has no files, network or processes`), detail)
  }
  assert.match(await refusal({ 'app.ts': `import 'left-pad'` }), /imports `left-pad`, which is not there/)
  assert.match(await refusal({ 'app.ts': `import 'zod/mini'` }), /import `zod` itself/)
  assert.match(await refusal({ 'app.ts': `import 'plinth/client'` }), /only `plinth` itself/)
  assert.match(
    await refusal({ 'app.ts': `import it from 'https://example.org/it.js'; export default it` }),
    /imports `https/,
  )
})

test('files outside the application, hidden ones and other kinds are not read', async () => {
  writeFileSync(join(home, 'secret.json'), '{"key":"hunter2"}')
  const outside = await refusal({ 'app.ts': `import secret from '../secret.json'\nexport default secret` })
  assert.match(outside, /imports `\.\.\/secret\.json`, which lies outside the application/)
  const hidden = await refusal({
    'app.ts': `import secret from './.plinth/key.json'\nexport default secret`,
    '.plinth/key.json': '{}',
  })
  assert.match(hidden, /outside the application/)
  for (const mark of ['installation.json', 'warden.db']) {
    const credentials = await refusal({
      'app.ts': `import secret from './data/operator.json'\nexport default secret`,
      'data/operator.json': '{"apiKey":"plk_"}',
      [`data/${mark}`]: '{}',
    })
    assert.match(credentials, /outside the application/, `a data directory, known by its ${mark}`)
  }
  assert.match(
    await refusal({ 'app.ts': `import text from './note.txt'\nexport default text`, 'note.txt': '' }),
    /is not TypeScript, JavaScript or JSON/,
  )
  const linked = sources({ 'app.ts': `import secret from './link.json'\nexport default secret` })
  symlinkSync(join(home, 'secret.json'), join(dirname(linked), 'link.json'))
  await assert.rejects(buildRelease(linked, { describe }), /outside the application/)
})

test('an import with a pattern finds no more than one without', async () => {
  for (const form of ['import', 'require']) {
    const detail = await refusal({ 'app.ts': `export default (name: string) => ${form}('../' + name + '.json')` })
    assert.match(detail, /^`app\.ts` line 1: `\.\.\/.*json` lies outside the application/)
  }
})

test('a pattern does not follow links out either', async () => {
  const app = sources({ 'app.ts': `export default (name: string) => import('./' + name + '.json')` })
  writeFileSync(join(home, 'secret.json'), '{"key":"hunter2"}')
  symlinkSync(join(home, 'secret.json'), join(dirname(app), 'link.json'))
  await assert.rejects(buildRelease(app, { describe }), /lies outside the application/)
})

test('sources that crash the compiler fail their own build only', () => {
  const deep = sources({ 'app.ts': `export default ${'('.repeat(600_000)}` })
  const shallow = sources({ 'app.ts': 'export default 1' })
  // In a process of its own: the compiler prints its whole stack when it crashes.
  const script = `
    const { bundleApplication } = await import(${JSON.stringify(import.meta.resolve('./bundle.ts'))})
    const kinds = await Promise.allSettled([${JSON.stringify(deep)}, ${JSON.stringify(shallow)}].map(bundleApplication))
    console.log(kinds.map(({ status, reason }) => reason?.message ?? status).join('\\n'))`
  const { stdout } = spawnSync(process.execPath, ['--input-type=module', '--eval', script], {
    encoding: 'utf8',
    stdio: ['ignore', 'pipe', 'ignore'],
  })
  assert.deepEqual(stdout.trim().split('\n'), [
    'release-invalid: the compiler gave up on these sources: they are nested too deep',
    'fulfilled',
  ])
})

test('packages that the application has installed are bundled when they are pure', async () => {
  const { release } = await build({
    ...wrapped(`import { double } from 'doubling'; import { table } from './table.json' with { type: 'json' }
      export default app({ queries: [query('two', { describe: 'Two.', input: z.object({}), read: () => double(table[0]) })] })`),
    'table.json': '{"table":[21]}',
    'node_modules/doubling/package.json': '{"name":"doubling","main":"index.js"}',
    'node_modules/doubling/index.js': 'exports.double = (x) => 2 * x',
  })
  assert.equal(asked(release.bundle, 'guest().queries.two.read()'), 42)
  const impure = await refusal({
    ...wrapped(`import { list } from 'listing'; export default list`),
    'node_modules/listing/package.json': '{"name":"listing","main":"index.js"}',
    'node_modules/listing/index.js': `exports.list = require('fs').readdirSync`,
  })
  assert.match(impure, /`node_modules\/listing\/index\.js` line 1: imports `fs`/)
})

test('what does not compile, evaluate or declare is refused with its place', async () => {
  assert.match(await refusal({ 'app.ts': 'export default (' }), /^`app\.ts` line 1: /)
  assert.match(await refusal({ 'app.ts': 'export const app = 1' }), /No matching export .* "default"/)
  assert.match(await refusal({ 'app.ts': 'export default 1' }), /default export is not made by `application/)
  assert.match(await refusal({ 'app.ts': `throw new Error('no luck')` + '\nexport default 1' }), /no luck/)
  assert.match(await refusal({ 'app.ts': `export default await 1` }), /[Tt]op-level await/)
  assert.match(
    await refusal(wrapped(`export default app({ commands: [nothing, nothing] })`)),
    /command `nothing` is declared twice/,
  )
  await assert.rejects(buildRelease(join(home, 'absent.ts'), { describe }), /there is no file/)
})

test('what the describing side or the checks find is the release’s problem', async () => {
  const asks = (schema: string) =>
    wrapped(
      `export default app({ queries: [query('ask', { describe: 'Asks.', input: z.object({ x: ${schema} }), read: () => 1 })] })`,
    )
  assert.match(await refusal(asks('z.string().trim()')), /^input of `ask`: values are not transformed/)
  assert.match(await refusal(asks('z.string().regex(/^(?!b)a/)')), /cannot be matched in linear time/)
})

test('a bundle has a bound', async () => {
  const big = {
    ...wrapped(`import data from './data.json'; export default app({ describe: data })`),
    'data.json': JSON.stringify('x'.repeat(BUNDLE_BYTES_MAX)),
  }
  assert.match(await refusal(big), /more than 4194304/)
})

test('inside the guest a schema declares, and nothing else', async () => {
  const run = async (expression: string) => {
    const { release } = await build(
      wrapped(
        `export default app({ queries: [query('go', { describe: 'Goes.', input: z.object({}), read: () => ${expression} })] })`,
      ),
    )
    return asked(
      release.bundle,
      `(() => { try { return guest().queries.go.read() } catch (error) { return error.message } })()`,
    )
  }
  assert.match(String(await run(`z.string().parse(1)`)), /schemas do not parse inside the sandbox/)
  assert.match(String(await run(`z.object({ a: z.int() }).safeParse(1)`)), /schemas do not parse inside the sandbox/)
  assert.match(String(await run(`z.enum(['a']).enum.a`)), /`\.enum` of a schema cannot be read/)
  assert.equal(
    await run(`(z.object({ ...z.object({ a: z.int() }).shape, b: z.iso.date().optional() }).extend({}), 'fine')`),
    'fine',
  )
  assert.equal(await run(`(function () { return this === undefined })()`), true, 'strict')
  const namespaced = await build({
    'app.ts': `import * as z from 'zod'; import zed from 'zod'; import { application, query } from 'plinth'
      export default application('app', { describe: 'A test.', entities: [], commands: [],
        queries: [query('go', { describe: 'Goes.', input: z.object({ a: zed.string() }), read: () => 'gone' })] })`,
  })
  assert.equal(asked(namespaced.release.bundle, 'guest().queries.go.read()'), 'gone')
})
