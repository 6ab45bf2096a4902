/** What the shop asks of the world outside. */
import { effect, money } from 'plinth'
import { z } from 'zod'

const payment = z.object({
  orderId: z.string(),
  /** A credit card or PayPal account of the customer. Gift cards are the shop's own and never leave it. */
  methodId: z.string(),
  amount: money().positive(),
})

export const charge = effect('charge', {
  describe: 'take money from a payment method of the customer; a refund makes up for it',
  payload: payment,
  risk: 'compensable',
})

export const refund = effect('refund', {
  describe: 'give money back to a payment method of the customer; arrives in 5 to 7 business days',
  payload: payment,
  risk: 'compensable',
})

export const mailReturnInstructions = effect('mail-return-instructions', {
  describe: 'tell the customer by e-mail how to send items back; a second mail can call it off',
  payload: z.object({ orderId: z.string(), userId: z.string() }),
  risk: 'compensable',
})

export const callColleague = effect('call-colleague', {
  describe: 'hand the conversation to a person',
  payload: z.object({ summary: z.string() }),
  risk: 'reversible',
})
