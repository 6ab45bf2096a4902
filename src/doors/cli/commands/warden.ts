/** `plinth warden`: runs the warden by itself, says how it is, shows its journal. */
import { join, resolve } from 'node:path'
import { sha256Hex } from '../../../model/ids.ts'
import { withWarden, type WardenSide } from '../../../warden/operate.ts'
import { unknownWord, type CommandCall } from '../command.ts'
import { dataDirectory } from '../connection.ts'
import { EXIT, type ExitCode } from '../exit-codes.ts'
import { stopSignal } from '../stop-signal.ts'
import { printable } from '../terminal.ts'
import { wardenPlace } from '../warden-place.ts'

const JOURNAL_LIMIT_MAX = 100_000

export async function run(call: CommandCall): Promise<ExitCode> {
  const [word = 'run'] = call.words
  if (word === 'run') return await serve(call)
  if (word === 'status') return await status(call)
  if (word === 'journal') return await journal(call)
  throw unknownWord('warden', word, ['run', 'status', 'journal'])
}

async function serve({ options, terminal, composition }: CommandCall): Promise<ExitCode> {
  const stop = stopSignal(terminal)
  const publishDir = resolve(options.text('publish') ?? join(dataDirectory(options), 'authority'))
  const warden = await composition.startWarden(
    wardenPlace(options).dir,
    publishDir,
    options.text('serve'),
    (what, error) => terminal.talk(`${what}: ${error instanceof Error ? error.message : String(error)}`),
  )
  const { at, url, snapshot, rootKey } = warden
  if (terminal.json) terminal.data(JSON.stringify({ kind: 'started', at, url, snapshot, rootKey }))
  else {
    terminal.data(`the warden runs: snapshot ${snapshot}, publishing into ${publishDir}`)
    terminal.data(`  operators  ${'socket' in at ? at.socket : `127.0.0.1:${at.port}`}`)
    if (url !== null) terminal.data(`  runtimes   ${url}   (plinth start --warden ${url})`)
    terminal.data(`  root key   ${rootKey}`)
  }
  await stop.asked
  await warden.close()
  terminal.talk('stopped; when the lease runs out, runtimes change nothing until it runs again')
  return EXIT.ok
}

async function status({ options, terminal }: CommandCall): Promise<ExitCode> {
  const found = await withWarden(wardenPlace(options), (warden) => warden.status())
  if (terminal.json) terminal.data(JSON.stringify({ kind: 'warden-status', ...found }))
  else {
    terminal.data(`snapshot   ${found.snapshot}  ${found.hash}`)
    terminal.data(`root key   ${found.rootKey}`)
    terminal.data(`lease      ${found.leaseMs === null ? 'none asked for' : `${found.leaseMs / 1_000} s`}`)
    terminal.data(`waiting    ${found.pending} requests for signatures`)
    terminal.data(`journal    ${found.journal.count} entries, ${found.journal.hash}`)
  }
  return EXIT.ok
}

/** One entry a line as stored, with the chain checked once more on the way out; from an entry on, also that it follows the one before. */
async function journal({ options, terminal }: CommandCall): Promise<ExitCode> {
  const from = options.number('from', Number.MAX_SAFE_INTEGER) ?? 0
  const limit = options.number('limit', JOURNAL_LIMIT_MAX) ?? Infinity // it is what an audit reads; a pipe takes as much as it wants
  return await withWarden(wardenPlace(options), async (warden) => {
    let previous = from === 0 ? '' : null
    let index = Math.max(0, from - 1)
    for await (const entry of entriesOf(warden, index)) {
      if (index >= from + limit) {
        terminal.talk(`more: --from ${index}`)
        break
      }
      if (previous !== null && (JSON.parse(entry) as { previous: string }).previous !== previous) {
        terminal.talk('the next entry does not follow the one before')
        return EXIT.proofFailed
      }
      if (index >= from) terminal.data(terminal.json ? entry : printable(entry))
      previous = sha256Hex(entry)
      index++
    }
    return EXIT.ok
  })
}

async function* entriesOf(warden: WardenSide, first: number): AsyncGenerator<string> {
  for (let from = first; ;) {
    const page = await warden.journal(from)
    yield* page
    if (page.length === 0) return
    from += page.length
  }
}
