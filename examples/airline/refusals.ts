/** Why a command says no. Codes are stable; `rule` in the detail is the rule of the airline's policy that stands behind it. */
export const refusals = {
  'not-the-customers': 'this belongs to somebody who is not being served',
  'flight-not-found': 'there is no such flight on that day',
  'flight-unavailable': 'the flight cannot be booked on that day',
  'no-seats': 'the cabin has too few seats left',
  'payment-method-not-found': "the customer's profile has no such payment method",
  'payment-method-not-allowed': 'a change is paid by gift card or credit card, never by certificate',
  'insufficient-funds': 'the gift card or certificate does not hold enough',
  'amount-mismatch': 'the payments do not add up to the price',
  'limit-reached': 'there is no id left for another one',
  'length-mismatch': 'the number of passengers cannot change',
} as const

export type RefusalCode = keyof typeof refusals

/** A no, found by code that does not hold the transaction. */
export interface Reason<Code extends RefusalCode> {
  readonly code: Code
  readonly detail: { readonly [member: string]: string | number }
}
export const because = <Code extends RefusalCode>(code: Code, detail: Reason<Code>['detail']): Reason<Code> => ({
  code,
  detail,
})
