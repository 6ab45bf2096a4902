/** `plinth log resume`: an operator has looked at the evidence of a stopped log, and lets it go on at the next start. */
import { problem } from '../../../model/problems.ts'
import { dataDirectory } from '../connection.ts'
import type { CommandCall } from '../command.ts'
import { confirmed } from '../confirm.ts'
import { readOperator } from '../credential.ts'
import { EXIT, type ExitCode } from '../exit-codes.ts'
import { time } from '../table.ts'
import { printable } from '../terminal.ts'

const REASON_CHARACTERS_MAX = 1_000

/** @throws `usage` when nothing is stopped, or no reason is given */
export async function resume({ options, terminal, composition }: CommandCall): Promise<ExitCode> {
  const dir = dataDirectory(options)
  const { principal } = await readOperator(dir) // whoever lets a stopped log go on has the operator's file
  const stopped = await composition.logStop.read(dir)
  if (stopped === null) throw problem('usage', `the log in \`${dir}\` is not stopped`, { command: 'log' })
  const reason = options.text('reason')
  if (reason === null || reason.trim() === '' || reason.length > REASON_CHARACTERS_MAX)
    throw problem('usage', `say why: \`--reason TEXT\`, up to ${REASON_CHARACTERS_MAX} characters`, { command: 'log' })
  const preview = [
    `stopped ${time(stopped.stoppedAtMs)}: ${stopped.kind}, said by \`${printable(stopped.witness)}\``,
    `  ${printable(stopped.detail)}`,
    `  evidence: ${stopped.evidence}`,
    'a log that goes on after this has the same witnesses: what they refused, they will refuse again',
  ]
  if (!(await confirmed(terminal, options, preview, 'Let the log go on?'))) return EXIT.ok
  await composition.logStop.resume(dir, principal, reason)
  const next = 'start the system again; one that runs stays stopped'
  if (terminal.json)
    terminal.data(JSON.stringify({ ...stopped, kind: 'resumed', stop: stopped.kind, by: principal, reason, next }))
  else terminal.data(`the log may go on; the evidence stays where it is. next: ${next}`)
  return EXIT.ok
}
