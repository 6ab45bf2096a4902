/** Moving money between the shop and a customer: gift cards inside the commit, everything else as an effect. */
import type { Transaction } from 'plinth'
import { charge, refund } from './effects.ts'
import type { Order, order } from './order.ts'
import { methodOf, user } from './user.ts'
import type { PaymentMethod, User } from './user.ts'

type Mover = Pick<
  Transaction<never, string, void, typeof user | typeof order, typeof charge | typeof refund>,
  'append' | 'effect'
>

/** One movement: `amount` is positive when the customer pays, negative when money goes back. */
export interface Movement {
  readonly orderId: string
  readonly userId: string
  readonly methodId: string
  readonly amount: number
}

/** Carries a movement out. A method that has left the profile is treated as an outside one: the money still goes where it came from. */
export function move(tx: Mover, owner: User, { orderId, userId, methodId, amount }: Movement): void {
  if (amount === 0) return
  if (methodOf(owner, methodId)?.source === 'gift_card')
    tx.append(user, userId, 'gift-card-moved', { methodId, amount: -amount })
  else if (amount > 0) tx.effect(charge, { orderId, methodId, amount })
  else tx.effect(refund, { orderId, methodId, amount: -amount })
}

/** Only a gift card can be too empty; what other methods hold is not ours to know. */
export const covers = (method: PaymentMethod, amount: number): boolean =>
  method.source !== 'gift_card' || method.balance >= amount

/** What admission may know of a payment method named for an order. */
export const paymentFactsOf = (order: Order, owner: User, methodId: string) => ({
  owner: order.userId,
  status: order.status,
  methodSource: methodOf(owner, methodId)?.source ?? ('none' as const),
  methodIsOriginal: order.payments[0]?.methodId === methodId,
})
