/** C2SP tlog-proof: inclusion of one leaf under a signed checkpoint, as text that verifies offline. */
import type { Hash, Position } from '../model/ids.ts'
import { leafHash } from '../model/merkle.ts'
import type { Receipt } from '../model/receipt.ts'
import { NoteError, strictBase64, type NoteVerifier } from '../model/signed-note.ts'
import { openCheckpoint, parseTreeSize, type Checkpoint } from './checkpoint.ts'
import { verifyInclusion } from './proofs.ts'

const HEADER = 'c2sp.org/tlog-proof@v1'
const PROOF_HASHES_MAX = 63 // the height of the tallest tree

export interface TlogProof {
  readonly index: number
  readonly hashes: readonly Hash[]
  /** Signed note, byte for byte. */
  readonly checkpoint: string
}

/** Turns hashes into base64, remembering them: receipts of one batch share most of their path. */
export type HashText = (hash: Hash) => string
export function hashTexts(): HashText {
  const texts = new Map<Hash, string>()
  return (hash) => {
    let text = texts.get(hash)
    if (text === undefined) texts.set(hash, (text = Buffer.from(hash, 'hex').toString('base64')))
    return text
  }
}

export const formatTlogProof = ({ index, hashes, checkpoint }: TlogProof): string =>
  `${formatProofPath(index, hashes, hashTexts())}${checkpoint}`

/** All of a proof but its checkpoint, which proofs of one batch have in common. */
export function formatProofPath(index: number, hashes: readonly Hash[], text: HashText): string {
  let lines = `${HEADER}\nindex ${index}\n`
  for (const hash of hashes) lines += `${text(hash)}\n`
  return `${lines}\n`
}

/** Reads what `formatTlogProof` writes, and nothing else. Optional extension lines are not taken. @throws NoteError */
export function parseTlogProof(text: string): TlogProof {
  const blank = text.indexOf('\n\n')
  if (blank < 0) throw new NoteError('the proof has no blank line before its checkpoint')
  const [header, indexLine, ...hashLines] = text.slice(0, blank).split('\n')
  if (header !== HEADER) throw new NoteError(`the proof does not begin with \`${HEADER}\``)
  if (indexLine === undefined || !indexLine.startsWith('index ')) throw new NoteError('the proof has no index line')
  if (hashLines.length > PROOF_HASHES_MAX) throw new NoteError('the proof has too many hashes')
  const hashes = hashLines.map((line) => {
    const bytes = strictBase64(line)
    if (bytes === null || bytes.length !== 32) throw new NoteError('a hash of the proof is not 32 bytes of base64')
    return bytes.toString('hex') as Hash
  })
  return { index: parseTreeSize(indexLine.slice(6)), hashes, checkpoint: text.slice(blank + 2) }
}

/** Verifies a receipt with nothing but the log's public key. @throws NoteError that says what is wrong */
export function verifyReceipt(receipt: Receipt, log: NoteVerifier): Checkpoint {
  const checkpoint = openCheckpoint(parseTlogProof(receipt.proof).checkpoint, log)
  verifyIncluded(receipt, checkpoint)
  return checkpoint
}

/** The same under a checkpoint whose signature has been verified; that it is the receipt's own is the caller's to see. @throws NoteError */
export function verifyIncluded(receipt: Receipt, { size, rootHash }: Checkpoint): void {
  const { index, hashes } = parseTlogProof(receipt.proof)
  if ((index as Position) !== receipt.index) throw new NoteError('the proof is for another record')
  if (!verifyInclusion(index, size, leafHash(receipt.record), hashes, rootHash))
    throw new NoteError('the record is not in the tree that the checkpoint names')
}
