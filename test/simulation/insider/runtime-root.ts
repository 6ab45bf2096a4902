/** Runs as the runtime: asks the signer's socket whatever he likes. The signer is a process of its own; he does not have its key. */
import { join } from 'node:path'
import type { NoteSigner } from '../../../src/model/signed-note.ts'
import { Problem } from '../../../src/model/problems.ts'
import { checkpointText } from '../../../src/transparency-log/checkpoint.ts'
import { consistencyProof } from '../../../src/transparency-log/proofs.ts'
import { SignerClient } from '../../../src/transparency-log/signer/signer-client.ts'
import { startSigner } from '../../../src/transparency-log/signer/signer-process.ts'
import { rootOf, type Raw } from '../../vectors/bundle/forge.ts'
import { atOnce, type Drill, type Noticed } from './attack.ts'
import { lastTransaction, reattributed, recordsOf, treeOf } from './forged.ts'

const NEVER = new AbortController().signal
const INSIDER = 'root of the runtime'

export async function asksTheSigner(drill: Drill, dir: string, key: Pick<NoteSigner, 'name'>): Promise<void> {
  const signer = await startSigner({ dir: join(dir, 'signer'), origin: key.name, onProblem: () => {} })
  const client = new SignerClient(signer.socket)
  try {
    const standing = await client.claim(NEVER)
    const now = recordsOf(dir)
    const ask = async (forged: readonly Raw[], epoch = standing.epoch, origin = key.name): Promise<Noticed | null> => {
      const body = checkpointText({ origin, size: forged.length, rootHash: rootOf(forged) })
      const proof = forged.length > standing.size ? consistencyProof(treeOf(forged), standing.size, forged.length) : []
      try {
        const answer = await client.sign({ epoch, oldSize: standing.size, proof, body, keyRecord: null }, NEVER)
        return answer.kind === 'signed' ? null : { by: `signer: ${answer.kind}`, records: 0, calls: 1 }
      } catch (error) {
        if (!(error instanceof Problem)) throw error
        return atOnce(`signer: ${error.code}`)
      }
    }
    const more = now.slice(-lastTransaction(now))
    await drill.try(INSIDER, 'has a shorter log signed', 1, () => ask(now.slice(0, -lastTransaction(now))))
    await drill.try(INSIDER, 'has another log of the same size signed', 1, () => ask(reattributed(now, now.length)))
    await drill.try(INSIDER, 'has a rewritten past signed, with a proof of its own', 1, () =>
      ask([...reattributed(now, now.length - lastTransaction(now)), ...more]),
    )
    await drill.try(INSIDER, 'has a log of another name signed', 1, () =>
      ask([...now, ...more], standing.epoch, `${key.name}-2`),
    )
    await drill.try(INSIDER, 'signs on behind a runtime that has taken over', 1, () =>
      ask([...now, ...more], standing.epoch - 1),
    )
    await drill.try(INSIDER, 'has records appended that nobody asked for', 1, () => ask([...now, ...more]))
  } finally {
    await client.close()
    await signer.close()
  }
}
