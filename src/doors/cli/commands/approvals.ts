/** `plinth approvals`: what waits for a person. The decision is signed here, with the approver's own key; the door only carries it. */
import { join } from 'node:path'
import type { ApprovalView, Page } from '../../../engine/engine.ts'
import { sha256Hex, type PrincipalId } from '../../../model/ids.ts'
import { renderCard } from '../../../model/approval-card.ts'
import { canonicalJson } from '../../../model/json.ts'
import type { Outcome } from '../../../model/operation.ts'
import { problem } from '../../../model/problems.ts'
import type { ApprovalDecision } from '../../../warden/authority.ts'
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
  const [word, approval] = call.words
  if (word === 'list') return await list(call)
  if (word !== 'show' && word !== 'approve' && word !== 'refuse')
    throw unknownWord('approvals', word, ['list', 'show', 'approve', 'refuse'])
  if (approval === undefined)
    throw problem('usage', `say which one: \`plinth approvals ${word} APPROVAL\``, { command: 'approvals' })
  return word === 'show' ? await show(call, approval) : await decide(call, approval, word)
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

async function decide(call: CommandCall, approval: string, word: 'approve' | 'refuse'): Promise<ExitCode> {
  const { options, terminal } = call
  const connection = await findConnection(options)
  const approver = await readCredential(options.text('as') ?? join(dataDirectory(options), OPERATOR_FILE))
  if (approver.approvalKey === null)
    throw problem('usage', `\`${approver.principal}\` has no key that signs approval decisions`)
  const asked = await view(connection, approval)
  const question = `${word} this as \`${approver.principal}\`?`
  const card = renderCard(asked)
  if (!(await confirmed(terminal, options, card.split('\n'), question))) return EXIT.ok
  const decision: ApprovalDecision = {
    format: 1,
    approval: asked.approval,
    verdict: word,
    binds: asked.binds,
    saw: sha256Hex(card),
    by: approver.principal as PrincipalId,
    reason: options.text('reason') ?? '',
    decidedAtMs: Date.now(),
  }
  const text = canonicalJson(decision)
  // A named approver speaks for itself; the operator's key of this directory never goes to a system elsewhere.
  const token = options.text('as') === null ? connection.token : approver.apiKey
  const outcome = await request<Outcome>(
    { ...connection, token },
    `/v1/approvals/${encodeURIComponent(approval)}/decision`,
    { method: 'POST', body: { decision: text, signature: signText(text, approver.approvalKey), card } },
  )
  terminal.data(
    terminal.json
      ? JSON.stringify({ ...outcome, kind: 'decided', outcome: outcome.kind })
      : outcomeLines(outcome).join('\n'),
  )
  // Refusing is what was wanted: that the operation ends refused or denied is success here.
  return word === 'refuse' ? EXIT.ok : exitCodeOfOutcome(outcome)
}

/** The card, which is everything that the signature stands for, and what has become of the request. */
const viewLines = (asked: ApprovalView): readonly string[] => [
  ...renderCard(asked).split('\n'),
  `request     ${asked.state}${asked.decidedBy === null ? '' : `, decided by ${printable(asked.decidedBy)}`}`,
]
