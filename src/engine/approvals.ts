/** Requests for approval, as an approver sees them. */
import { APPROVALS_MODEL, viewOf } from './approval-request.ts'
import { decodeCursor, encodeCursor } from './cursor.ts'
import { readApproval } from './approval-change.ts'
import type { ApprovalView, Page, PageRequest } from './engine.ts'
import type { Parts } from './parts.ts'
import { mayRead } from './reading.ts'
import type { ApprovalId } from '../model/ids.ts'
import type { JsonObject } from '../model/json.ts'
import type { Credentials } from '../model/principal.ts'

export async function approvals(
  parts: Parts,
  credentials: Credentials,
  filter: { readonly state?: ApprovalView['state'] },
  page: PageRequest,
  signal: AbortSignal,
): Promise<Page<ApprovalView>> {
  const where: JsonObject = filter.state === undefined ? {} : { state: filter.state }
  await mayRead(parts, credentials, { kind: 'approvals' }, { approvals: where }, signal)
  const place = decodeCursor('approvals', page, 2)
  const asOf = parts.states.visible
  const after = place === null ? null : { id: String(place[1]), key: '' }
  const found = parts.reader.find({ model: APPROVALS_MODEL, where, order: ['heldAtMs'], limit: page.limit, after })
  const items: ApprovalView[] = []
  for (const { id } of found) items.push(viewOf((await readApproval(parts, id as ApprovalId, signal)).state))
  const last = found.at(-1)
  return {
    items,
    next: found.length < page.limit || last === undefined ? null : encodeCursor('approvals', [asOf, last.id]),
    asOf,
  }
}

/** @throws `no-such-approval` */
export async function approval(
  parts: Parts,
  credentials: Credentials,
  id: ApprovalId,
  signal: AbortSignal,
): Promise<ApprovalView> {
  await mayRead(parts, credentials, { kind: 'approvals' }, { approval: id }, signal)
  return viewOf((await readApproval(parts, id, signal)).state)
}
