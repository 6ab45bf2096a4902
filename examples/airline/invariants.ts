/** What must be true of the airline after every commit, whatever a command believed. */
import { invariant } from 'plinth'
import { flight } from './flight.ts'
import { user } from './user.ts'

export const giftCardsAreNotOverdrawn = invariant('gift_cards_are_not_overdrawn', {
  describe: 'no gift card holds less than nothing',
  of: user,
  holds: ({ paymentMethods }) =>
    Object.values(paymentMethods).every((method) => method.source !== 'gift_card' || method.amount >= 0),
})

export const flightsAreNotOverbooked = invariant('flights_are_not_overbooked', {
  describe: 'no cabin has fewer than no seats left',
  of: flight,
  holds: ({ days }) =>
    Object.values(days).every(({ offer }) => offer === null || Object.values(offer.seats).every((left) => left >= 0)),
})
