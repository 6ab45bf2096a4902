/** Who is being served. Whether something may happen is admission's to say; this only keeps a refusal from speaking of somebody else's order. */
import type { ReadTransaction } from 'plinth'

type Detail = { readonly [member: string]: string | number }
type Asking = Pick<ReadTransaction<never, never, never>, 'attested'>

/** What to refuse with: the reason for the customer who is being served, and for anybody else only that it is not theirs. */
export const discreetly = <const Code extends string>(
  tx: Asking,
  owner: string,
  code: Code,
  detail: Detail,
): [Code | 'not-the-customers', Detail] =>
  tx.attested['user_id'] === owner ? [code, detail] : ['not-the-customers', { rule: 'owner:not-the-users' }]
