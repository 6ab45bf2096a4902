/** `plinth state`: the system itself, one entity, the entities of a kind, or a read model; now or `--at` any position or time. */
import type { EntityState, Page, Self } from '../../../engine/engine.ts'
import type { JsonObject } from '../../../model/json.ts'
import type { CommandCall } from '../command.ts'
import { findConnection } from '../connection.ts'
import { EXIT, type ExitCode } from '../exit-codes.ts'
import { request } from '../http-client.ts'
import { pageQuery, printPage } from '../page.ts'
import { printable } from '../terminal.ts'
import { acknowledgementLines } from './log-witnesses.ts'

export async function run(call: CommandCall): Promise<ExitCode> {
  const { words, options, terminal } = call
  const connection = await findConnection(options)
  const at = options.text('at')
  const [entity, id] = words
  const model = options.text('model')
  if (model !== null) {
    const page = await request<Page<JsonObject>>(connection, `/v1/read-models/${encodeURIComponent(model)}`, {
      query: { where: options.text('where'), at, ...pageQuery(options) },
    })
    printPage(terminal, 'rows', page, ['ROW'], (row) => [JSON.stringify(row)])
  } else if (entity === undefined) {
    const self = await request<Self>(connection, '/v1/self')
    terminal.data(terminal.json ? JSON.stringify({ kind: 'self', ...self }) : selfLines(self).join('\n'))
  } else if (id === undefined) {
    const page = await request<Page<EntityState>>(connection, `/v1/entities/${encodeURIComponent(entity)}`, {
      query: { at, ...pageQuery(options) },
    })
    printPage(terminal, 'entities', page, ['ID', 'VERSION', 'STATE'], (item) => [
      item.id,
      item.version,
      JSON.stringify(item.state),
    ])
  } else {
    const path = `/v1/entities/${encodeURIComponent(entity)}/${encodeURIComponent(id)}`
    const state = await request<EntityState>(connection, path, { query: { at } })
    terminal.data(terminal.json ? JSON.stringify({ kind: 'entity', ...state }) : JSON.stringify(state.state, null, 2))
    if (!terminal.json)
      terminal.talk(
        `${printable(state.entity)} ${printable(state.id)} at version ${state.version}, as of #${state.asOf}`,
      )
  }
  return EXIT.ok
}

/** Whose calls it turns away, and until when: what somebody who is woken asks first. */
const breakerLine = ({ breaker, state, untilMs, principal, command, release }: Self['breakers'][number]): string => {
  const whose = [principal, command, release].filter((part) => part !== null).map((part) => printable(part))
  const until = state === 'open' ? ` until ${new Date(untilMs).toISOString()}` : ''
  return `breaker      ${breaker}: ${state}${until}, for ${whose.length === 0 ? 'everybody' : whose.join(', ')}`
}

function selfLines(self: Self): readonly string[] {
  const { sandbox, authority, queues } = self
  return [
    `application  ${self.application}  ${self.release}`,
    `log          ${self.origin}: position ${self.position}, tree size ${self.treeSize}`,
    `root         ${self.rootHash}`,
    `authority    snapshot ${authority.snapshot}, ${authority.principals} principals, policy set ${authority.policySet.slice(0, 16)}…`,
    ...authority.findings.map(({ file, reason, detail }) => `             ${file} ${reason}: ${printable(detail)}`),
    ...self.switches.map(
      ({ id, scope, action, reason }) =>
        `switch       ${id}: ${action} ${scope.kind} ${printable(scope.value)}, because ${printable(reason)}`,
    ),
    ...self.breakers.map(breakerLine),
    ...self.ceilings.map(
      ({ name, scope, unit, limit, windowMs }) =>
        `ceiling      ${name}: ${limit} ${unit} for ${scope.kind} ${printable(scope.value)}${windowMs === null ? '' : ` in ${windowMs / 1_000} s`}`,
    ),
    ...(self.protected === 0 ? [] : [`protected    ${self.protected} declarations: plinth protect list`]),
    ...self.degraded.map(
      ({ state, code, sinceMs }) => `degraded     ${state} since ${new Date(sinceMs).toISOString()}: ${code}`,
    ),
    ...signerLines(self.signer),
    `sandbox      ${sandbox.level}: ${sandbox.jail}`,
    ...(sandbox.howToRaise === null ? [] : [`             raise it: ${sandbox.howToRaise}`]),
    `cells        ${sandbox.cells.map((cell) => `${cell.pid} ${cell.state}`).join(', ')}`,
    ...acknowledgementLines(self.acknowledgement),
    ...self.anchors.map(
      ({ name, size, waiting, lagMs, failures }) =>
        `anchor       ${name}: ${size} records, ${waiting} wait${waiting === 0 ? '' : ` for ${Math.round(lagMs / 1_000)} s`}${failures === 0 ? '' : `, failed ${failures} times`}`,
    ),
    `queues       ${queues.running} running, ${queues.paused} paused, ${queues.held} held, ${queues.outbox} in the outbox${queues.lost === 0 ? '' : `, ${queues.lost} records beside the log lost`}`,
    `started      ${new Date(self.startedAtMs).toISOString()}`,
  ]
}

/** What waits for the signer, and why; where nothing does, only that it signs. */
function signerLines({ state, unsigned, sinceMs, lastError }: Self['signer']): readonly string[] {
  const since = sinceMs === null ? '' : ` since ${new Date(sinceMs).toISOString()}`
  return [
    `signer       ${state}${since}${unsigned === 0 ? '' : `, ${unsigned} records are not signed`}`,
    ...(state === 'signing' || lastError === null
      ? []
      : [`             ${lastError.code}: ${printable(lastError.detail)}`]),
  ]
}
