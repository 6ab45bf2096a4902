/** What a caller of the typed client may write, and gets. */
import { client } from 'plinth/client'
import type { Committed, Refused } from 'plinth/client'
import { same } from './same.ts'
import type app from './shop.ts'

export async function use(url: string): Promise<void> {
  const shop = client<typeof app>(url, { token: '' })
  const cancelled = await shop.commands.cancel({ orderId: '1', reason: '' }, { key: 'k' })
  const refused = cancelled.kind === 'refused' ? cancelled : undefined
  same<typeof refused, Refused<'not-pending' | 'not-found'> | undefined>()
  const committed = cancelled.kind === 'committed' ? cancelled : undefined
  same<typeof committed, Committed<{ refunded: number }> | undefined>()

  if (cancelled.kind === 'awaiting') same<typeof cancelled.result, { refunded: number }>()
  await shop.commands.touch({ id: '1' }, { acknowledge: 'witnessed' })
  // @ts-expect-error: there is no such level
  await shop.commands.touch({ id: '1' }, { acknowledge: 'notarised' })

  const counted = await shop.commands.count({ id: '1', by: 1 })
  if (counted.kind === 'refused') same<typeof counted.code, 'negative' | 'too-many' | 'not-found'>()
  if (counted.kind === 'committed') same<typeof counted.result, { count: number }>()
  if (counted.kind === 'held') same<typeof counted.expiresAtMs, number>()
  const touched = await shop.commands.touch({ id: '1' })
  if (touched.kind === 'committed') same<typeof touched.result, null>()
  if (touched.kind === 'refused') same<typeof touched.code, 'not-found'>()
  const found = await shop.queries.pending({ userId: '1' }, { at: 5 })
  if (found.kind === 'answered') same<typeof found.result, { id: string; total: number }[]>()
  if (found.kind === 'refused') same<typeof found.code, 'not-found'>()

  // @ts-expect-error: there is no such command
  await shop.commands.delete({})
  // @ts-expect-error: a query is not a command
  await shop.commands.pending({ userId: '1' })
  // @ts-expect-error: `reason` is missing
  await shop.commands.cancel({ orderId: '1' })
  // @ts-expect-error: `by` is a number
  await shop.commands.count({ id: '1', by: '1' })
  // @ts-expect-error: the input has no `force`
  await shop.commands.touch({ id: '1', force: true })
  // @ts-expect-error: the result is there only when it is committed
  void cancelled.result
  // @ts-expect-error: no such code can come back
  if (counted.kind === 'refused' && counted.code === 'too-few') return
  // @ts-expect-error: a query is never held
  if (found.kind === 'held') return
  // @ts-expect-error: a position or a time
  await shop.queries.pending({ userId: '1' }, { at: 'yesterday' })
}
