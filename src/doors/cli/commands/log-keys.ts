/** `plinth log rotate-key|keys|recover`: the next key of the log takes over; every key that it has had, for those who verify; a log that lost its end goes on. */
import { problem } from '../../../model/problems.ts'
import type { CommandCall } from '../command.ts'
import { dataDirectory } from '../connection.ts'
import { confirmed } from '../confirm.ts'
import { EXIT, type ExitCode } from '../exit-codes.ts'
import { interruptible } from '../interruptible.ts'

export async function rotateKey({ options, terminal, composition }: CommandCall): Promise<ExitCode> {
  const release = !options.flag('prepare')
  const preview = ['the log will be signed with its next key, and with the one before never again']
  if (release && !(await confirmed(terminal, options, preview, 'rotate?'))) return EXIT.ok
  const rotated = await composition.logKeys.rotate(dataDirectory(options), {
    ...{ release, nextKey: options.text('next-key'), signer: options.text('signer') },
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

export async function recover(call: CommandCall): Promise<ExitCode> {
  const { options, terminal, composition } = call
  const reason = options.text('reason')
  if (options.text('export') !== null) return await complete(call)
  if (!options.flag('new-epoch'))
    throw problem('usage', 'say how: `--export FILE` with an export that holds what is missing, or `--new-epoch`', {
      command: 'log',
    })
  if (reason === null) throw problem('usage', 'say why: `--reason TEXT`; it goes on record', { command: 'log' })
  const preview = [
    'the log goes on under another name; what was signed and is not here any more stays missing, and that is put on record',
    'put the newest copy of the data back first, or what an export holds of it: nothing of that can be taken in afterwards',
  ]
  if (!(await confirmed(terminal, options, preview, 'open a new epoch?'))) return EXIT.ok
  const recovered = await composition.logKeys.recover(dataDirectory(options), {
    ...{ reason, witnessPolicy: options.text('witness-policy'), signer: options.text('signer') },
  })
  if (terminal.json) terminal.data(JSON.stringify({ kind: 'recovered', ...recovered }))
  else {
    const { previous, kept } = recovered
    terminal.data(`before  ${previous.origin}: ${previous.size} records were signed, root ${previous.rootHash}`)
    terminal.data(`now     ${recovered.origin}: goes on from ${kept.size} of them, root ${kept.rootHash}`)
    terminal.data(`key     ${recovered.vkey}`)
    terminal.talk('start it; tell witnesses and everybody who pins the log its new name and key')
  }
  return EXIT.ok
}

/** Nothing is asked: only what this log has signed is written, where it is missing. */
async function complete({ options, terminal, composition }: CommandCall): Promise<ExitCode> {
  const [file, witnessPolicy, signer] = ['export', 'witness-policy', 'signer'].map((name) => options.text(name))
  const completed = await interruptible(terminal, (_, signal) =>
    composition.logKeys.complete(
      dataDirectory(options),
      { file: file ?? '', witnessPolicy: witnessPolicy ?? null, signer: signer ?? null },
      signal,
    ),
  )
  const { had, size, rootHash, signed } = completed
  if (terminal.json) terminal.data(JSON.stringify({ kind: 'completed', ...completed }))
  else {
    terminal.data(`before  ${had} records`)
    terminal.data(`now     ${size} records, root ${rootHash}`)
    if (size < signed) terminal.talk(`${signed - size} records that were signed are missing still: find a newer export`)
    else terminal.talk('all that was signed is here: start it; it makes rows and indexes anew')
  }
  return size < signed ? EXIT.failed : EXIT.ok
}
