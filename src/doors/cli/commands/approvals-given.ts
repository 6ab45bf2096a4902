/** `plinth approvals grants` and `withdraw`: what has been approved in advance, what became of it, and taking it back. */
import type { GrantView, Page } from '../../../engine/engine.ts'
import { canonicalJson } from '../../../model/json.ts'
import type { Outcome } from '../../../model/operation.ts'
import type { CommandCall } from '../command.ts'
import { confirmed } from '../confirm.ts'
import { findConnection } from '../connection.ts'
import { readCredential } from '../credential.ts'
import { EXIT, type ExitCode } from '../exit-codes.ts'
import { request } from '../http-client.ts'
import { exitCodeOfOutcome } from '../outcome.ts'
import { pageQuery, printPage } from '../page.ts'
import { time } from '../table.ts'
import { printable } from '../terminal.ts'

export async function listGrants({ options, terminal }: CommandCall): Promise<ExitCode> {
  const page = await request<Page<GrantView>>(await findConnection(options), '/v1/approvals/grants', {
    query: { standing: options.flag('all') ? null : 'open', ...pageQuery(options) },
  })
  const head = ['GRANT', 'STANDING', 'TO', 'COMMAND', 'WHERE', 'USED', 'SUM', 'BY', 'UNTIL', 'REASON']
  printPage(terminal, 'grants', page, head, (one) => [
    one.grant,
    one.standing,
    one.to,
    one.command,
    canonicalJson(one.where as never),
    `${one.uses}/${one.usesMax}`,
    one.sum === null ? null : `${one.spent}/${one.sum.max}`,
    one.by,
    time(one.expiresAtMs),
    one.withdrawn === undefined
      ? printable(one.reason)
      : `withdrawn by ${one.withdrawn.by}: ${printable(one.withdrawn.reason)}`,
  ])
  return EXIT.ok
}

export async function withdraw({ options, terminal }: CommandCall, grant: string): Promise<ExitCode> {
  const connection = await findConnection(options)
  const as = options.text('as')
  const token = as === null ? connection.token : (await readCredential(as)).apiKey
  if (!(await confirmed(terminal, options, [`grant       ${printable(grant)}`], 'take it back?'))) return EXIT.ok
  const path = `/v1/approvals/grants/${encodeURIComponent(grant)}/withdrawal`
  const outcome = await request<Outcome>({ ...connection, token }, path, {
    method: 'POST',
    body: { reason: options.text('reason') ?? '' },
  })
  if (terminal.json) terminal.data(JSON.stringify({ ...outcome, kind: 'withdrawn', outcome: outcome.kind, grant }))
  else terminal.data(outcome.kind === 'committed' ? `withdrawn ${printable(grant)}` : `${outcome.kind}, not withdrawn`)
  return exitCodeOfOutcome(outcome)
}
