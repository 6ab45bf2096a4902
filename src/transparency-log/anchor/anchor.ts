/**
 * An anchor puts a checkpoint where the log's operator cannot reach back: it shows that the checkpoint existed before a time, to whoever trusts the
 * anchor and nobody here. What others make of it (a public chain, a locked store, a mirror) plugs in behind this one interface.
 */

/** What one anchoring shows. */
export interface Anchored {
  /** The checkpoint existed no later than this, by the anchor's clock. */
  readonly timeMs: number
  /** How exact the anchor says that is; 0 when it does not say. */
  readonly accuracyMs: number
  /** Who says so, for people. */
  readonly by: string
  /** The proof must be renewed before: what it rests on expires then. Null when it does not. */
  readonly untilMs: number | null
}

/** @template Trust what the verifier brings along, e.g. certificates of the authorities that it trusts */
export interface Anchor<Trust = never> {
  /** Names the anchor in files and in what people see: lower-case letters, digits, `-`. */
  readonly name: string
  /** Of proofs, as a suffix of files: `tsr`. */
  readonly kind: string
  /**
   * Anchors the exact bytes of a signed checkpoint, cosignatures included.
   * @returns a proof that `verify` has accepted
   * @throws AnchorFault: nothing was anchored, or nobody knows; asking again is safe
   */
  submit(checkpoint: string, signal: AbortSignal): Promise<Uint8Array>
  /** Offline. @param trust left out: what the anchor itself was set up with @throws AnchorFault `proof-invalid` */
  verify(checkpoint: string, proof: Uint8Array, trust?: Trust): Anchored
}

export type AnchorFaultCode =
  /** No answer, or not in time. */
  | 'unreachable'
  /** The anchor answered that it will not. */
  | 'refused'
  /** What came is not a proof for this checkpoint by somebody who is trusted. */
  | 'proof-invalid'

export class AnchorFault extends Error {
  override readonly name = 'AnchorFault'
  readonly code: AnchorFaultCode
  constructor(code: AnchorFaultCode, detail: string, cause?: unknown) {
    super(detail, cause === undefined ? undefined : { cause })
    this.code = code
  }
}
