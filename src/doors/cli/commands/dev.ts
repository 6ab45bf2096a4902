/** `plinth dev`: runs an application, and again whenever one of its files changes. A file that does not build leaves the old one running. */
import { statSync } from 'node:fs'
import { dirname, relative } from 'node:path'
import { Problem } from '../../../model/problems.ts'
import type { CommandCall } from '../command.ts'
import type { RunningSystem, StartOptions, Workshop } from '../composition.ts'
import { EXIT, type ExitCode } from '../exit-codes.ts'
import { stopSignal } from '../stop-signal.ts'
import { printable, type Terminal } from '../terminal.ts'
import { watchFiles } from '../watch-files.ts'
import { counted } from './release.ts'
import { document, startOptions, unlessStopped, welcome } from './start.ts'

export async function run({ options, terminal, composition }: CommandCall): Promise<ExitCode> {
  const stop = stopSignal(terminal)
  const wanted = startOptions(options, terminal)
  const changes = watchFiles(folderOf(wanted.application))
  void stop.asked.then(() => changes.close())
  const workshop = await composition.workshop()
  let system = await unlessStopped(stop, firstStart(workshop, wanted, terminal))
  if (system !== null) terminal.data(terminal.json ? JSON.stringify(document(system)) : welcome(system, terminal, true))
  // The port stays the same over reloads, also when the system chose it.
  const port = system === null ? wanted.port : Number(new URL(system.url).port)
  for await (const files of changes.batches())
    system = await reload(workshop, { ...wanted, port, talk: () => {} }, system, files, terminal)
  await system?.close()
  await workshop.close()
  terminal.talk('stopped; the data stays where it is')
  return EXIT.ok
}

/** A broken application must not end `dev`: the next save may repair it. Everything else must. */
async function firstStart(workshop: Workshop, wanted: StartOptions, terminal: Terminal): Promise<RunningSystem | null> {
  try {
    return await workshop.start(wanted, await workshop.build(wanted.application))
  } catch (error) {
    if (!(error instanceof Problem) || error.code !== 'release-invalid') throw error
    tell(error, false, terminal)
    return null
  }
}

async function reload(
  workshop: Workshop,
  wanted: StartOptions,
  system: RunningSystem | null,
  files: readonly string[],
  terminal: Terminal,
): Promise<RunningSystem | null> {
  const startedMs = performance.now()
  const policies = files.filter((file) => file.endsWith('.cedar'))
  if (policies.length > 0)
    terminal.talk(`${policies.join(', ')} changed: publish with \`npx plinth policy apply policies\``)
  if (policies.length === files.length) return system
  let running = system
  try {
    const release = await workshop.build(wanted.application)
    if (release.id === system?.release) return system
    running = null
    await system?.close()
    const next = await workshop.start(wanted, release)
    const ms = Math.round(performance.now() - startedMs)
    const counts = counted(release.manifest)
    if (terminal.json) terminal.data(JSON.stringify({ kind: 'reloaded', ms, release: next.release, counts }))
    else terminal.data(`reload ${ms} ms · ${counts} · ${next.release}`)
    return next
  } catch (error) {
    if (!(error instanceof Problem)) throw error
    tell(error, running !== null, terminal)
    return running
  }
}

function tell(error: Problem, stillRuns: boolean, terminal: Terminal): void {
  const { file, line } = error.members
  if (terminal.json)
    terminal.data(
      JSON.stringify({ kind: 'problem', code: error.code, detail: error.detail, ...error.members, stillRuns }),
    )
  const at = typeof line === 'number' ? `:${line}` : ''
  const where = typeof file === 'string' ? `${relative(process.cwd(), file)}${at}: ` : ''
  terminal.talk(`${where}${error.spec.title}`)
  for (const text of error.detail.split('\n')) terminal.talk(`  ${printable(text)}`)
  terminal.talk(stillRuns ? '  the last good release keeps running' : '  nothing runs until this is repaired')
}

const folderOf = (application: string): string =>
  statSync(application).isDirectory() ? application : dirname(application)
