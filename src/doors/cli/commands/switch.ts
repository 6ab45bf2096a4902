/** `plinth switch`: stops work, at once and with a reason. Signed by an operator, carried out by the warden, enforced in the commit. */
import { randomBytes } from 'node:crypto'
import type { StopReport } from '../../../engine/engine.ts'
import { base32 } from '../../../model/ids.ts'
import type { Manifest } from '../../../model/manifest.ts'
import { problem } from '../../../model/problems.ts'
import type { SwitchAction, SwitchEntry, SwitchScope } from '../../../warden/authority.ts'
import { adoptionLine, exitCodeOfAdoption, newestSnapshot, publishAndWait } from '../adoption.ts'
import { unknownWord, type CommandCall } from '../command.ts'
import { confirmed } from '../confirm.ts'
import { dataDirectory, findConnection } from '../connection.ts'
import { EXIT, type ExitCode } from '../exit-codes.ts'
import { request } from '../http-client.ts'
import { aimWarning } from '../switch-aim.ts'
import { table, time } from '../table.ts'
import { printable } from '../terminal.ts'

const KINDS: readonly SwitchScope['kind'][] = [
  ...(['global', 'application', 'tenant', 'principal'] as const),
  ...(['run', 'command', 'effect', 'policy-set'] as const),
]
const ACTIONS: Readonly<Record<SwitchAction, string>> = {
  pause: 'waits, so long and so many, and then is told to try again later',
  stop: 'is refused, and what is under way is aborted',
  contain: 'may only read',
  freeze: 'gets no other release',
}

export async function run(call: CommandCall): Promise<ExitCode> {
  const [word, id] = call.words
  if (word === 'on') return await on(call)
  if (word === 'list') return await list(call)
  if (word !== 'off' && word !== 'report') throw unknownWord('switch', word, ['on', 'off', 'list', 'report'])
  if (id === undefined) throw problem('usage', `say which one: \`plinth switch ${word} SWITCH\``, { command: 'switch' })
  return word === 'off' ? await off(call, id) : await report(call, id)
}

async function on(call: CommandCall): Promise<ExitCode> {
  const { options, terminal } = call
  const scope = readScope(options.text('scope') ?? '')
  const action = readAction(options.text('action'))
  const reason = options.text('reason')
  if (reason === null || reason === '')
    throw problem('usage', 'say why: `--reason TEXT`; it is shown in every refusal', { command: 'switch' })
  const preview = `${scope.kind === 'global' ? 'everything' : `${scope.kind} \`${printable(scope.value)}\``} ${ACTIONS[action]}`
  const warning = aimWarning(scope, await newestSnapshot(options), await manifestFor(scope, call))
  if (!(await confirmed(terminal, options, warning === null ? [preview] : [preview, warning], 'go on?'))) return EXIT.ok
  const id = options.text('id') ?? newSwitchId()
  const adoption = await publishAndWait(
    options,
    [{ change: 'switch-on', switch: { id, scope, action, reason } }],
    reason,
  )
  if (terminal.json)
    terminal.data(JSON.stringify({ ...adoption, kind: 'authority-change', outcome: adoption.kind, switch: id }))
  else {
    terminal.data(id)
    terminal.talk(adoptionLine(adoption))
    if (action === 'stop' && adoption.kind === 'adopted')
      terminal.talk(`what became of what ran: plinth switch report ${id}`)
  }
  return exitCodeOfAdoption(adoption)
}

/** Null where none is at hand: a switch must not fail for that. */
async function manifestFor({ kind }: SwitchScope, { options, composition }: CommandCall): Promise<Manifest | null> {
  if (kind !== 'application' && kind !== 'command' && kind !== 'effect') return null
  return await composition.lastRelease(dataDirectory(options)).then(
    ({ manifest }) => manifest,
    () => null,
  )
}

async function off(call: CommandCall, id: string): Promise<ExitCode> {
  const { options, terminal } = call
  const found = (await newestSnapshot(options)).switches.find((one) => one.id === id)
  if (found === undefined) throw problem('no-such-switch', `no switch \`${id}\` is on`)
  if (!(await confirmed(terminal, options, [`off again: ${line(found).join('  ')}`], 'go on?'))) return EXIT.ok
  const adoption = await publishAndWait(options, [{ change: 'switch-off', id }], options.text('reason') ?? '')
  if (terminal.json)
    terminal.data(JSON.stringify({ ...adoption, kind: 'authority-change', outcome: adoption.kind, switch: id }))
  else terminal.talk(adoptionLine(adoption))
  return exitCodeOfAdoption(adoption)
}

async function list({ options, terminal }: CommandCall): Promise<ExitCode> {
  const { switches, number } = await newestSnapshot(options)
  if (terminal.json) terminal.data(JSON.stringify({ kind: 'switches', snapshot: number, items: switches }))
  else if (switches.length === 0) terminal.talk('no switch is on')
  else terminal.data(table(['SWITCH', 'SCOPE', 'ACTION', 'BY', 'SINCE', 'REASON'], switches.map(line)))
  return EXIT.ok
}

const line = ({ id, scope, action, by, atMs, reason }: SwitchEntry): readonly string[] => [
  id,
  scope.kind === 'global' ? 'global' : `${scope.kind}:${printable(scope.value)}`,
  action,
  by,
  time(atMs) ?? '',
  printable(reason),
]

async function report({ options, terminal }: CommandCall, id: string): Promise<ExitCode> {
  const found = await request<StopReport>(await findConnection(options), `/v1/stops/${encodeURIComponent(id)}`)
  if (terminal.json) terminal.data(JSON.stringify({ kind: 'stop-report', ...found }))
  else {
    const { stopped, alreadyDone, outcomeUnknown } = found.counts
    terminal.data(
      `${found.id}  ${found.cause}, snapshot ${found.snapshot}: ${stopped} stopped, ${alreadyDone} already done, ${outcomeUnknown} of unknown outcome`,
    )
    terminal.data(
      `in force ${(found.inForceUs / 1_000).toFixed(1)} ms after the snapshot arrived; the last one ended after ${(found.settledUs / 1_000).toFixed(1)} ms`,
    )
    const { heldBack, complete } = found.effects
    if (heldBack > 0 || !complete)
      terminal.data(`${complete ? '' : 'at least '}${heldBack} effects in the outbox may not leave: plinth effects`)
    if (found.operations.length > 0)
      terminal.data(
        table(
          ['OPERATION', 'COMMAND', 'ACTOR', 'BECAME', 'STATE'],
          found.operations.map((one) => [one.operation, one.command, one.actor, one.became, one.state]),
        ),
      )
  }
  return EXIT.ok
}

export const newSwitchId = (): string => `sw-${base32(randomBytes(10))}`

/** @throws `usage` */
export function readScope(text: string): SwitchScope {
  if (text === 'global') return { kind: 'global', value: '*' }
  const divide = text.indexOf(':')
  const kind = KINDS.find((known) => known === text.slice(0, divide))
  const value = text.slice(divide + 1)
  if (divide < 0 || kind === undefined || kind === 'global' || value === '')
    throw problem(
      'usage',
      `say what it reaches: \`--scope global\`, or \`KIND:NAME\` with ${KINDS.slice(1)
        .map((known) => `\`${known}\``)
        .join(', ')}`,
      { command: 'switch' },
    )
  return { kind, value }
}

function readAction(text: string | null): SwitchAction {
  const action = (Object.keys(ACTIONS) as SwitchAction[]).find((known) => known === text)
  if (action === undefined)
    throw problem('usage', 'say what it does: `--action pause`, `stop`, `contain` or `freeze`', { command: 'switch' })
  return action
}
