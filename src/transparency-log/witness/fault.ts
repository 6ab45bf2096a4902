/** Why a witness does not start, or has stopped signing: an operator has to look. Codes are stable. */
export type WitnessFaultCode =
  /** An option is missing or malformed. */
  | 'bad-option'
  /** Another process has this directory. */
  | 'directory-in-use'
  /** The key is there and the heads are not, or the other way round: parts of a directory, not a witness. */
  | 'state-incomplete'
  /** A head does not carry this witness's own cosignature. */
  | 'state-damaged'
  /** The clock is behind what this witness has already said. */
  | 'clock-behind'
  /** Somebody has shown a cosignature of this witness that its state does not know: the state is older than what was signed. */
  | 'state-rolled-back'
  /** The disk did not take a head: what is on it is not known. */
  | 'storage-failed'

export class WitnessFault extends Error {
  override readonly name = 'WitnessFault'
  readonly code: WitnessFaultCode
  constructor(code: WitnessFaultCode, detail: string, options?: ErrorOptions) {
    super(detail, options)
    this.code = code
  }
}
