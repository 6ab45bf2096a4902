/** Time as the airline writes it: Eastern Standard Time, five hours behind UTC, all year round. */

const EST_OFFSET_MS = 5 * 60 * 60 * 1_000
const DAY_MS = 24 * 60 * 60 * 1_000

/** YYYY-MM-DDTHH:MM:SS */
export const estTime = (ms: number): string => new Date(ms - EST_OFFSET_MS).toISOString().slice(0, 19)

/** Milliseconds since the epoch of a time written that way. */
export const msOfEst = (time: string): number => Date.parse(`${time}Z`) + EST_OFFSET_MS

/** The day after, YYYY-MM-DD. */
export const dayAfter = (date: string): string =>
  new Date(Date.parse(`${date}T00:00:00Z`) + DAY_MS).toISOString().slice(0, 10)
