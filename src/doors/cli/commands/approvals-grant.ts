/**
 * `plinth approvals grant`: approval in advance, made from one request. What that request asks is the pattern; options say where it may differ, how
 * often, up to what sum, and until when. Signed here, with the approver's own key.
 */
import { randomBytes } from 'node:crypto'
import { join } from 'node:path'
import type { ApprovalView } from '../../../engine/engine.ts'
import type { ApprovalGrant, GrantCondition } from '../../../model/approval-grant.ts'
import { base32, type PrincipalId } from '../../../model/ids.ts'
import { canonicalJson } from '../../../model/json.ts'
import type { Outcome } from '../../../model/operation.ts'
import { problem } from '../../../model/problems.ts'
import type { CommandCall } from '../command.ts'
import { confirmed } from '../confirm.ts'
import { dataDirectory, findConnection } from '../connection.ts'
import { OPERATOR_FILE, readCredential, signText } from '../credential.ts'
import { EXIT, type ExitCode } from '../exit-codes.ts'
import { request } from '../http-client.ts'
import { exitCodeOfOutcome } from '../outcome.ts'
import { levelHeader } from './call.ts'
import { time } from '../table.ts'
import { printable } from '../terminal.ts'

const UNIT_MS = { m: 60_000, h: 3_600_000, d: 86_400_000 } as const

export async function grant({ options, terminal }: CommandCall, approval: string): Promise<ExitCode> {
  const connection = await findConnection(options)
  const approver = await readCredential(options.text('as') ?? join(dataDirectory(options), OPERATOR_FILE))
  if (approver.approvalKey === null)
    throw problem('usage', `\`${approver.principal}\` has no key that signs approval decisions`)
  const asked = await request<ApprovalView>(connection, `/v1/approvals/${encodeURIComponent(approval)}`)
  if (asked.bound === undefined) throw problem('usage', 'this request is of an older kind: grant from a newer one')
  const nowMs = Date.now()
  const given: ApprovalGrant = {
    format: 1,
    verdict: 'grant',
    grant: `grt_${base32(randomBytes(17)).slice(0, 26)}`,
    by: approver.principal as PrincipalId,
    to: asked.actor as PrincipalId,
    command: asked.action,
    tool: asked.bound.tool,
    where: conditions(asked, options.list('any'), options.list('at-most')),
    usesMax: options.number('uses', 1_000) ?? 1,
    sum: sumOf(options.text('sum')),
    expiresAtMs: nowMs + forMs(options.text('for') ?? '1h'),
    reason: options.text('reason') ?? '',
    decidedAtMs: nowMs,
  }
  const lines = [
    `grant       ${given.grant}`,
    `to          ${printable(given.to)}, for ${printable(given.command)} as it is defined now`,
    ...Object.entries(given.where).map(([path, one]) => `where       ${path} ${printable(canonicalJson({ ...one }))}`),
    `uses        ${given.usesMax}${given.sum === null ? '' : `, ${given.sum.path} up to ${given.sum.max} in all`}`,
    `until       ${time(given.expiresAtMs)}`,
  ]
  if (!(await confirmed(terminal, options, lines, `approve all of these in advance as \`${approver.principal}\`?`)))
    return EXIT.ok
  const text = canonicalJson(given)
  const token = options.text('as') === null ? connection.token : approver.apiKey
  const outcome = await request<Outcome>({ ...connection, token }, '/v1/approvals/grants', {
    method: 'POST',
    body: { grant: text, signature: signText(text, approver.approvalKey) },
    headers: levelHeader(options),
  })
  if (terminal.json)
    terminal.data(JSON.stringify({ ...outcome, kind: 'granted', outcome: outcome.kind, grant: given.grant }))
  else terminal.data(outcome.kind === 'committed' ? `granted ${given.grant}` : `${outcome.kind}, not granted`)
  return exitCodeOfOutcome(outcome)
}

/** Every plain member of the request's input as it is, but for those that may be anything or are bounded. @throws `usage` */
function conditions(
  { input }: ApprovalView,
  any: readonly string[],
  atMost: readonly string[],
): Readonly<Record<string, GrantCondition>> {
  const members = typeof input === 'object' && input !== null && !Array.isArray(input) ? Object.entries(input) : []
  const where: Record<string, GrantCondition> = {}
  for (const [name, value] of members) {
    const path = `input.${name}`
    if (any.includes(path)) continue
    if (typeof value === 'string' || typeof value === 'boolean' || Number.isSafeInteger(value))
      where[path] = { is: value as string | number | boolean }
    else throw problem('usage', `\`${path}\` is a list or an object: say \`--any ${path}\``, { command: 'approvals' })
  }
  for (const bound of atMost) {
    const { path, max } = sumOf(bound) as { readonly path: string; readonly max: number }
    where[path] = { atMost: max }
  }
  return where
}

/** `facts.amount=500`. @throws `usage` */
function sumOf(text: string | null): ApprovalGrant['sum'] {
  if (text === null) return null
  const [, path, digits] = /^((?:input|facts)\.[A-Za-z0-9_.]+)=([0-9]{1,15})$/.exec(text) ?? []
  if (path === undefined)
    throw problem('usage', `\`${text}\` is not of the form \`facts.amount=500\``, { command: 'approvals' })
  return { path, max: Number(digits) }
}

/** @throws `usage` */
function forMs(text: string): number {
  const [, digits, unit] = /^([1-9][0-9]{0,3})([mhd])$/.exec(text) ?? []
  if (unit === undefined)
    throw problem('usage', '`--for` is a whole number with m, h or d, up to 30d', { command: 'approvals' })
  return Number(digits) * UNIT_MS[unit as keyof typeof UNIT_MS]
}
