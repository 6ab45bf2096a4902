/** Decides approval requests as the operator, with the operator's key: what a person does at the command line. */
import { renderCard } from '../../src/model/approval-card.ts'
import { sha256Hex, type ApprovalId, type PrincipalId } from '../../src/model/ids.ts'
import type { Outcome } from '../../src/model/operation.ts'
import { signApproval } from '../../src/warden/approval-decision.ts'
import type { ApprovalDecision } from '../../src/warden/authority.ts'
import { NEVER, type Bank } from './bank-system.ts'

export type Held = Extract<Outcome, { kind: 'held' }>

export async function signedDecision(bank: Bank, approval: ApprovalId, change: Partial<ApprovalDecision> = {}) {
  const view = await bank.engine.approval(bank.operator, approval, NEVER)
  const card = renderCard(view)
  const signed = signApproval(
    {
      format: 1,
      approval,
      verdict: 'approve',
      binds: view.binds,
      saw: sha256Hex(card),
      by: 'operator' as PrincipalId,
      reason: 'looked at it',
      decidedAtMs: Date.now(),
      ...change,
    },
    bank.credentials.operator.approvalKey as string,
  )
  return { ...signed, card }
}

export async function decideAsOperator(
  bank: Bank,
  approval: ApprovalId,
  change: Partial<ApprovalDecision> = {},
): Promise<Outcome> {
  const { decision, signature, card } = await signedDecision(bank, approval, change)
  return bank.engine.decideApproval(bank.operator, decision, signature, NEVER, card)
}
