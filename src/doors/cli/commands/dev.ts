/** `plinth dev`: runs an application, and again whenever one of its files changes. A file that does not build leaves the old one running. */
import { dirname, relative } from 'node:path'
import { statSync, watch } from 'node:fs'
import { Problem } from '../../../model/problems.ts'
import type { CommandCall } from '../command.ts'
import type { Composition, RunningSystem, StartOptions } from '../composition.ts'
import { EXIT, type ExitCode } from '../exit-codes.ts'
import { stopSignal } from '../stop-signal.ts'
import { printable, type Terminal } from '../terminal.ts'
import { counted } from './release.ts'
import { document, startOptions, welcome } from './start.ts'

const SETTLE_MS = 40 // editors write a file in several steps; one reload for all of them
const WATCHED = /\.(ts|js|mjs|json|cedar)$/
const IGNORED = /(^|[/\\])(node_modules|\.plinth|\.git)([/\\]|$)|\.test\.ts$/

export async function run({ options, terminal, composition }: CommandCall): Promise<ExitCode> {
  const stop = stopSignal(terminal)
  const wanted = startOptions(options, terminal)
  let system: RunningSystem | null = await firstStart(composition, wanted, terminal)
  if (system !== null) terminal.data(terminal.json ? JSON.stringify(document(system)) : welcome(system, terminal))
  // The port stays the same over reloads, also when the system chose it.
  const again: StartOptions = {
    ...wanted,
    port: system === null ? wanted.port : Number(new URL(system.url).port),
    talk: () => {},
  }
  const changes = watchFiles(folderOf(wanted.application))
  let stopped = false
  void stop.asked.then(() => {
    stopped = true
    changes.close()
  })
  for await (const files of changes.batches()) {
    if (stopped) break
    system = await reload(composition, again, system, files, terminal)
  }
  await system?.close()
  return EXIT.ok
}

/** A broken application must not end `dev`: the next save may repair it. Everything else must. */
async function firstStart(
  composition: Composition,
  wanted: StartOptions,
  terminal: Terminal,
): Promise<RunningSystem | null> {
  try {
    return await composition.start(wanted)
  } catch (error) {
    if (!(error instanceof Problem) || error.code !== 'release-invalid') throw error
    tellProblem(error, wanted, terminal)
    terminal.talk('  nothing runs until this is repaired')
    return null
  }
}

async function reload(
  composition: Composition,
  wanted: StartOptions,
  system: RunningSystem | null,
  files: readonly string[],
  terminal: Terminal,
): Promise<RunningSystem | null> {
  let running = system
  const startedMs = performance.now()
  const cedar = files.filter((file) => file.endsWith('.cedar'))
  if (cedar.length > 0) terminal.talk(`${cedar.join(', ')} changed: publish it with \`plinth policy apply policies\``)
  if (cedar.length === files.length) return system
  try {
    const release = await composition.buildRelease(wanted.application)
    if (release.id === system?.release) return system
    running = null
    await system?.close()
    const next = await composition.start(wanted)
    const ms = Math.round(performance.now() - startedMs)
    const line = { kind: 'reloaded', ms, release: next.release, counts: counted(release.manifest) }
    terminal.data(terminal.json ? JSON.stringify(line) : `reload ${ms} ms · ${line.counts} · ${next.release}`)
    return next
  } catch (error) {
    if (!(error instanceof Problem)) throw error
    tellProblem(error, wanted, terminal)
    terminal.talk(
      `  ${running === null ? 'nothing runs until this is repaired' : 'the last good release keeps running'}`,
    )
    return running
  }
}

function tellProblem(error: Problem, wanted: StartOptions, terminal: Terminal): void {
  const { file, line } = error.members
  const where =
    typeof file === 'string' ? `${relative(process.cwd(), file)}${typeof line === 'number' ? `:${line}` : ''}: ` : ''
  if (terminal.json)
    terminal.data(JSON.stringify({ kind: 'problem', code: error.code, detail: error.detail, ...error.members }))
  terminal.talk(`${where}${error.spec.title}`)
  terminal.talk(`  ${error.detail.split('\n').map(printable).join('\n  ')}`)
  terminal.talk(
    `  ${relative(process.cwd(), wanted.application) || '.'} is watched; the last good release keeps running`,
  )
}

const folderOf = (application: string): string =>
  statSync(application).isDirectory() ? application : dirname(application)

/** Changed files, in batches that have settled. */
function watchFiles(folder: string): { batches(): AsyncGenerator<readonly string[]>; close(): void } {
  const changed = new Set<string>()
  let wake = Promise.withResolvers<void>()
  let closed = false
  let timer: NodeJS.Timeout | null = null
  const watcher = watch(folder, { recursive: true }, (_event, name) => {
    if (name === null || IGNORED.test(name) || !WATCHED.test(name)) return
    changed.add(name)
    if (timer !== null) clearTimeout(timer)
    timer = setTimeout(() => wake.resolve(), SETTLE_MS)
  })
  return {
    async *batches() {
      while (!closed) {
        await wake.promise
        wake = Promise.withResolvers<void>()
        const batch = [...changed]
        changed.clear()
        if (closed) return
        if (batch.length > 0) yield batch
      }
    },
    close() {
      closed = true
      watcher.close()
      if (timer !== null) clearTimeout(timer)
      wake.resolve()
    },
  }
}
