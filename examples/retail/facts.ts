/** What the shop's commands and queries tell admission. The rules over them are in policies/. */
import { z } from 'zod'

/** Whose data is read. */
export const ownerFacts = z.object({ owner: z.string() })

/** Whose order is to change, and how far it has come. */
export const orderFacts = z.object({ owner: z.string(), status: z.string() })

/** For moving money: what kind of method is named; `none` when the owner has no such method. */
export const paymentFacts = z.object({
  owner: z.string(),
  status: z.string(),
  methodSource: z.enum(['gift_card', 'credit_card', 'paypal', 'none']),
  /** Is it the method that the order was paid with? */
  methodIsOriginal: z.boolean(),
})

/** Facts that the front door attests for a run: who is being served, and whether they said yes to what was listed for them. */
export const attested = z.object({
  user_id: z.string().optional(),
  confirmed: z.boolean().optional(),
})
