/**
 * `npm run tau -- --domain retail|airline`: an agent runs the data set's tasks over MCP, each against a fresh system, while a front door attests
 * whom it serves. Outcomes, results and the final state must be the expected ones, and the state as of each change must stay readable.
 *
 *   node tools/tau.ts --domain retail|airline [--data DIR] [--tasks FILE --expected FILE] [--keep DIR|none] [--json]
 *
 * The data directory of each task stays in `results/tau-<domain>/` (about 2 MB each; `--keep none` leaves nothing): `npm run audit` looks at them.
 *
 * With `--json` the last line is one object. Exit code 0: all match; 1: some do not; 2: the arguments or files cannot be used.
 */
import { existsSync } from 'node:fs'
import { mkdir, readdir, rm } from 'node:fs/promises'
import { join } from 'node:path'
import type { JsonObject } from '../src/model/json.ts'
import { Agent } from './tau/agent.ts'
import type { Called } from './tau/agent.ts'
import { stateDigest } from './tau/digest.ts'
import { DOMAINS } from './tau/domains.ts'
import type { DomainName } from './tau/domains.ts'
import { compare, expectedForm } from './tau/expected.ts'
import type { Expected } from './tau/expected.ts'
import { FreshSystems } from './tau/fresh-systems.ts'
import { attest } from './tau/front-door.ts'
import { readFormed, readLines } from './tau/lines.ts'
import { EXIT_DIFFERENT, EXIT_OK, main, progress, readOptions, UsageError } from './tau/options.ts'
import type { Options } from './tau/options.ts'
import { factsAtStart, factsBefore, taskForm } from './tau/served.ts'
import type { Records, Task } from './tau/served.ts'
import { stateAsOf } from './tau/state.ts'

const PROGRESS_EVERY = 25 // tasks

export interface Report {
  readonly domain: string
  readonly tasks: number
  readonly matched: number
  readonly mismatched: readonly { readonly id: string; readonly difference: string }[]
  /** Tasks that match only as a correct implementation: `modify_pending_order_items` as it should be. */
  readonly strict: number
  readonly calls: number
  readonly p50Ms: number
  readonly p99Ms: number
}

export async function runTasks(options: Options): Promise<Report> {
  const domain = DOMAINS[options.domain]
  const tasks = readFormed(options.file('tasks', 'tasks.jsonl'), taskForm)
  const expected = readFormed(options.file('expected', 'expected.jsonl'), expectedForm)
  const expectedById = new Map(expected.map((one) => [one.id, one]))
  const unknown = tasks.find(({ id }) => !expectedById.has(id))
  if (unknown !== undefined)
    throw new UsageError(`nothing is expected of task \`${unknown.id}\`: do the files belong together?`)
  const records = recordsOf(options)

  if (options.keep !== null) await emptied(options.keep)
  await using systems = await FreshSystems.open(domain, options.data, options.keep)
  const mismatched: { id: string; difference: string }[] = []
  const elapsedMs: number[] = []
  let strict = 0
  for (const [index, task] of tasks.entries()) {
    const verdict = await perform(systems, options.domain, task, records).then(
      (happened) => {
        elapsedMs.push(...happened.calls.map((called) => called.elapsedMs))
        return happened.pastDiffers ?? compare(task, expectedById.get(task.id) as Expected, happened)
      },
      // One task that cannot be run to its end says nothing about the others.
      (error: unknown) => ({ difference: `it broke off: ${error instanceof Error ? error.message : String(error)}` }),
    )
    if (verdict === 'strict') strict++
    if (typeof verdict === 'object') {
      mismatched.push({ id: task.id, ...verdict })
      progress(`${task.id}: ${verdict.difference}`)
    }
    if ((index + 1) % PROGRESS_EVERY === 0)
      progress(`${index + 1} of ${tasks.length} tasks, ${mismatched.length} differ`)
  }
  return {
    domain: options.domain,
    tasks: tasks.length,
    matched: tasks.length - mismatched.length,
    mismatched,
    strict,
    calls: elapsedMs.length,
    p50Ms: percentile(elapsedMs, 0.5),
    p99Ms: percentile(elapsedMs, 0.99),
  }
}

/** What an earlier run left goes; a folder that holds anything else stays, and is said. */
async function emptied(folder: string): Promise<void> {
  for (const name of existsSync(folder) ? await readdir(folder) : []) {
    const left = join(folder, name)
    if (!existsSync(join(left, 'installation.json')))
      throw new UsageError(`\`${left}\` is no data directory: name an empty folder with \`--keep\``)
    await rm(left, { recursive: true })
  }
  await mkdir(folder, { recursive: true })
}

/** Task ids come from a file. */
const folderName = (id: string): string => `task-${id.replaceAll(/[^A-Za-z0-9._-]/g, '_')}`

/** One task against a fresh system: its calls, the state after them, and whether the past can still be read as it was when it was the present. */
async function perform(systems: FreshSystems, domain: DomainName, task: Task, records: Records) {
  await using fresh = await systems.fresh(folderName(task.id))
  const { system } = fresh
  const calls: Called[] = []
  const then: { readonly index: number; readonly position: number; readonly digest: string }[] = []
  {
    await using agent = await Agent.connect(fresh.mcpUrl, system.credentials.agent.apiKey, task.id)
    await attest(fresh, task.id, factsAtStart(domain, task, records))
    for (const [index, action] of task.actions.entries()) {
      const facts = factsBefore(domain, task, action, records)
      if (facts !== null) await attest(fresh, task.id, facts)
      const called = await agent.call(action.name, action.arguments)
      calls.push(called)
      if (called.position === null) continue
      const { digests } = await stateAsOf(system, DOMAINS[domain], systems.initial)
      then.push({ index, position: called.position, digest: stateDigest(digests) })
    }
  }
  let pastDiffers: { readonly difference: string } | null = null
  for (const { index, position, digest } of then) {
    const { digests } = await stateAsOf(system, DOMAINS[domain], systems.initial, position)
    if (stateDigest(digests) !== digest)
      pastDiffers ??= { difference: `the state as of call ${index} is not what it was after that call` }
  }
  return { calls, pastDiffers, ...(await stateAsOf(system, DOMAINS[domain], systems.initial)) }
}

function recordsOf({ domain, file }: Options): Records {
  return new Map(
    DOMAINS[domain].collections.map(({ name }) => {
      const lines = readLines<JsonObject & { id: string; value: JsonObject }>(file(name, `db/${name}.jsonl`), [
        'id',
        'value',
      ])
      return [name, new Map(lines.map(({ id, value }) => [id, value]))]
    }),
  )
}

/** Nearest rank, to a hundredth of a millisecond; 0 when there is nothing. */
function percentile(values: readonly number[], share: number): number {
  const sorted = [...values].sort((a, b) => a - b)
  return Math.round((sorted[Math.max(0, Math.ceil(sorted.length * share) - 1)] ?? 0) * 100) / 100
}

if (import.meta.main)
  await main(async (args) => {
    const options = readOptions(args, ['tasks', 'expected'])
    const report = await runTasks(options)
    const { tasks, matched, strict, calls, p50Ms, p99Ms } = report
    if (options.json) process.stdout.write(`${JSON.stringify(report)}\n`)
    else
      process.stdout.write(
        `${options.domain}: ${matched} of ${tasks} tasks match (${strict} of them only as a correct implementation); ` +
          `${calls} calls over MCP, p50 ${p50Ms} ms, p99 ${p99Ms} ms\n`,
      )
    return matched === tasks ? EXIT_OK : EXIT_DIFFERENT
  })
