/** `plinth approvals`: what waits for a person. The decision is signed here, with the approver's own key; the door only carries it. */
import { join } from 'node:path'
import type { ApprovalView, Page } from '../../../engine/engine.ts'
import { sha256Hex, type PrincipalId } from '../../../model/ids.ts'
import { renderCard } from '../../../model/approval-card.ts'
import { canonicalJson } from '../../../model/json.ts'
import type { Outcome } from '../../../model/operation.ts'
import { problem } from '../../../model/problems.ts'
import type { ApprovalDecision } from '../../../warden/authority.ts'
import { listGrants, withdraw } from './approvals-given.ts'
import { grant } from './approvals-grant.ts'
import { levelHeader } from './call.ts'
import { unknownWord, type CommandCall } from '../command.ts'
import { confirmed } from '../confirm.ts'
import { dataDirectory, findConnection, type Connection } from '../connection.ts'
import { OPERATOR_FILE, readCredential, signText } from '../credential.ts'
import { EXIT, type ExitCode } from '../exit-codes.ts'
import { request } from '../http-client.ts'
import { exitCodeOfOutcome, outcomeLines } from '../outcome.ts'
import { pageQuery, printPage } from '../page.ts'
import { time } from '../table.ts'
import { printable } from '../terminal.ts'

export async function run(call: CommandCall): Promise<ExitCode> {
  const [word, approval, ...more] = call.words
  if (word === 'list') return await list(call)
  if (word === 'grants') return await listGrants(call)
  if (word !== 'show' && word !== 'approve' && word !== 'refuse' && word !== 'grant' && word !== 'withdraw')
    throw unknownWord('approvals', word, ['list', 'show', 'approve', 'refuse', 'grant', 'grants', 'withdraw'])
  if (approval === undefined)
    throw problem(
      'usage',
      `say which one: \`plinth approvals ${word} ${word === 'withdraw' ? 'GRANT' : 'APPROVAL'}\``,
      { command: 'approvals' },
    )
  if (word === 'withdraw') return await withdraw(call, approval)
  if (word === 'grant') return await grant(call, approval)
  return word === 'show' ? await show(call, approval) : await decide(call, [approval, ...more], word)
}

async function list({ options, terminal }: CommandCall): Promise<ExitCode> {
  const page = await request<Page<ApprovalView>>(await findConnection(options), '/v1/approvals', {
    query: { state: options.text('state') ?? 'pending', ...pageQuery(options) },
  })
  const head = ['APPROVAL', 'STATE', 'ACTION', 'INPUT', 'ACTOR', 'FOR', 'NEEDS', 'EXPIRES']
  printPage(terminal, 'approvals', page, head, (item) => [
    item.approval,
    item.state,
    item.action,
    JSON.stringify(item.input),
    item.actor,
    item.onBehalfOf,
    item.requires.join(' '),
    time(item.expiresAtMs),
  ])
  return EXIT.ok
}

const view = (connection: Connection, approval: string): Promise<ApprovalView> =>
  request<ApprovalView>(connection, `/v1/approvals/${encodeURIComponent(approval)}`)

async function show({ options, terminal }: CommandCall, approval: string): Promise<ExitCode> {
  const shownView = await view(await findConnection(options), approval)
  terminal.data(terminal.json ? JSON.stringify({ kind: 'approval', ...shownView }) : viewLines(shownView).join('\n'))
  return EXIT.ok
}

async function decide(call: CommandCall, approvals: readonly string[], word: 'approve' | 'refuse'): Promise<ExitCode> {
  const { options, terminal } = call
  const connection = await findConnection(options)
  const approver = await readCredential(options.text('as') ?? join(dataDirectory(options), OPERATOR_FILE))
  const { approvalKey } = approver
  if (approvalKey === null) throw problem('usage', `\`${approver.principal}\` has no key that signs approval decisions`)
  const asked: { readonly view: ApprovalView; readonly card: string }[] = []
  for (const approval of approvals) {
    const one = await view(connection, approval)
    asked.push({ view: one, card: renderCard(one) })
  }
  const question =
    asked.length === 1
      ? `${word} this as \`${approver.principal}\`?`
      : `${word} these ${asked.length}, all or none, as \`${approver.principal}\`?`
  const shown = asked.flatMap(({ card }) => [...card.split('\n'), ''])
  if (!(await confirmed(terminal, options, shown.slice(0, -1), question))) return EXIT.ok
  const decidedAtMs = Date.now()
  const decisions = asked.map(({ view: one, card }) => {
    const decision: ApprovalDecision = {
      format: 1,
      approval: one.approval,
      verdict: word,
      binds: one.binds,
      saw: sha256Hex(card),
      by: approver.principal as PrincipalId,
      reason: options.text('reason') ?? '',
      decidedAtMs,
    }
    const text = canonicalJson(decision)
    return { decision: text, signature: signText(text, approvalKey), card }
  })
  // A named approver speaks for itself; the operator's key of this directory never goes to a system elsewhere.
  const token = options.text('as') === null ? connection.token : approver.apiKey
  const { outcomes } = await request<{ readonly outcomes: readonly Outcome[] }>(
    { ...connection, token },
    '/v1/approvals/decisions',
    { method: 'POST', body: { decisions }, headers: levelHeader(options) },
  )
  for (const outcome of outcomes)
    terminal.data(
      terminal.json
        ? JSON.stringify({ ...outcome, kind: 'decided', outcome: outcome.kind })
        : outcomeLines(outcome).join('\n'),
    )
  // Refusing is what was wanted: that the operation ends refused or denied is success here.
  return word === 'refuse' ? EXIT.ok : (outcomes.map(exitCodeOfOutcome).find((code) => code !== EXIT.ok) ?? EXIT.ok)
}

/** The card, which is everything that the signature stands for, and what has become of the request. */
const viewLines = (asked: ApprovalView): readonly string[] => [
  ...renderCard(asked).split('\n'),
  `request     ${asked.state}${asked.decidedBy === null ? '' : `, decided by ${printable(asked.decidedBy)}`}`,
]
