/** A receipt but for its checkpoint, which is one for a batch and half of the text: it crosses to the main thread once. */
import type { Position } from '../../model/ids.ts'
import type { Receipt } from '../../model/receipt.ts'

export interface ProofPath {
  readonly index: Position
  readonly record: string
  /** The proof's text up to its checkpoint. */
  readonly path: string
}

export const receiptFrom = ({ index, record, path }: ProofPath, checkpoint: string): Receipt => ({
  index,
  record,
  proof: `${path}${checkpoint}`,
})
