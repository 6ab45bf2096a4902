/** `plinth log rotate-key|keys`: the next key of the log takes over, and every key that it has had, for those who verify. */
import { problem } from '../../../model/problems.ts'
import type { CommandCall } from '../command.ts'
import { dataDirectory } from '../connection.ts'
import { confirmed } from '../confirm.ts'
import { EXIT, type ExitCode } from '../exit-codes.ts'

export async function rotateKey({ options, terminal, composition }: CommandCall): Promise<ExitCode> {
  const release = !options.flag('prepare')
  const preview = ['the log will be signed with its next key, and with the one before never again']
  if (release && !(await confirmed(terminal, options, preview, 'rotate?'))) return EXIT.ok
  const rotated = await composition.logKeys.rotate(dataDirectory(options), {
    ...{ release, nextKey: options.text('next-key'), socket: options.text('signer') },
  })
  if (terminal.json) terminal.data(JSON.stringify({ kind: 'key-rotation', released: release, ...rotated }))
  else {
    terminal.data(`before  ${rotated.before}`)
    terminal.data(`after   ${rotated.after}`)
    if (!release) terminal.talk('prepared: give this key to witnesses and verifiers, then run `plinth log rotate-key`')
    else if (rotated.inForce)
      terminal.talk('in force: `log.vkey` names the new key; keep the old one too, for what it has signed')
    else terminal.talk('no running system has recorded it: it takes over at the next start')
  }
  return EXIT.ok
}

export async function keys(
  { options, terminal, composition }: CommandCall,
  file: string | undefined,
  checkpoint: string | null,
): Promise<ExitCode> {
  if (file === undefined) throw problem('usage', 'say where to: `plinth log keys FILE`', { command: 'log' })
  const written = await composition.logKeys.write(dataDirectory(options), file, checkpoint)
  if (terminal.json) terminal.data(JSON.stringify({ kind: 'log-keys', ...written }))
  else
    for (const { vkey, after } of written.keys)
      terminal.data(`${after < 0 ? 'from the start' : `after ${after}`}  ${vkey}`)
  return EXIT.ok
}
