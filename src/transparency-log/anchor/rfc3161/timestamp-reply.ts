/**
 * TimeStampResp of RFC 3161 §2.4.2: a status and a token. Of the status only the number counts, and nothing of it is signed: what is kept as a
 * proof is the reply written anew with `granted` and the token, so that every byte of it can be held to something.
 */
import { AnchorFault } from '../anchor.ts'
import { countOf, der, derInteger, readDer, sequence, TAG } from './der.ts'

const GRANTED = [0, 1] // granted; granted with modifications
const STATUS_TEXT_MAX = 200

/** @returns the token of an answer over the wire @throws AnchorFault `refused` with what the authority says, `proof-invalid` */
export function tokenOfReply(reply: Uint8Array): Uint8Array {
  const parts = sequence(readDer(reply), 'reply')
  const status = sequence(parts.take(TAG.sequence, 'status'), 'status')
  const number = countOf(status.take(TAG.integer, 'status'))
  if (!GRANTED.includes(number)) {
    const text = status.optional(TAG.sequence)
    const words =
      text === null
        ? ''
        : Buffer.from(text.content)
            .toString('utf8')
            .replaceAll(/[^\x20-\x7e]+/g, ' ')
            .trim()
    throw new AnchorFault('refused', `the authority refuses with status ${number}: ${words.slice(0, STATUS_TEXT_MAX)}`)
  }
  const token = parts.take(TAG.sequence, 'token').bytes
  parts.end('reply')
  return token
}

/** What is kept: readable by other programs as the reply that it is. */
export const proofOf = (token: Uint8Array): Buffer =>
  der(TAG.sequence, der(TAG.sequence, derInteger(Buffer.of(0))), token)

/** @throws AnchorFault for anything that `proofOf` does not write */
export function tokenOfProof(proof: Uint8Array): Uint8Array {
  const token = tokenOfReply(proof)
  if (!proofOf(token).equals(proof)) throw new AnchorFault('proof-invalid', 'the proof is not in its one form')
  return token
}
