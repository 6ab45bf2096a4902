/** `plinth call NAME [JSON]`: asks for a command or a query as an agent would, over the HTTP door. */
import { randomUUID } from 'node:crypto'
import { join } from 'node:path'
import type { QueryOutcome } from '../../../engine/engine.ts'
import type { Json } from '../../../model/json.ts'
import type { Outcome } from '../../../model/operation.ts'
import { Problem, problem } from '../../../model/problems.ts'
import type { CommandCall } from '../command.ts'
import { dataDirectory, findConnection, type Connection } from '../connection.ts'
import { AGENT_FILE, readCredential } from '../credential.ts'
import { EXIT, type ExitCode } from '../exit-codes.ts'
import { request } from '../http-client.ts'
import { exitCodeOfOutcome, outcomeLines } from '../outcome.ts'
import { printable, type Terminal } from '../terminal.ts'

export async function run({ words, options, terminal }: CommandCall): Promise<ExitCode> {
  const [name = '', text = '{}'] = words
  const connection = await findConnection(options)
  const caller = await callerOf(connection, options.text('as') ?? join(dataDirectory(options), AGENT_FILE), options)
  const run = options.text('run')
  const headers = {
    'idempotency-key': options.text('key') ?? randomUUID(),
    ...(run === null ? {} : { 'plinth-run': run }),
    ...levelHeader(options),
    ...(options.text('for') === null ? {} : { 'plinth-on-behalf-of': options.text('for') ?? '' }),
  }
  const outcome = await ask(caller, encodeURIComponent(name), readInput(text), headers)
  if (terminal.json) terminal.data(JSON.stringify({ ...outcome, kind: 'outcome', outcome: outcome.kind }))
  else print(outcome, terminal)
  return outcome.kind === 'answered' ? EXIT.ok : exitCodeOfOutcome(outcome as Outcome)
}

/** `--acknowledge LEVEL`, as every change takes it. */
export function levelHeader(options: CommandCall['options']): Readonly<Record<string, string>> {
  const level = options.text('acknowledge')
  return level === null ? {} : { 'plinth-acknowledge': level }
}

/** As for every credential of a data directory: it goes to no system but the one that runs there. */
export async function callerOf(
  connection: Connection,
  file: string,
  options: CommandCall['options'],
): Promise<Connection> {
  const named = options.text('url') !== null || options.text('token') !== null || Boolean(process.env['PLINTH_TOKEN'])
  if (named && options.text('as') === null) return connection
  return { ...connection, token: (await readCredential(file)).apiKey }
}

/** A name stands for a command or for a query; whoever asks need not know which. */
async function ask(
  caller: Connection,
  name: string,
  input: Json,
  headers: Readonly<Record<string, string>>,
): Promise<Outcome | QueryOutcome> {
  try {
    return await request<Outcome>(caller, `/v1/commands/${name}`, { method: 'POST', body: input, headers })
  } catch (error) {
    if (!(error instanceof Problem) || error.code !== 'no-such-command') throw error
    const { 'idempotency-key': _key, 'plinth-acknowledge': _level, ...others } = headers
    return await request<QueryOutcome>(caller, `/v1/queries/${name}`, { method: 'POST', body: input, headers: others })
  }
}

export function readInput(text: string): Json {
  try {
    return JSON.parse(text) as Json
  } catch (cause) {
    throw problem('usage', `\`${printable(text)}\` is not JSON`, {}, cause)
  }
}

function print(outcome: Outcome | QueryOutcome, terminal: Terminal): void {
  switch (outcome.kind) {
    case 'answered':
      terminal.data(JSON.stringify(outcome.result, null, 2))
      return terminal.talk(`as of #${outcome.asOf}; ${outcome.operation}`)
    case 'committed':
      terminal.data(JSON.stringify(outcome.result, null, 2))
      return terminal.talk(
        `committed at #${outcome.position}${outcome.replayed ? ' before' : ''}, ${outcome.level}; ${outcome.operation}`,
      )
    case 'awaiting':
      terminal.data(JSON.stringify(outcome.result, null, 2))
      for (const line of outcomeLines(outcome)) terminal.talk(line)
      return
    case 'denied':
      terminal.talk(`denied by ${outcome.rules.map(printable).join(', ') || 'default: nothing permits it'}`)
      return terminal.talk(`next: plinth why ${outcome.operation}`)
    case 'refused':
    case 'held':
      for (const line of outcomeLines(outcome as Outcome)) terminal.talk(line)
      return terminal.talk(`next: plinth why ${outcome.operation}`)
    default:
      return outcome satisfies never
  }
}
