/**
 * `plinth drill`: does a stop stop? On a canary, a principal of its own with role `canary` that owns nothing and may do nothing: it is kept busy with
 * calls, then stopped by a switch like any other, and the time until it was refused is measured from outside. The report is signed, and goes on
 * record in the warden's journal.
 */
import { setTimeout as sleep } from 'node:timers/promises'
import type { Self } from '../../../engine/engine.ts'
import { sha256Hex } from '../../../model/ids.ts'
import { canonicalJson } from '../../../model/json.ts'
import { Problem, problem } from '../../../model/problems.ts'
import type { PrincipalEntry } from '../../../warden/authority.ts'
import type { ChangeDocument } from '../../../warden/change-document.ts'
import { recordDrill, requestChange } from '../../../warden/operate.ts'
import { newApiKey } from '../../../warden/secrets.ts'
import { adoptionLine, newestSnapshot, publishAndWait } from '../adoption.ts'
import type { CommandCall } from '../command.ts'
import { confirmed } from '../confirm.ts'
import { findConnection, type Connection } from '../connection.ts'
import { EXIT, type ExitCode } from '../exit-codes.ts'
import { request } from '../http-client.ts'
import { operatorSigner } from '../operator-signer.ts'
import { wardenPlace } from '../warden-place.ts'
import { newSwitchId } from './switch.ts'

const CANARY = 'canary'
const KEY_NAME = 'drill'
const CALLERS = 4
/** Longer than any stop should take; then the drill has failed. */
const STOP_WITHIN_MS = 10_000
const KEY_LIFE_MS = 600_000

export interface DrillReport {
  readonly format: 1
  readonly canary: string
  readonly switch: string
  readonly snapshot: number
  readonly startedAtMs: number
  /** From asking the operator's key for a signature until every caller of the canary had been refused with the switch. */
  readonly stopMs: number
  /** Calls of the canary that were answered before, and refusals by the switch after. */
  readonly callsBefore: number
  readonly refusals: number
  readonly passed: boolean
}

export async function run({ words, options, terminal }: CommandCall): Promise<ExitCode> {
  const canary = words[0] ?? CANARY
  const connection = await findConnection(options)
  await request<Self>(connection, '/v1/self') // a drill without a running system measures nothing
  const preview = `drill: give \`${canary}\` a key, keep it busy, stop it with a switch, measure, and switch it on again`
  if (!(await confirmed(terminal, options, [preview], 'go on?'))) return EXIT.ok
  const known = (await newestSnapshot(options)).principals.find(({ id }) => id === canary)
  if (known !== undefined && !known.roles.includes(CANARY))
    throw problem('usage', `\`${canary}\` is not marked as a canary: drills stop only principals with role \`canary\``)
  const secret = newApiKey()
  const ready = await publishAndWait(options, prepared(canary, known, secret), 'drill')
  if (ready.kind !== 'adopted') {
    terminal.talk(adoptionLine(ready))
    return EXIT.tryAgain
  }
  const report = await measure(connection, { ...connection, token: secret }, canary, options)
  const text = canonicalJson(report)
  await recordDrill(wardenPlace(options), await operatorSigner(options), text)
  if (terminal.json) terminal.data(JSON.stringify({ kind: 'drill', ...report }))
  else
    terminal.data(
      report.passed
        ? `stopped in ${report.stopMs.toFixed(1)} ms: ${report.callsBefore} calls went through before, ${report.refusals} were refused; on record in the warden's journal`
        : `the canary was not stopped within ${STOP_WITHIN_MS} ms; on record in the warden's journal`,
    )
  return report.passed ? EXIT.ok : EXIT.failed
}

function prepared(canary: string, known: PrincipalEntry | undefined, secret: string): readonly ChangeDocument[] {
  const key = { name: KEY_NAME, hash: sha256Hex(secret), expiresAtMs: Date.now() + KEY_LIFE_MS }
  const principal = { id: canary, kind: 'service' as const, owner: null, roles: [CANARY] }
  const changes: ChangeDocument[] = []
  if (known === undefined) changes.push({ change: 'add-principal', principal })
  // A drill that was cut short has left its key.
  if (known?.keys.some(({ name }) => name === KEY_NAME) === true)
    changes.push({ change: 'remove-key', principal: canary, name: KEY_NAME })
  return [...changes, { change: 'add-key', principal: canary, key }]
}

async function measure(
  operator: Connection,
  asCanary: Connection,
  canary: string,
  options: CommandCall['options'],
): Promise<DrillReport> {
  const counts = { before: 0, refusals: 0 }
  const stopping = new AbortController()
  const callers = Array.from({ length: CALLERS }, () => keepCalling(asCanary, counts, stopping.signal))
  while (counts.before < CALLERS * 2) await sleep(5)
  const signer = await operatorSigner(options)
  const place = wardenPlace(options)
  const id = newSwitchId()
  const startedAtMs = Date.now()
  const startedMs = performance.now()
  const scope = { kind: 'principal', value: canary } as const
  const one = { id, scope, action: 'stop', reason: 'drill' } as const
  const asked = await requestChange(place, signer, [{ change: 'switch-on', switch: one }], 'drill')
  try {
    const late = setTimeout(() => stopping.abort(), STOP_WITHIN_MS)
    const stopped = await Promise.all(callers)
    clearTimeout(late)
    const last = Math.max(...stopped.map((at) => at ?? Number.POSITIVE_INFINITY))
    const passed = Number.isFinite(last)
    return {
      ...{ format: 1, canary, switch: id, snapshot: asked.kind === 'published' ? asked.snapshot : 0, startedAtMs },
      ...{
        stopMs: passed ? last - startedMs : STOP_WITHIN_MS,
        callsBefore: counts.before,
        refusals: counts.refusals,
        passed,
      },
    }
  } finally {
    const changes: ChangeDocument[] = [{ change: 'remove-key', principal: canary, name: KEY_NAME }]
    if (asked.kind === 'published') changes.push({ change: 'switch-off', id })
    await requestChange(place, signer, changes, 'the drill is over')
    await request<Self>(operator, '/v1/self')
  }
}

/** Calls what the canary may not do, again and again: each call goes through the gates. @returns when it was refused by the switch */
async function keepCalling(
  connection: Connection,
  counts: { before: number; refusals: number },
  signal: AbortSignal,
): Promise<number | null> {
  for (let call = 0; !signal.aborted; call++) {
    try {
      await request(connection, '/v1/commands/canary', {
        method: 'POST',
        body: {},
        headers: { 'idempotency-key': `drill-${call}` },
      })
    } catch (error) {
      if (!(error instanceof Problem)) throw error
      if (error.code === 'switched-stopped') {
        counts.refusals += 1
        return performance.now()
      }
      if (error.code !== 'no-such-command') throw error
    }
    counts.before += 1
  }
  return null
}
