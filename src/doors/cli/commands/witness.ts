/** `plinth witness`: cosigns checkpoints of the logs that it is told of, until it is told to stop. */
import { problem } from '../../../model/problems.ts'
import type { CommandCall } from '../command.ts'
import { EXIT, type ExitCode } from '../exit-codes.ts'
import { stopSignal } from '../stop-signal.ts'

const PORT_MAX = 65_535

/** Without `--json` it says the same in words; either way the first line tells its address and key. @throws `usage`, `witness-fault`, `data-directory-locked` */
export async function run({ options, terminal, composition }: CommandCall): Promise<ExitCode> {
  const dir = options.text('dir')
  if (dir === null)
    throw problem('usage', '`--dir DIR` is needed: the folder of this witness alone', { command: 'witness' })
  const port = options.number('port', PORT_MAX)
  if (port === null) throw problem('usage', '`--port PORT` is needed; 0 takes a free one', { command: 'witness' })
  const stop = stopSignal(terminal)
  const say = (line: { readonly kind: string } & Readonly<Record<string, unknown>>): void =>
    terminal.json ? terminal.data(JSON.stringify(line)) : terminal.talk(`${line.kind}: ${JSON.stringify(line)}`)
  const witness = await composition.witness({
    ...{ dir, port, name: options.text('name'), host: options.text('host') },
    ...{ logVkeys: options.list('log-vkey'), logs: options.list('log'), floors: options.list('floor') },
    onEvent: say,
  })
  const { url, vkey, origins } = witness
  if (terminal.json) terminal.data(JSON.stringify({ kind: 'started', url, vkey, origins, pid: process.pid }))
  else
    terminal.data(
      [`witness at ${url}, for ${origins.join(', ')}`, 'for the policies of those who rely on it:']
        .concat(`  witness NAME ${vkey} ${url}`, 'Ctrl-C stops.')
        .join('\n'),
    )
  await stop.asked
  await witness.close()
  return EXIT.ok
}
