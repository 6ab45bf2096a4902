/**
 * `npm run probes -- --domain retail|airline`: each probe of the data set is one call by an agent over MCP, in a run for which a front door has
 * attested the probe's context. It must get its verdict (permit, hold or deny) before anything is written, with the rule that it rests on.
 * A refusal by the command itself, and an input that does not fit its schema, count as deny.
 *
 *   node tools/probes.ts --domain retail|airline [--data DIR] [--probes FILE] [--json]
 *
 * With `--json` the last line is one object. Exit code 0: all right; 1: some are not; 2: the arguments or files cannot be used.
 */
import { z } from 'zod'
import { Agent } from './tau/agent.ts'
import type { Called } from './tau/agent.ts'
import { DOMAINS } from './tau/domains.ts'
import { FreshSystems } from './tau/fresh-systems.ts'
import type { FreshSystem } from './tau/fresh-systems.ts'
import { attest } from './tau/front-door.ts'
import { readFormed } from './tau/lines.ts'
import { EXIT_DIFFERENT, EXIT_OK, main, progress, readOptions } from './tau/options.ts'
import type { Options } from './tau/options.ts'
import { rulesOnRecord } from './tau/rules-on-record.ts'
import { streamsWritten } from './tau/state.ts'

const PROGRESS_EVERY = 50 // probes

const members = z.record(z.string(), z.json())
const probeForm = z.object({
  ...{ id: z.string(), tool: z.string(), args: members, context: members.default({}) },
  ...{ verdict: z.enum(['permit', 'hold', 'deny']), rule: z.string().default('') },
})
type Probe = z.infer<typeof probeForm>

export interface Wrong {
  readonly id: string
  readonly expected: string
  readonly got: string
  /** Rules that were named. */
  readonly rule: string
}
export interface Report {
  readonly domain: string
  readonly probes: number
  readonly right: number
  readonly wrong: readonly Wrong[]
  /** Probes whose rule is among those that the verdict names. */
  readonly ruleNamed: number
  /** Right verdicts that rest on other rules. */
  readonly otherRule: readonly { readonly id: string; readonly expected: string; readonly rule: string }[]
}

export async function runProbes(options: Options): Promise<Report> {
  const probes = readFormed(options.file('probes', 'policy-probes.jsonl'), probeForm)
  await using systems = await FreshSystems.open(DOMAINS[options.domain], options.data)
  const wrong: Wrong[] = []
  const otherRule: { id: string; expected: string; rule: string }[] = []
  // One system serves probes until one of them writes; the next gets a fresh one, so that every probe meets the initial state.
  let fresh: FreshSystem | null = null
  try {
    for (const [index, probe] of probes.entries()) {
      fresh ??= await systems.fresh()
      const called = await ask(fresh, probe)
      const written = await streamsWritten(fresh.system, systems.initial.position)
      const got = written.length > 0 && probe.verdict !== 'permit' ? `written to ${written}` : verdictOf(called)
      const rules = got === 'permit' ? await rulesOnRecord(fresh.system, probe.id, probe.tool, called) : called.rules
      const rule = rules.join(' ')
      if (got !== probe.verdict) {
        wrong.push({ id: probe.id, expected: `${probe.verdict} ${probe.rule}`, got, rule })
        progress(`${probe.id}: ${probe.verdict} by ${probe.rule} was expected, it was ${got} by ${rule}`)
      } else if (!rules.includes(probe.rule)) otherRule.push({ id: probe.id, expected: probe.rule, rule })
      if (written.length > 0) {
        await fresh[Symbol.asyncDispose]()
        fresh = null
      }
      if ((index + 1) % PROGRESS_EVERY === 0) progress(`${index + 1} of ${probes.length} probes, ${wrong.length} wrong`)
    }
  } finally {
    await fresh?.[Symbol.asyncDispose]()
  }
  const right = probes.length - wrong.length
  return {
    domain: options.domain,
    probes: probes.length,
    right,
    wrong,
    ruleNamed: right - otherRule.length,
    otherRule,
  }
}

const NOTHING_CALLED: Called = {
  ...{ kind: 'failed', result: null, position: null, code: null, rules: [] },
  ...{ operation: null, approval: null, elapsedMs: 0 },
}

/** Each probe is a run of its own: nothing attested for one is known to another. */
async function ask(fresh: FreshSystem, { id, tool, args, context }: Probe): Promise<Called> {
  try {
    await attest(fresh, id, context)
  } catch (error) {
    const code = error instanceof Error ? error.message : String(error)
    return { ...NOTHING_CALLED, code }
  }
  await using agent = await Agent.connect(fresh.mcpUrl, fresh.system.credentials.agent.apiKey, id)
  return await agent.call(tool, args)
}

function verdictOf({ kind, code }: Called): string {
  if (kind === 'committed' || kind === 'answered') return 'permit'
  if (kind === 'held') return 'hold'
  if (kind === 'denied' || kind === 'refused' || code === 'invalid-input') return 'deny'
  return `${kind} ${code}`
}

if (import.meta.main)
  await main(async (args) => {
    const options = readOptions(args, ['probes'])
    const report = await runProbes(options)
    if (options.json) process.stdout.write(`${JSON.stringify(report)}\n`)
    else
      process.stdout.write(
        `${options.domain}: ${report.right} of ${report.probes} probes got their verdict, ${report.ruleNamed} by the named rule\n`,
      )
    return report.wrong.length === 0 ? EXIT_OK : EXIT_DIFFERENT
  })
