/** Time, for everything that needs it: real here, simulated in tests. Wall clock in ms since the epoch; monotonic in microseconds. */
export interface Clock {
  nowMs(): number
  monotonicUs(): number
}
export const systemClock: Clock = {
  nowMs: () => Date.now(),
  monotonicUs: () => performance.now() * 1000,
}
