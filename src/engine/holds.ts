/** Bounds what waits for approval for one principal, with what is just being parked: calls that race are counted before their rows can be found. */
import { APPROVALS_MODEL } from './approval-request.ts'
import { HELD_PER_PRINCIPAL_MAX } from './bounds.ts'
import type { Parts } from './parts.ts'
import type { ApprovalId, PrincipalId } from '../model/ids.ts'
import { problem } from '../model/problems.ts'

export class Holds {
  readonly #parking = new Map<PrincipalId, Set<ApprovalId>>()

  /** Parks one more, where there is room for it. @throws `too-many-held` */
  async within<Answer>(
    { reader }: Pick<Parts, 'reader'>,
    principal: PrincipalId,
    approval: ApprovalId,
    park: () => Promise<Answer>,
  ): Promise<Answer> {
    const parking = this.#parking.get(principal) ?? new Set()
    const where = { open: true, actor: principal }
    const limit = HELD_PER_PRINCIPAL_MAX
    const found = reader.find({ model: APPROVALS_MODEL, where, order: [], limit, after: null })
    const waiting = new Set([...parking, ...found.map(({ id }) => id)]).size // one that has landed may still be in both
    if (waiting >= limit)
      throw problem('too-many-held', `\`${principal}\` has ${waiting} operations waiting`, { limit })
    this.#parking.set(principal, parking.add(approval))
    try {
      return await park()
    } finally {
      parking.delete(approval)
      if (parking.size === 0) this.#parking.delete(principal)
    }
  }
}
