/** `plinth effects`: what operations asked for outside, and what each waits for. */
import type { EffectView, Page } from '../../../engine/engine.ts'
import type { CommandCall } from '../command.ts'
import { findConnection } from '../connection.ts'
import { EXIT, type ExitCode } from '../exit-codes.ts'
import { request } from '../http-client.ts'
import { pageQuery, printPage } from '../page.ts'

export async function run({ options, terminal }: CommandCall): Promise<ExitCode> {
  const page = await request<Page<EffectView>>(await findConnection(options), '/v1/effects', {
    query: { state: options.text('state'), ...pageQuery(options) },
  })
  printPage(terminal, 'effects', page, ['POS', 'NO', 'EFFECT', 'RISK', 'STATE', 'OPERATION'], (item) => [
    item.position,
    item.ordinal,
    item.effect,
    item.risk,
    item.state,
    item.operation,
  ])
  const next = page.items.find((item) => item.next !== null)?.next
  if (!terminal.json && next !== undefined && next !== null) terminal.talk(`next: ${next}`)
  return EXIT.ok
}
