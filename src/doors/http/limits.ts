/** Every bound of the HTTP door, by name, with unit and reason. */

export interface HttpLimits {
  /** Largest body, in bytes. Inputs of commands are small; records to import come in by the CLI. */
  readonly bodyBytesMax: number
  /** Largest request target, in bytes: a read model's `where` must fit. */
  readonly targetBytesMax: number
  /** Largest header block, in bytes; tokens of issuers with many claims take a few KiB. */
  readonly headerBytesMax: number
  /** Requests in work at once; one more is answered `overloaded`, and nothing of it is kept. */
  readonly requestsMax: number
  /** Open connections; one more is closed. */
  readonly connectionsMax: number
  /** Time for all headers to arrive, in ms: slow writers do not hold a connection. */
  readonly headersMs: number
  /** Time for the whole request to arrive, in ms. */
  readonly arrivalMs: number
  /** Time from arrival to answer, in ms, before the operation's signal is aborted; a wait that was asked for comes on top. */
  readonly requestMs: number
  /** Time after that abort within which the engine must answer, in ms, before the door answers by itself. */
  readonly graceMs: number
  /** Idle time before a kept-alive connection is closed, in ms. Above what load balancers use, so that they close first. */
  readonly idleMs: number
}

export const HTTP_LIMITS: HttpLimits = {
  bodyBytesMax: 1 << 20,
  targetBytesMax: 8_192,
  headerBytesMax: 16_384,
  requestsMax: 1_024,
  connectionsMax: 4_096,
  headersMs: 10_000,
  arrivalMs: 30_000,
  requestMs: 30_000,
  graceMs: 2_000,
  idleMs: 75_000,
}

/** Longest wait for an outcome that a caller may ask for, in ms: below what proxies cut. */
export const WAIT_MS_MAX = 30_000
/** Members of a query string. */
export const QUERY_MEMBERS_MAX = 16
/** Headers of a request. */
export const HEADERS_MAX = 64
