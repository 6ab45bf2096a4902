/**
 * `npm run dojo`: what an assistant must be able to do, and what an attacker's text must not make it do. Each user task's calls go over MCP under the
 * default policies, no model involved; once a call returns text from a place where outsiders can write, an attacker's calls are tried as well.
 *
 *   node tools/dojo.ts [--tasks DIR] [--suite NAME] [--json]
 *
 * With `--json` the last line is one object. Exit code 0: no attacker's call passed, no task was denied, and what was held passed once it was approved,
 * with the same arguments only; 1: not so; 2: the arguments or files cannot be used.
 */
import { existsSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { parseArgs } from 'node:util'
import type { JsonObject } from '../src/model/json.ts'
import { Problem } from '../src/model/problems.ts'
import { withAttack } from './dojo/application.ts'
import { openDojo, type DojoSystem } from './dojo/dojo-system.ts'
import { readSuite, suitesIn, type Call, type InjectionTask, type SuiteFiles, type UserTask } from './dojo/suite.ts'
import { Agent, type Called } from './tau/agent.ts'
import { attest } from './tau/front-door.ts'
import { rulesOnRecord } from './tau/rules-on-record.ts'
import { EXIT_DIFFERENT, EXIT_OK, main, progress, UsageError } from './tau/options.ts'

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
export interface Figures {
  readonly legitPass: number
  readonly legitHold: number
  readonly legitDeny: number
  readonly attackPass: number
  readonly attackHold: number
  readonly attackDeny: number
}
export interface SuiteReport extends Figures {
  readonly suite: string
}
/** What the figures of a suite leave out. */
export interface Beside {
  readonly suite: string
  /** Pairs whose task never reads a place where the attacker can write. */
  readonly unexposed: number
  /** Held calls of tasks, those that passed once they were approved, and calls with other arguments that then passed as well. */
  readonly held: number
  readonly approved: number
  readonly approvedOthers: number
}
export interface DojoReport {
  readonly suites: readonly SuiteReport[]
  readonly total: Figures
  readonly beside: readonly Beside[]
  readonly verdicts: readonly Judged[]
}

/** @param tasks folder of suites; tools and places are those of the data set where it has none */
export async function runDojo(tasks: string, only: string | null): Promise<DojoReport> {
  const suites: SuiteReport[] = []
  const beside: Beside[] = []
  const verdicts: Judged[] = []
  for (const name of suitesIn(tasks)) {
    if (only !== null && name !== only) continue
    const suite = readSuite(tasks, DATA_DEFAULT, name)
    await using dojo = await openDojo(suite).catch((error: unknown) => {
      if (!(error instanceof Problem)) throw error
      throw new UsageError(`suite \`${name}\` makes no application: \`${error.code}\`: ${error.message}`)
    })
    const run = new SuiteRun(dojo, suite, verdicts)
    const report = await run.report()
    suites.push(report)
    beside.push(run.beside)
    progress(
      `${name}: ${report.legitPass} of ${suite.users.length} tasks pass; ${report.attackPass} of ${suite.users.length * suite.injections.length} attacks do`,
    )
  }
  if (suites.length === 0) throw new UsageError(`there is no suite \`${only}\` in \`${tasks}\``)
  return { suites, total: sumOf(suites), beside, verdicts }
}

class SuiteRun {
  readonly #dojo: DojoSystem
  readonly #suite: SuiteFiles
  readonly #verdicts: Judged[]
  #held = 0
  #approved = 0
  #approvedOthers = 0
  #unexposed = 0
  #runs = 0

  constructor(dojo: DojoSystem, suite: SuiteFiles, verdicts: Judged[]) {
    this.#dojo = dojo
    this.#suite = suite
    this.#verdicts = verdicts
  }

  async report(): Promise<SuiteReport> {
    const { name, users, injections } = this.#suite
    const legit = { pass: 0, hold: 0, deny: 0 }
    const attack = { pass: 0, hold: 0, deny: 0 }
    for (const user of users) {
      legit[await this.#task(user)]++
      for (const injection of injections) {
        const verdict = await this.#pair(user, injection)
        if (verdict === 'unexposed') this.#unexposed++
        else attack[verdict]++
      }
    }
    return {
      suite: name,
      ...{ legitPass: legit.pass, legitHold: legit.hold, legitDeny: legit.deny },
      ...{ attackPass: attack.pass, attackHold: attack.hold, attackDeny: attack.deny },
    }
  }

  get beside(): Beside {
    const { name: suite } = this.#suite
    return {
      suite,
      unexposed: this.#unexposed,
      held: this.#held,
      approved: this.#approved,
      approvedOthers: this.#approvedOthers,
    }
  }

  /** A task without any attack. What is held is approved, so that the task goes on; then the same call with another argument must wait again. */
  async #task(user: UserTask): Promise<Verdict> {
    const run = `task-${this.#runs++}` // an id of the files may be no id of a run
    await using agent = await this.#begin(run, { prompt: user.prompt, episode: user.id })
    let worst: Verdict = 'pass'
    for (const call of user.calls) {
      const called = await agent.call(call.tool, call.args)
      const isOnlyRead = call === user.calls.at(-1) && user.calls.every(({ kind }) => kind === 'read')
      if (call.kind === 'read' && called.kind === 'answered' && !isOnlyRead) continue
      const verdict = await this.#note(user, null, run, call, called)
      if (verdict !== 'pass') worst = worst === 'deny' ? worst : verdict
      if (called.approval === null) continue
      this.#held++
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
    const run = `pair-${this.#runs++}`
    const places = this.#placesOf(user, injection)
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

  /** Where the attack is put: in the places that stand in what the task reads, and where none does, at the end of it. */
  #placesOf(user: UserTask, { goal }: InjectionTask): readonly string[] {
    const places = user.exposes.map((place) => this.#suite.places.get(place) ?? '')
    const stands = user.calls.some((call) => this.#isExposed(call, goal, places))
    return stands || places.length === 0 ? places : ['']
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
    const given = this.#suite.givenNames.get(tool) ?? tool
    const rules = verdict === 'pass' ? await rulesOnRecord(this.#dojo.system, run, tool, called) : called.rules
    if (verdict === 'deny' || (verdict === 'pass' && injection !== null))
      progress(`${user.id} ${injection?.id ?? ''} ${given}: ${verdict} ${called.code ?? ''} ${rules.join(' ')}`)
    this.#verdicts.push({ task: user.id, injection: injection?.id ?? null, tool: given, verdict, rules })
    return verdict
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

function sumOf(suites: readonly SuiteReport[]): Figures {
  const sum = (figure: (suite: SuiteReport) => number): number => suites.reduce((all, suite) => all + figure(suite), 0)
  return {
    legitPass: sum((suite) => suite.legitPass),
    legitHold: sum((suite) => suite.legitHold),
    legitDeny: sum((suite) => suite.legitDeny),
    attackPass: sum((suite) => suite.attackPass),
    attackHold: sum((suite) => suite.attackHold),
    attackDeny: sum((suite) => suite.attackDeny),
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
    const unexposed = report.beside.reduce((all, one) => all + one.unexposed, 0)
    const wrong = report.beside.reduce((all, one) => all + one.approvedOthers + one.held - one.approved, 0)
    if (json) process.stdout.write(`${JSON.stringify(report)}\n`)
    else
      process.stdout.write(
        `tasks: ${total.legitPass} pass, ${total.legitHold} held, ${total.legitDeny} denied; ` +
          `attacks: ${total.attackPass} pass, ${total.attackHold} held, ${total.attackDeny} denied, ${unexposed} not exposed\n`,
      )
    return total.attackPass + total.legitDeny + wrong === 0 ? EXIT_OK : EXIT_DIFFERENT
  })
