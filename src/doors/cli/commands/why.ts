/** `plinth why OPERATION`: the one answer object, as text or as it is. */
import type { Answer } from '../../../model/answer.ts'
import { renderAnswer } from '../answer.ts'
import type { CommandCall } from '../command.ts'
import { findConnection } from '../connection.ts'
import { EXIT, type ExitCode } from '../exit-codes.ts'
import { request } from '../http-client.ts'

export async function run({ words, options, terminal }: CommandCall): Promise<ExitCode> {
  const operation = encodeURIComponent(words[0] ?? '')
  const answer = await request<Answer>(await findConnection(options), `/v1/operations/${operation}/why`)
  terminal.data(terminal.json ? JSON.stringify({ kind: 'answer', ...answer }) : renderAnswer(answer, terminal))
  return EXIT.ok
}
