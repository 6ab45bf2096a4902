/** Every bound of the path, with unit and reason. Where one is reached, the outcome is named beside it. */

/** Times an operation may decide again because another won a stream that it read; then `stream-contended`. */
export const ATTEMPTS_MAX = 64
/** Wall time of one operation from its first gate; then `deadline-exceeded`. */
export const OPERATION_TIMEOUT_MS = 30_000
/** Operations under way at once; one more is `overloaded`. Each holds a few kilobytes. */
export const RUNNING_MAX = 4_096
/** Streams and finds that one decision may be served; one more ends it as `limit-exceeded`. */
export const READS_MAX = 1_000
/** Entity states kept in memory: at a kilobyte each this is tens of megabytes. */
export const STATES_CACHED_MAX = 20_000
/** Events between two snapshots of one stream: bounds what a load has to fold. */
export const SNAPSHOT_EVERY = 200
/** Events folded in one call to a cell, so that no stream can hold a cell for long. */
export const FOLD_EVENTS_MAX = 500
/** Held operations of one principal; one more is `too-many-held`. */
export const HELD_PER_PRINCIPAL_MAX = 100
/** Length of an idempotency key, in characters. */
export const IDEMPOTENCY_KEY_MAX = 255
/** Outside records mapped and committed in one import step. */
export const IMPORT_BATCH_RECORDS = 200
/** Longest that `outcome` waits for a held operation. */
export const OUTCOME_WAIT_MAX_MS = 60_000
/** Log records looked through for one page of operations; the cursor goes on where it stopped. */
export const OPERATIONS_SCAN_MAX = 5_000
