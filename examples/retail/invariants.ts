/** What must be true of the shop after every commit, whatever a command believed. */
import { invariant } from 'plinth'
import { user } from './user.ts'

export const giftCardsAreNotOverdrawn = invariant('gift_cards_are_not_overdrawn', {
  describe: 'no gift card holds less than nothing',
  of: user,
  holds: ({ paymentMethods }) =>
    Object.values(paymentMethods).every((method) => method.source !== 'gift_card' || method.balance >= 0),
})
