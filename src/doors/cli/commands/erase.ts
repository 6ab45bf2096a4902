/** `plinth erase SUBJECT`: destroys the keys of one data subject's personal data. There is no way back. */
import { randomUUID } from 'node:crypto'
import type { Outcome } from '../../../model/operation.ts'
import { problem } from '../../../model/problems.ts'
import type { CommandCall } from '../command.ts'
import { confirmed } from '../confirm.ts'
import { findConnection } from '../connection.ts'
import { EXIT, type ExitCode } from '../exit-codes.ts'
import { request } from '../http-client.ts'
import { exitCodeOfOutcome, outcomeLines } from '../outcome.ts'
import { levelHeader } from './call.ts'

export async function run({ words, options, terminal }: CommandCall): Promise<ExitCode> {
  const [subject = ''] = words
  const reason = options.text('reason')
  if (reason === null)
    throw problem('usage', 'say why, for the record: `--reason TEXT`, without personal data', { command: 'erase' })
  const tenant = options.text('tenant')
  const basis = options.text('basis')
  const connection = await findConnection(options)
  const preview = [
    `erases the personal data of ${subject}${tenant === null ? '' : ` of tenant ${tenant}`}, everywhere, for good`,
    'what was done stays on record; what was said of the person opens no more',
  ]
  if (!(await confirmed(terminal, options, preview, 'Erase it?'))) return EXIT.failed
  const outcome = await request<Outcome>(connection, '/v1/erasures', {
    method: 'POST',
    body: { subject, reason, ...(tenant === null ? {} : { tenant }), ...(basis === null ? {} : { basis }) },
    headers: { 'idempotency-key': options.text('key') ?? randomUUID(), ...levelHeader(options) },
  })
  if (terminal.json) terminal.data(JSON.stringify({ ...outcome, kind: 'outcome', outcome: outcome.kind }))
  else terminal.data(outcomeLines(outcome).join('\n'))
  return exitCodeOfOutcome(outcome)
}
