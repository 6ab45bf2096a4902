/** `plinth release`: builds an application into what the engine runs, or shows what runs. */
import { writeFile } from 'node:fs/promises'
import type { Self } from '../../../engine/engine.ts'
import type { Manifest, Release } from '../../../model/manifest.ts'
import { applicationPath } from '../application-path.ts'
import { unknownWord, type CommandCall } from '../command.ts'
import { findConnection } from '../connection.ts'
import { EXIT, type ExitCode } from '../exit-codes.ts'
import { request } from '../http-client.ts'

export async function run(call: CommandCall): Promise<ExitCode> {
  const [word, path] = call.words
  if (word === 'build') return await build(call, path)
  if (word === 'show') return await show(call)
  throw unknownWord('release', word, ['build', 'show'])
}

async function build({ options, terminal, composition }: CommandCall, path: string | undefined): Promise<ExitCode> {
  const startedMs = performance.now()
  const release = await composition.buildRelease(applicationPath(path ?? null))
  const ms = Math.round(performance.now() - startedMs)
  const out = options.text('out')
  if (out !== null) await writeFile(out, JSON.stringify(release))
  if (terminal.json) terminal.data(JSON.stringify(releaseDocument(release, ms)))
  else {
    terminal.data(`${release.id}  ${release.manifest.name}: ${counted(release.manifest)}`)
    terminal.talk(`built in ${ms} ms, bundle ${Math.ceil(Buffer.byteLength(release.bundle) / 1024)} KiB`)
  }
  return EXIT.ok
}

const releaseDocument = ({ id, manifest, bundle }: Release, ms: number): unknown => ({
  kind: 'release',
  id,
  ms,
  bundleBytes: Buffer.byteLength(bundle),
  manifest,
})

async function show({ options, terminal }: CommandCall): Promise<ExitCode> {
  const self = await request<Self>(await findConnection(options), '/v1/self')
  const { release, application, position } = self
  if (terminal.json) terminal.data(JSON.stringify({ kind: 'active-release', release, application, asOf: position }))
  else terminal.data(`${release}  ${application}, active as of #${position}`)
  return EXIT.ok
}

/** `3 entities, 16 commands, 5 queries, 4 read models, 2 effects` */
export function counted(manifest: Manifest): string {
  const counts: readonly (readonly [object, string, string])[] = [
    [manifest.entities, 'entity', 'entities'],
    [manifest.commands, 'command', 'commands'],
    [manifest.queries, 'query', 'queries'],
    [manifest.readModels, 'read model', 'read models'],
    [manifest.effects, 'effect', 'effects'],
  ]
  return counts
    .map(([things, one, many]) => [Object.keys(things).length, one, many] as const)
    .filter(([count]) => count > 0)
    .map(([count, one, many]) => `${count} ${count === 1 ? one : many}`)
    .join(', ')
}
