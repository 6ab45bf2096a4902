/** `plinth attest RUN JSON`: states facts about a run, as the application's front door: who is being served, what they confirmed. */
import { randomUUID } from 'node:crypto'
import { join } from 'node:path'
import type { Outcome } from '../../../model/operation.ts'
import type { CommandCall } from '../command.ts'
import { dataDirectory, findConnection } from '../connection.ts'
import { FRONT_DOOR_FILE } from '../credential.ts'
import type { ExitCode } from '../exit-codes.ts'
import { request } from '../http-client.ts'
import { exitCodeOfOutcome, outcomeLines } from '../outcome.ts'
import { callerOf, levelHeader, readInput } from './call.ts'

export async function run({ words, options, terminal }: CommandCall): Promise<ExitCode> {
  const [name = '', text = ''] = words
  const connection = await findConnection(options)
  const file = options.text('as') ?? join(dataDirectory(options), FRONT_DOOR_FILE)
  const caller = await callerOf(connection, file, options)
  const agent = options.text('agent')
  const outcome = await request<Outcome>(caller, `/v1/runs/${encodeURIComponent(name)}/attested`, {
    method: 'PUT',
    body: readInput(text),
    headers: {
      'idempotency-key': options.text('key') ?? randomUUID(),
      ...(agent === null ? {} : { 'plinth-run-agent': agent }),
      ...levelHeader(options),
    },
  })
  if (terminal.json) terminal.data(JSON.stringify({ ...outcome, kind: 'outcome', outcome: outcome.kind }))
  else terminal.data(outcomeLines(outcome).join('\n'))
  return exitCodeOfOutcome(outcome)
}
