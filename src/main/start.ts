/** `plinth start`, built: engine, first data, doors. Stops in reverse order. */
import { openHttpDoor } from '../doors/http/server.ts'
import { readPolicyFolder } from '../doors/cli/policy-folder.ts'
import { openMcpDoor } from '../doors/mcp/door.ts'
import type { RunningSystem, StartOptions } from '../doors/cli/composition.ts'
import type { Engine } from '../engine/engine.ts'
import { HEADS_DEFAULT } from '../engine/heads/state-heads.ts'
import type { Release } from '../model/manifest.ts'
import { Problem, problem } from '../model/problems.ts'
import type { Credentials } from '../model/principal.ts'
import { policyFilesHash } from '../policy/policy-set.ts'
import type { Sandbox } from '../sandbox/sandbox.ts'
import { applicationFolder, type ApplicationFolder } from './application-folder.ts'
import { removeRuntime, writeInstallation, writeRuntime } from './data-directory.ts'
import { checkFolder, fromFolder, generated, importAll } from './first-data.ts'
import { openSystem, type SignerChoice, type System } from './open-system.ts'
import { signerPlace } from './signer-place.ts'
import { tryNext } from './try-next.ts'
import { wardenChoice } from './warden-link.ts'

const PORT_DEFAULT = 4000
const STOP_WITHIN_MS = 10_000 // for requests that run when a stop is asked for
const NO_SUCH_ADDRESS = ['EADDRNOTAVAIL', 'ENOTFOUND', 'EAI_AGAIN', 'EINVAL']

/** @throws as `openSystem`; `usage` when the port is taken or `data` cannot be used */
export async function start(
  options: StartOptions,
  ready: { readonly release?: Release; readonly sandbox?: Sandbox } = {},
): Promise<RunningSystem> {
  const { dir, talk } = options
  const folder = applicationFolder(options.application)
  if (options.data !== null) checkFolder(options.data) // before a directory is made for it
  await using opened = new AsyncDisposableStack()
  const system = await openSystem({
    dir,
    application: options.application,
    ...ready,
    heads:
      options.headsEveryMs === 0 ? null : { ...HEADS_DEFAULT, everyMs: options.headsEveryMs ?? HEADS_DEFAULT.everyMs },
    ...(options.warden === 'none' ? {} : { warden: wardenChoice(options.warden ?? null, options.wardenUser ?? null) }),
    signer: signerChoice(options),
    acknowledgement: { witnessPolicy: options.witnessPolicy ?? null },
    anchors: options.anchors ?? null,
    ...(options.subjectKeys == null ? {} : { subjectKeys: options.subjectKeys }),
    ...(options.pauseWaitMs == null ? {} : { pauseWaitMs: options.pauseWaitMs }),
    onProblem: (what, error) => talk(`${what}: ${error instanceof Error ? error.message : String(error)}`),
  })
  opened.defer(() => system.close())
  const { engine, credentials, release } = system
  const operator: Credentials = { bearer: credentials.operator.apiKey, onBehalfOf: null }
  const counts = await ensureFirstData(system, folder, operator, options)
  const onBug = (error: unknown, requestId: string): void =>
    talk(`bug in request ${requestId}: ${error instanceof Error ? (error.stack ?? error.message) : String(error)}`)
  const door = await listen(engine, options, onBug)
  opened.defer(() => door.close(STOP_WITHIN_MS))
  opened.defer(() => engine.letGo())
  const mcpUrl = `${door.url}/mcp`
  await writeRuntime(dir, { http: door.url, mcp: mcpUrl })
  opened.defer(() => removeRuntime(dir))
  const self = await engine.self(operator, AbortSignal.timeout(STOP_WITHIN_MS))
  await tellPolicies(folder, self.authority.policySet, talk)
  const agent: Credentials = { bearer: credentials.agent.apiKey, onBehalfOf: null }
  const running: Omit<RunningSystem, 'close'> = {
    application: release.manifest.name,
    release: release.id,
    dir,
    url: door.url,
    mcpUrl,
    firstStart: system.firstStart,
    position: self.position,
    sandbox: { level: self.sandbox.level, jail: self.sandbox.jail, howToRaise: self.sandbox.howToRaise },
    counts,
    agent: { principal: credentials.agent.principal, key: credentials.agent.apiKey },
    operator: { principal: credentials.operator.principal, key: credentials.operator.apiKey },
    tryNext: await tryNext(engine, operator, agent, dir),
  }
  const stack = opened.move()
  return { ...running, close: () => stack.disposeAsync() }
}

function signerChoice({ dir, signer = null, logKey = null, nextLogKey = null }: StartOptions): SignerChoice {
  const place = signerPlace(dir, signer)
  return place.kind === 'socket' ? place : { ...place, key: logKey, nextKey: nextLogKey }
}

/** Null tries the usual port first: a second application on the same machine just gets another. */
async function listen(
  engine: Engine,
  { host, port, talk }: StartOptions,
  onBug: (error: unknown, requestId: string) => void,
) {
  if (port !== null) return await listenOn(engine, host, port, onBug)
  try {
    return await listenOn(engine, host, PORT_DEFAULT, onBug)
  } catch (error) {
    if (!(error instanceof Problem) || NO_SUCH_ADDRESS.includes(codeOf(error.cause))) throw error
    talk(`port ${PORT_DEFAULT} is taken; using a free one`)
    return await listenOn(engine, host, 0, onBug)
  }
}

const codeOf = (error: unknown): string => (error as NodeJS.ErrnoException | undefined)?.code ?? ''

async function listenOn(
  engine: Engine,
  host: string,
  port: number,
  onBug: (error: unknown, requestId: string) => void,
) {
  const mounts = [openMcpDoor({ engine, onBug })]
  try {
    return await openHttpDoor({ engine, host, port, mounts, onBug })
  } catch (cause) {
    const code = codeOf(cause)
    if (NO_SUCH_ADDRESS.includes(code))
      throw problem('usage', `\`${host}\` is no address of this machine (${code}): \`--host\``, {}, cause)
    if (code !== 'EADDRINUSE' && code !== 'EACCES') throw cause
    throw problem(
      'usage',
      `port ${port} on ${host} cannot be used (${code}); choose another with \`--port\``,
      {},
      cause,
    )
  }
}

/** Policies in force are the signed ones, whatever lies in the application's folder: say when they differ. */
async function tellPolicies(folder: ApplicationFolder, inForce: string, talk: (line: string) => void): Promise<void> {
  if (folder.policies === null) return
  if (policyFilesHash(await readPolicyFolder(folder.policies)) !== inForce)
    talk(`\`${folder.policies}\` is not what is in force: see \`npx plinth policy diff\` and \`policy apply\``)
}

/** Imports what a new installation begins with; says how much that was. A crash in between is finished by the next start: the import does nothing twice. */
async function ensureFirstData(
  system: System,
  folder: ApplicationFolder,
  operator: Credentials,
  { dir, data, talk }: StartOptions,
): Promise<Readonly<Record<string, number>>> {
  const { installation, engine } = system
  if (installation.data !== null) {
    if (data !== null) talk(`the data directory holds ${installation.data.source} already; \`--data\` is for a new one`)
    return installation.data.counts
  }
  const importers = Object.keys(engine.manifest.importers)
  const source = data ?? (folder.generator === null ? 'nothing' : 'generated records')
  const records =
    data !== null ? fromFolder(data, importers) : folder.generator === null ? [] : await generated(folder.generator)
  if (records.length > 0) talk(`first start: importing ${source}`)
  const counts = await importAll(engine, operator, records, talk, new AbortController().signal)
  await writeInstallation(dir, { ...installation, data: { source, counts } })
  return counts
}
