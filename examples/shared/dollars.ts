/** Money at the edge: records speak of dollars, the application counts cents. */

/** Integer cents of a dollar amount with at most two decimals. */
export const centsOf = (dollars: number): number => Math.round(dollars * 100)

/** The double nearest to the amount, so that it prints with at most two decimals. */
export const dollarsOf = (cents: number): number => cents / 100
