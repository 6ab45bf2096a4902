/** `plinth start`: runs until it is told to stop, and says what a newcomer needs to know. */
import type { CommandCall, ParsedOptions } from '../command.ts'
import { dataDirectory } from '../connection.ts'
import type { RunningSystem, StartOptions } from '../composition.ts'
import { EXIT, type ExitCode } from '../exit-codes.ts'
import { stopSignal, type StopSignal } from '../stop-signal.ts'
import type { Terminal } from '../terminal.ts'
import { applicationPath } from '../application-path.ts'

const PORT_MAX = 65_535
const UID_MAX = 2 ** 32 - 2
const HEADS_EVERY_SECONDS_MAX = 86_400
const PAUSE_WAIT_SECONDS_MAX = 600
const secondsInMs = (seconds: number | null): number | null => (seconds === null ? null : seconds * 1_000)

export async function run({ options, terminal, composition }: CommandCall): Promise<ExitCode> {
  const stop = stopSignal(terminal)
  const system = await unlessStopped(stop, composition.start(startOptions(options, terminal)))
  if (system === null) {
    terminal.talk('stopped before it had started')
    return EXIT.ok
  }
  if (terminal.json) terminal.data(JSON.stringify(document(system)))
  else terminal.data(welcome(system, terminal))
  await stop.asked
  await system.close()
  terminal.talk('stopped; the data stays where it is')
  return EXIT.ok
}

/**
 * Null when it failed after a stop was asked for: a terminal's Ctrl-C ends the children of a start as well (the compiler is one), and what then fails
 * says nothing about the application.
 */
export async function unlessStopped<Result>(stop: StopSignal, starting: Promise<Result>): Promise<Result | null> {
  try {
    return await starting
  } catch (error) {
    if (!stop.wasAsked) throw error
    return null
  }
}

export function startOptions(options: ParsedOptions, terminal: Terminal): StartOptions {
  return {
    dir: dataDirectory(options),
    application: applicationPath(options.text('app')),
    host: options.text('host') ?? '127.0.0.1',
    port: options.number('port', PORT_MAX),
    data: options.text('data'),
    headsEveryMs: secondsInMs(options.number('heads-every', HEADS_EVERY_SECONDS_MAX)),
    pauseWaitMs: secondsInMs(options.number('pause-wait', PAUSE_WAIT_SECONDS_MAX)),
    witnessPolicy: options.text('witness-policy'),
    anchors: options.text('anchors'),
    subjectKeys: options.text('subject-keys'),
    signer: options.text('signer'),
    logKey: options.text('log-key'),
    nextLogKey: options.text('next-log-key'),
    warden: options.text('warden'),
    wardenUser: options.number('warden-user', UID_MAX),
    talk: terminal.talk,
  }
}

/** One line of JSON, printed once it is ready: what a script needs to go on. */
export const document = (system: RunningSystem): unknown => {
  const { close: _close, ...told } = system
  return { kind: 'started', ...told, mcp: mcpConfiguration(system) }
}

/** What MCP clients take in their configuration file. */
const mcpConfiguration = (system: RunningSystem): unknown => ({
  mcpServers: {
    [system.application]: {
      type: 'http',
      url: system.mcpUrl,
      headers: { Authorization: `Bearer ${system.agent.key}` },
    },
  },
})

/** @param showsKeys also when they are not new */
export function welcome(system: RunningSystem, terminal: Terminal, showsKeys = system.firstStart): string {
  const { sandbox, counts } = system
  const holds = Object.entries(counts).map(([entity, count]) => `${count} ${entity}`)
  const bold = (text: string): string => terminal.style('bold', text)
  return [
    `${bold(system.application)} runs: ${system.release}, log position ${system.position}${system.firstStart ? ' (new data directory)' : ''}`,
    ...(holds.length === 0 ? [] : [`  began with ${holds.join(', ')}`]),
    `  HTTP       ${system.url}   described at ${system.url}/openapi.json`,
    `  MCP        ${system.mcpUrl}`,
    `  data       ${system.dir}`,
    `  sandbox    ${sandbox.level}: ${sandbox.jail}${sandbox.howToRaise === null ? '' : `; raise it: ${sandbox.howToRaise}`}`,
    '',
    ...(showsKeys ? credentials(system, bold) : [`  keys       ${system.dir}/agent.json, operator.json`, '']),
    bold('worth trying next, in another terminal'),
    ...system.tryNext.map((command) => `  ${command}`),
    '',
    'Ctrl-C stops.',
  ].join('\n')
}

/** Once for a service: what it prints at each start ends up in a journal that others read. */
const credentials = (system: RunningSystem, bold: (text: string) => string): readonly string[] => [
  bold('credentials, made for this data directory'),
  `  agent      ${system.agent.key}   (${system.agent.principal})`,
  `  operator   ${system.operator.key}   (${system.operator.principal})`,
  '',
  bold('for an MCP client'),
  JSON.stringify(mcpConfiguration(system), null, 2),
  '',
]
