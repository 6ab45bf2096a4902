/** What the airline asks of the world outside. */
import { effect, money } from 'plinth'
import { z } from 'zod'

const payment = z.object({
  reservationId: z.string(),
  /** A credit card of the customer. Gift cards and certificates are the airline's own and never leave it. */
  methodId: z.string(),
  amount: money().positive(),
})

export const charge = effect('charge', {
  describe: 'take money from a credit card of the customer; a refund makes up for it',
  payload: payment,
  risk: 'compensable',
})

export const refund = effect('refund', {
  describe: 'give money back to a payment method of the customer; arrives in 5 to 7 business days',
  payload: payment,
  risk: 'compensable',
})

export const callColleague = effect('call-colleague', {
  describe: 'hand the conversation to a person',
  payload: z.object({ summary: z.string() }),
  risk: 'reversible',
})
