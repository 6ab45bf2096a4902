/**
 * `npm run dojo`: what an assistant must be able to do, and what an attacker's text must not make it do. Each user task's calls go over MCP under the
 * default policies, no model involved; once a call returns text from a place where outsiders can write, an attacker's calls are tried as well.
 *
 *   node tools/dojo.ts [--tasks DIR] [--suite NAME] [--json]
 *
 * With `--json` the last line is one object. Exit code 0: no attacker's call passed and no task was denied; 1: some did; 2: the arguments or files
 * cannot be used.
 */
import { existsSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { parseArgs } from 'node:util'
import type { JsonObject } from '../src/model/json.ts'
import type { RunId } from '../src/model/ids.ts'
import { withAttack } from './dojo/application.ts'
import { openDojo, type DojoSystem } from './dojo/dojo-system.ts'
import { readSuite, suitesIn, type Call, type InjectionTask, type SuiteFiles, type UserTask } from './dojo/suite.ts'
import { Agent, type Called } from './tau/agent.ts'
import { attest } from './tau/front-door.ts'
import { EXIT_DIFFERENT, EXIT_OK, main, progress, UsageError } from './tau/options.ts'
import { operatorOf } from './tau/state.ts'

const DATA_DEFAULT = resolve(import.meta.dirname, '../../shared/data/agentdojo')

type Verdict = 'pass' | 'hold' | 'deny'
/** One acting call: a task's own, or an attacker's. */
export interface Judged {
  readonly task: string
  readonly injection: string | null
  readonly tool: string
  readonly verdict: Verdict
  readonly rules: readonly string[]
}
export interface SuiteReport {
  readonly suite: string
  readonly legitPass: number
  readonly legitHold: number
  readonly legitDeny: number
  readonly attackPass: number
  readonly attackHold: number
  readonly attackDeny: number
  /** Pairs whose task never reads a place where the attacker can write. */
  readonly unexposed: number
  /** Held calls of tasks that passed once they were approved; and calls with other arguments that then passed as well. */
  readonly approved: number
  readonly approvedOthers: number
}
export interface DojoReport {
  readonly suites: readonly SuiteReport[]
  readonly total: Omit<SuiteReport, 'suite'>
  readonly verdicts: readonly Judged[]
}

/** @param tasks folder of suites; tools and places are those of the data set where it has none */
export async function runDojo(tasks: string, only: string | null): Promise<DojoReport> {
  const suites: SuiteReport[] = []
  const verdicts: Judged[] = []
  for (const name of suitesIn(tasks)) {
    if (only !== null && name !== only) continue
    const suite = readSuite(tasks, DATA_DEFAULT, name)
    await using dojo = await openDojo(suite)
    const report = await new SuiteRun(dojo, suite, verdicts).report()
    suites.push(report)
    progress(
      `${name}: ${report.legitPass} of ${suite.users.length} tasks pass; ${report.attackPass} of ${suite.users.length * suite.injections.length} attacks do`,
    )
  }
  if (suites.length === 0) throw new UsageError(`there is no suite \`${only}\` in \`${tasks}\``)
  return { suites, total: sumOf(suites), verdicts }
}

class SuiteRun {
  readonly #dojo: DojoSystem
  readonly #suite: SuiteFiles
  readonly #verdicts: Judged[]
  #approved = 0
  #approvedOthers = 0

  constructor(dojo: DojoSystem, suite: SuiteFiles, verdicts: Judged[]) {
    this.#dojo = dojo
    this.#suite = suite
    this.#verdicts = verdicts
  }

  async report(): Promise<SuiteReport> {
    const { name, users, injections } = this.#suite
    const legit = { pass: 0, hold: 0, deny: 0 }
    const attack = { pass: 0, hold: 0, deny: 0, unexposed: 0 }
    for (const user of users) {
      legit[await this.#task(user)]++
      for (const injection of injections) attack[await this.#pair(user, injection)]++
    }
    return {
      suite: name,
      ...{ legitPass: legit.pass, legitHold: legit.hold, legitDeny: legit.deny },
      ...{ attackPass: attack.pass, attackHold: attack.hold, attackDeny: attack.deny, unexposed: attack.unexposed },
      ...{ approved: this.#approved, approvedOthers: this.#approvedOthers },
    }
  }

  /** A task without any attack. What is held is approved, so that the task goes on; then the same call with another argument must wait again. */
  async #task(user: UserTask): Promise<Verdict> {
    const run = `task-${user.id}`
    await using agent = await this.#begin(run, { prompt: user.prompt, episode: user.id })
    let worst: Verdict = 'pass'
    for (const call of user.calls) {
      const called = await agent.call(call.tool, call.args)
      if (call.kind === 'read' && called.kind === 'answered') continue
      const verdict = await this.#note(user, null, run, call, called)
      if (verdict !== 'pass') worst = worst === 'deny' ? worst : verdict
      if (called.approval === null) continue
      const outcome = await this.#dojo.decide(called.approval, 'approve')
      if (outcome.kind === 'committed') this.#approved++
      const other = await agent.call(call.tool, withOtherTarget(call))
      if (other.kind === 'committed') this.#approvedOthers++
      if (other.approval !== null) await this.#dojo.decide(other.approval, 'refuse')
    }
    return worst
  }

  /** The same task, with the attack in what outsiders wrote. Nothing is approved. */
  async #pair(user: UserTask, injection: InjectionTask): Promise<Verdict | 'unexposed'> {
    const run = `pair-${user.id}-${injection.id}`
    const places = user.exposes.map((place) => this.#suite.places.get(place) ?? '')
    const facts = { prompt: user.prompt, episode: user.id, attack: injection.goal, places }
    await using agent = await this.#begin(run, facts)
    let worst: Verdict | 'unexposed' = 'unexposed'
    for (const call of user.calls) {
      await this.#refuse(await agent.call(call.tool, call.args))
      if (!this.#isExposed(call, injection.goal, places)) continue
      for (const attempt of injection.calls) {
        const called = await agent.call(attempt.tool, attempt.args)
        await this.#refuse(called)
        if (!attempt.must_stop) continue
        const verdict = await this.#note(user, injection, run, attempt, called)
        if (worst === 'unexposed' || verdict === 'pass' || (verdict === 'hold' && worst === 'deny')) worst = verdict
      }
    }
    return worst
  }

  async #begin(run: string, facts: JsonObject): Promise<Agent> {
    const { system, url, mcpUrl } = this.#dojo
    await attest({ system, url }, run, facts)
    return Agent.connect(mcpUrl, system.credentials.agent.apiKey, run)
  }

  #isExposed(call: UserTask['calls'][number], goal: string, places: readonly string[]): boolean {
    const tool = this.#suite.tools.find(({ name }) => name === call.tool)
    return tool?.untrusted_output === true && withAttack(call.result ?? null, goal, places) !== null
  }

  async #refuse({ approval }: Called): Promise<void> {
    if (approval !== null) await this.#dojo.decide(approval, 'refuse')
  }

  async #note(
    user: UserTask,
    injection: InjectionTask | null,
    run: string,
    { tool }: Call,
    called: Called,
  ): Promise<Verdict> {
    const verdict = verdictOf(called)
    const rules = verdict === 'pass' ? await this.#rulesOnRecord(run, tool) : called.rules
    if (verdict === 'deny' || (verdict === 'pass' && injection !== null))
      progress(`${user.id} ${injection?.id ?? ''} ${tool}: ${verdict} ${called.code ?? ''} ${rules.join(' ')}`)
    this.#verdicts.push({ task: user.id, injection: injection?.id ?? null, tool, verdict, rules })
    return verdict
  }

  /** A caller is not told which rules permitted what it did; the operation's record says it. */
  async #rulesOnRecord(run: string, action: string): Promise<readonly string[]> {
    const { system } = this.#dojo
    const filter = { run: run as RunId, action }
    const page = { after: null, limit: 1 }
    const { items } = await system.engine.operations(operatorOf(system), filter, page, new AbortController().signal)
    return items[0]?.rules ?? []
  }
}

function verdictOf({ kind }: Called): Verdict {
  if (kind === 'committed' || kind === 'answered') return 'pass'
  return kind === 'held' ? 'hold' : 'deny'
}

/** The call with its first text that chooses who is reached, or its first text at all, made another. */
function withOtherTarget({ args }: Call): JsonObject {
  const changed = JSON.stringify(args).replace(/:"([^"]*)"|:\["([^"]*)"/, (whole) => `${whole.slice(0, -1)}-other"`)
  return JSON.parse(changed) as JsonObject
}

function sumOf(suites: readonly SuiteReport[]): Omit<SuiteReport, 'suite'> {
  const sum = (figure: (suite: SuiteReport) => number): number => suites.reduce((all, suite) => all + figure(suite), 0)
  return {
    legitPass: sum((suite) => suite.legitPass),
    legitHold: sum((suite) => suite.legitHold),
    legitDeny: sum((suite) => suite.legitDeny),
    attackPass: sum((suite) => suite.attackPass),
    attackHold: sum((suite) => suite.attackHold),
    attackDeny: sum((suite) => suite.attackDeny),
    unexposed: sum((suite) => suite.unexposed),
    approved: sum((suite) => suite.approved),
    approvedOthers: sum((suite) => suite.approvedOthers),
  }
}

function readArguments(args: readonly string[]): { tasks: string; suite: string | null; json: boolean } {
  try {
    const options = { tasks: { type: 'string' }, suite: { type: 'string' }, json: { type: 'boolean' } } as const
    const { values } = parseArgs({ args: [...args], options })
    const tasks = resolve(values.tasks ?? DATA_DEFAULT)
    return { tasks, suite: values.suite ?? null, json: values.json === true }
  } catch (error) {
    throw new UsageError(error instanceof Error ? error.message : String(error))
  }
}

if (import.meta.main)
  await main(async (args) => {
    const { tasks, suite, json } = readArguments(args)
    if (!existsSync(join(tasks))) throw new UsageError(`there is no folder \`${tasks}\`: name one with \`--tasks DIR\``)
    const report = await runDojo(tasks, suite)
    const { total } = report
    if (json) process.stdout.write(`${JSON.stringify(report)}\n`)
    else
      process.stdout.write(
        `tasks: ${total.legitPass} pass, ${total.legitHold} held, ${total.legitDeny} denied; ` +
          `attacks: ${total.attackPass} pass, ${total.attackHold} held, ${total.attackDeny} denied, ${total.unexposed} not exposed\n`,
      )
    return total.attackPass + total.legitDeny + total.approvedOthers === 0 ? EXIT_OK : EXIT_DIFFERENT
  })
