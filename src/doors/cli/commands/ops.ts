/** `plinth ops`: operations, newest first. */
import type { OperationSummary, Page } from '../../../engine/engine.ts'
import type { CommandCall } from '../command.ts'
import { findConnection } from '../connection.ts'
import { EXIT, type ExitCode } from '../exit-codes.ts'
import { request } from '../http-client.ts'
import { pageQuery, printPage } from '../page.ts'
import { time } from '../table.ts'

export async function run({ options, terminal }: CommandCall): Promise<ExitCode> {
  const filter = Object.fromEntries(['state', 'actor', 'run', 'action'].map((name) => [name, options.text(name)]))
  const page = await request<Page<OperationSummary>>(await findConnection(options), '/v1/operations', {
    query: { ...filter, ...pageQuery(options) },
  })
  printPage(
    terminal,
    'operations',
    page,
    ['OPERATION', 'STATE', 'ACTION', 'ACTOR', 'FOR', 'RUN', 'TIME', 'POS', 'RULES'],
    (item) => [
      item.operation,
      item.effects === null || item.effects === 'ready' ? item.state : `${item.state}, effect ${item.effects}`,
      item.action,
      item.actor,
      item.onBehalfOf,
      item.run,
      time(item.recordedAtMs),
      item.position,
      item.rules.join(' '),
    ],
  )
  return EXIT.ok
}
