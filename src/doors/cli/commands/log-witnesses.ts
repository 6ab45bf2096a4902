/** `plinth log witnesses`: who cosigns this log, how far each is, and what waits for them. */
import type { AcknowledgementStatus, Self } from '../../../engine/engine.ts'
import type { CommandCall } from '../command.ts'
import { findConnection } from '../connection.ts'
import { EXIT, type ExitCode } from '../exit-codes.ts'
import { request } from '../http-client.ts'
import { table, time } from '../table.ts'
import { printable } from '../terminal.ts'

/** Exits with 0 when every record is witnessed or on its way, 6 when the log is stopped. */
export async function witnesses({ options, terminal }: CommandCall): Promise<ExitCode> {
  const { acknowledgement: status } = await request<Self>(await findConnection(options), '/v1/self')
  if (terminal.json) terminal.data(JSON.stringify({ kind: 'witnesses', ...status }))
  else terminal.data([...acknowledgementLines(status), ...witnessTable(status)].join('\n'))
  return status.stopped === null ? EXIT.ok : EXIT.proofFailed
}

function witnessTable({ witnesses: states }: AcknowledgementStatus): readonly string[] {
  if (states.length === 0) return []
  const rows = states.map(({ name, url, size, lag, lastCosignedAtMs, lastError, rolledBack }) => [
    name,
    url,
    size ?? '?',
    lag ?? '?',
    time(lastCosignedAtMs),
    [lastError, rolledBack].flatMap((error) => (error === null ? [] : [`${error.code}: ${error.detail}`])).join('; '),
  ])
  return [table(['WITNESS', 'ADDRESS', 'COSIGNED', 'LAG', 'LAST', 'FAILURE'], rows)]
}

/** The state of acknowledgement in a few lines, for people. */
export function acknowledgementLines(status: AcknowledgementStatus): readonly string[] {
  const { policy, stopped, effectsAwaitingWitness: effects, timestamps } = status
  return [
    ...(stopped === null
      ? []
      : [`STOPPED      ${printable(stopped.detail)}; evidence ${stopped.evidence}; next: plinth log resume`]),
    policy === null
      ? 'witnesses    none: start with `--witness-policy FILE`'
      : `witnesses    ${status.witnesses.length}, ${policy.liveWithDown} may be down, ${policy.safeWithMalicious} may lie; policy ${policy.digest.slice(0, 16)}…`,
    ...(policy === null || policy.fault === null
      ? []
      : [`             the policy file has changed and is not in force: ${printable(policy.fault)}`]),
    ...(policy === null
      ? []
      : [
          `witnessed    ${status.witnessedSize} records, ${status.lag} behind${status.obstacle === null ? '' : `: ${printable(status.obstacle)}`}`,
        ]),
    ...(timestamps === null
      ? []
      : [
          `timestamps   ${printable(timestamps.source)}: ${timestamps.size} records ${printable(timestamps.lastError ?? '')}`.trimEnd(),
        ]),
    ...(effects.count === 0
      ? []
      : [
          `effects      ${effects.count}${effects.complete ? '' : ' or more'} await witnesses: ${printable(effects.next ?? '')}`,
        ]),
  ]
}
