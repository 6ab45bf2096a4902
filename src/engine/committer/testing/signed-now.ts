/** Checkpoints and receipts of a bare core, signed on the spot: for tests that are not about the signer. */
import { generateKeyPairSync } from 'node:crypto'
import type { Position } from '../../../model/ids.ts'
import type { Receipt } from '../../../model/receipt.ts'
import { noteSigner } from '../../../model/signed-note.ts'
import { signCheckpoint } from '../../../transparency-log/checkpoint.ts'
import { ORIGIN } from '../../../../test/support/commits.ts'
import type { CommitterCore } from '../committer-core.ts'
import { receiptFrom } from '../proof-path.ts'

export const signer = noteSigner(ORIGIN, generateKeyPairSync('ed25519').privateKey)

export const checkpointNow = ({ head: { treeSize: size, rootHash } }: CommitterCore): string =>
  signCheckpoint({ origin: ORIGIN, size, rootHash }, signer)

export const receiptNow = (core: CommitterCore, position: Position): Receipt =>
  receiptFrom(core.prover(core.head.treeSize)(position, core.line(position)), checkpointNow(core))
