/** Why a command says no. Codes are stable; `rule` in the detail is the rule of the shop's policy that stands behind it. */
export const refusals = {
  'not-the-customers': 'this belongs to somebody who is not being served',
  'order-not-pending': 'the order is not pending any more',
  'order-not-delivered': 'the order has not been delivered, or is on its way back already',
  'item-not-in-order': 'the order does not hold these items, or not as often',
  'length-mismatch': 'there must be one new item for each old one',
  'same-item': 'the new item is the one that is there already',
  'item-not-of-product': 'the new item is not a variant of the same product',
  'item-unavailable': 'the new item is not available',
  'payment-method-not-found': "the customer's profile has no such payment method",
  'payment-method-not-allowed': 'a refund goes to the original payment method or to a gift card',
  'same-payment-method': 'the order is paid by this method already',
  'payment-not-movable': 'only a single payment can be moved to another method',
  'insufficient-funds': 'the gift card does not hold enough',
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
