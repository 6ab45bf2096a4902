/** Settling the price of a change with one payment method: gift cards inside the commit, credit cards as an effect. */
import type { Transaction } from 'plinth'
import { charge, refund } from './effects.ts'
import { because } from './refusals.ts'
import type { Reason } from './refusals.ts'
import type { Payment, reservation } from './reservation.ts'
import { methodOf, user } from './user.ts'
import type { User } from './user.ts'

type Obstacle = Reason<'payment-method-not-found' | 'payment-method-not-allowed' | 'insufficient-funds'>

/** May this method settle the price? Negative: money goes back to it. */
export function obstacleTo(owner: User, methodId: string, price: number): Obstacle | null {
  const method = methodOf(owner, methodId)
  if (method === undefined) return because('payment-method-not-found', { rule: 'payment:not-in-profile' })
  if (method.source === 'certificate') return because('payment-method-not-allowed', { rule: 'payment:certificate' })
  if (method.source === 'gift_card' && method.amount < price)
    return because('insufficient-funds', { rule: 'payment:gift-card-balance' })
  return null
}

type Mover = Pick<
  Transaction<never, string, void, typeof user | typeof reservation, typeof charge | typeof refund>,
  'append' | 'effect'
>

/** Moves the money, and says what the reservation should remember of it. Only after `obstacleTo` found none. */
export function settle(
  tx: Mover,
  owner: User,
  {
    reservationId,
    userId,
    methodId,
    price,
  }: { reservationId: string; userId: string; methodId: string; price: number },
): Payment | null {
  if (price === 0) return null
  if (methodOf(owner, methodId)?.source === 'gift_card')
    tx.append(user, userId, 'gift-card-moved', { methodId, amount: -price })
  else if (price > 0) tx.effect(charge, { reservationId, methodId, amount: price })
  else tx.effect(refund, { reservationId, methodId, amount: -price })
  return { methodId, amount: price }
}
