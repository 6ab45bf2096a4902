/** The two harnesses on a small data set made here: what is right matches, what is wrong is found, and bad files are named. */
import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { mkdtempSync, mkdirSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, test } from 'node:test'
import { generate } from '../../examples/airline/generate.ts'
import airline from '../../examples/airline/index.ts'
import { World } from '../../examples/support/world.ts'
import type { JsonObject } from '../../src/model/json.ts'
import { runProbes } from '../probes.ts'
import { runTasks } from '../tau.ts'
import { digestOf, stateDigest } from './digest.ts'
import { DOMAINS } from './domains.ts'
import { readOptions } from './options.ts'
import { factsAtStart, factsBefore } from './served.ts'
import type { Task } from './served.ts'

const folder = mkdtempSync(join(tmpdir(), 'plinth-harness-'))
after(() => rmSync(folder, { recursive: true, force: true }))

const records = generate()
const business = records.reservations.find(
  ({ value }) =>
    value.cabin === 'business' &&
    value.flights.every(({ date }) => date > '2024-05-15') &&
    records.users.some(({ id, value: user }) => id === value.user_id && user.membership !== 'regular'),
)!.value
const stranger = records.users.find(({ id }) => id !== business.user_id)!.id

const lines = (values: readonly unknown[]): string => values.map((value) => `${JSON.stringify(value)}\n`).join('')
const file = (name: string, values: readonly unknown[]): string => {
  const path = join(folder, name)
  writeFileSync(path, lines(values))
  return path
}
mkdirSync(join(folder, 'db'))
for (const [name, values] of Object.entries(records)) file(`db/${name}.jsonl`, values)

const task: Task = {
  id: 'cancelled',
  instruction: 'Your flights were delayed; cancel the trip and ask for a gesture.',
  actions: [
    { name: 'get_reservation_details', arguments: { reservation_id: business.reservation_id } },
    { name: 'get_reservation_details', arguments: { reservation_id: 'NOBODY' } },
    { name: 'cancel_reservation', arguments: { reservation_id: business.reservation_id } },
    { name: 'send_certificate', arguments: { user_id: business.user_id, amount: 50 * business.passengers.length } },
    { name: 'calculate', arguments: { expression: '2 * 3' } },
  ],
}

/** The same calls by the application alone, without a system around it. */
async function expectedOf({ id, actions }: Task): Promise<JsonObject> {
  const { collections, nowMs } = DOMAINS.airline
  const world = new World(airline)
  for (const [name, values] of Object.entries(records)) world.import(name, values as readonly unknown[])
  const outcomes: JsonObject[] = []
  for (const { name, arguments: input } of actions) {
    const { kind, result } = await world.run(name, input, { nowMs: nowMs ?? 0 })
    outcomes.push(
      kind === 'accepted' ? { ok: true, result_sha256: digestOf(result) } : { ok: false, code: 'not_found' },
    )
  }
  const digests = collections.map(({ name, entity, recordOf }) => {
    const ids = world.ids(entity)
    return [name, new Map(ids.map((id) => [id, digestOf(recordOf(id, world.state(entity, id)))]))] as const
  })
  return { id, outcomes, state_sha256: stateDigest(new Map(digests)), changed: [] }
}

test('a task whose calls and state are as expected matches; another outcome, result or state does not', async () => {
  const right = await expectedOf(task)
  const outcomes = right['outcomes'] as readonly JsonObject[]
  const wrong = [
    { ...right, id: 'state', state_sha256: '0'.repeat(64) },
    { ...right, id: 'result', outcomes: [{ ok: true, result_sha256: '0'.repeat(64) }, ...outcomes.slice(1)] },
    { ...right, id: 'outcome', outcomes: [{ ok: false, code: 'not_found' }, ...outcomes.slice(1)] },
    { ...right, id: 'strict', state_sha256: '0'.repeat(64), strict: right },
  ]
  const tasks = file('tasks.jsonl', [task, ...wrong.map(({ id }) => ({ ...task, id }))])
  const expected = file('expected.jsonl', [right, ...wrong])
  const options = readOptions(
    ['--domain', 'airline', '--data', folder, '--tasks', tasks, '--expected', expected, '--json', '--keep', 'none'],
    ['tasks', 'expected'],
  )
  const report = await runTasks(options)
  assert.deepEqual(
    report.mismatched.map(({ id }) => id),
    ['state', 'result', 'outcome'],
  )
  assert.deepEqual([report.tasks, report.matched, report.strict, report.calls], [5, 2, 1, 25])
})

test('a probe gets its verdict and rule; a wrong expectation is found', async () => {
  const context = { user_id: business.user_id, confirmed: true, reason: 'other' }
  const probe = {
    tool: 'cancel_reservation',
    args: { reservation_id: business.reservation_id },
    context,
    verdict: 'permit',
    rule: 'cancel:business',
  }
  const probes = [
    { ...probe, id: 'permitted' },
    { ...probe, id: 'again' },
    {
      ...probe,
      id: 'stranger',
      context: { ...context, user_id: stranger },
      verdict: 'deny',
      rule: 'owner:not-the-users',
    },
    { ...probe, id: 'held', context: { ...context, confirmed: false }, verdict: 'hold', rule: 'confirm:first' },
    { ...probe, id: 'wrong-verdict', verdict: 'deny' },
    { ...probe, id: 'wrong-rule', rule: 'cancel:within-24h' },
    { ...probe, id: 'unknown-fact', context: { ...context, mood: 'bad' } },
  ]
  const path = file('probes.jsonl', probes)
  const options = readOptions(['--domain', 'airline', '--data', folder, '--probes', path], ['probes'])
  const report = await runProbes(options)
  assert.deepEqual(
    report.wrong.map(({ id }) => id),
    ['wrong-verdict', 'unknown-fact'],
  )
  assert.deepEqual(
    report.otherRule.map(({ id }) => id),
    ['wrong-rule'],
  )
  assert.deepEqual([report.probes, report.right, report.ruleNamed], [7, 5, 4])
})

test('the front door knows the customer from the calls, and what a certificate is for', () => {
  const known = new Map(
    Object.entries(records).map(([name, values]) => [
      name,
      new Map((values as readonly { id: string; value: JsonObject }[]).map(({ id, value }) => [id, value])),
    ]),
  )
  assert.deepEqual(factsAtStart('airline', task, known), {
    user_id: business.user_id,
    confirmed: true,
    reason: 'health',
  })
  assert.deepEqual(factsBefore('airline', task, task.actions[3]!, known), {
    fact_confirmed: true,
    asked_by_user: true,
    reservation_id: business.reservation_id,
    complaint: 'delayed',
    changed_or_cancelled: true,
  })
  const named = { id: 'text', instruction: 'Your user id is mia_li_3668.', actions: [] }
  assert.deepEqual(factsAtStart('retail', named, known), { user_id: 'mia_li_3668', confirmed: true })
})

for (const [why, args, said] of [
  ['an unknown domain', ['--domain', 'railway'], 'must be one of retail, airline'],
  ['a folder without records', ['--domain', 'airline', '--data', join(folder, 'nothing')], 'holds no folder `db`'],
  ['an unknown option', ['--domain', 'airline', '--data', folder, '--fast'], '--fast'],
  ['a file that is not there', ['--domain', 'airline', '--data', folder, '--tasks', 'none.jsonl'], 'there is no file'],
  ['a line that is not JSON', ['--domain', 'airline', '--data', folder, '--tasks', 'BROKEN'], 'line 2 is not JSON'],
] as const)
  test(`${why} ends with exit code 2 and a sentence`, () => {
    const broken = join(folder, 'broken.jsonl')
    writeFileSync(broken, `${JSON.stringify(task)}\n{"id":\n`)
    const expected = file('none-expected.jsonl', [])
    const tool = join(import.meta.dirname, '../tau.ts')
    const given = args.map((argument) => (argument === 'BROKEN' ? broken : argument))
    const ran = spawnSync(process.execPath, [tool, ...given, '--expected', expected], { encoding: 'utf8' })
    assert.equal(ran.status, 2, ran.stderr)
    assert.match(ran.stderr, new RegExp(said))
    assert.equal(ran.stdout, '')
  })
