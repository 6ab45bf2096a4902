/** Witnesses that cosign whatever they are shown, together with the log's operator, who holds its key. */
import { rmSync } from 'node:fs'
import type { NoteSigner } from '../../../src/model/signed-note.ts'
import { makeAuthority } from '../../../src/transparency-log/anchor/testing/openssl-authority.ts'
import { timestampQuery } from '../../../src/transparency-log/anchor/rfc3161/timestamp-query.ts'
import { proofOf, tokenOfReply } from '../../../src/transparency-log/anchor/rfc3161/timestamp-reply.ts'
import { exportBundle } from '../../../src/event-log/export.ts'
import { parsePolicy, parseTsaRoots, type Trust } from '../../../verifier/verify.ts'
import { checkpointOf, readerOf, verifyBytes, Witness as Colluding, type Raw } from '../../vectors/bundle/forge.ts'
import type { Drill, Noticed } from './attack.ts'
import { reattributed, verdictOf } from './forged.ts'

export async function collude(
  drill: Drill,
  records: readonly Raw[],
  head: string,
  key: NoteSigner,
  logVkey: string,
  bare: Trust,
): Promise<void> {
  const all = ['a', 'b', 'c'].map((name) => new Colluding(`witness-${name}.example`))
  const policyOf = (threshold: number) =>
    parsePolicy(
      [
        `log ${logVkey}`,
        ...all.map(({ vkey, name }) => `witness ${name.at(8)} ${vkey}`),
        `group g ${threshold} a b c`,
        'quorum g\n',
      ].join('\n'),
    )
  const forged = reattributed(records, records.length - 2)
  const cosigned = (colluding: number, trust: Trust, wanted: readonly string[]): Promise<Noticed | null> =>
    verdictOf(forged, checkpointOf(forged, key.name, key, all.slice(0, colluding)), trust, wanted)
  const two = 'witnesses, two of three, with the operator'
  await drill.try(
    'one witness of three, with the operator',
    'cosigns a rewritten past: a policy of two of three',
    1,
    () => cosigned(1, { ...bare, policy: policyOf(2) }, ['INSUFFICIENT']),
  )
  await drill.try(two, 'cosign a rewritten past: a policy of two of three alone', 1, () =>
    cosigned(2, { ...bare, policy: policyOf(2) }, ['INVALID', 'EQUIVOCATION', 'ROLLBACK', 'INSUFFICIENT']),
  )
  await drill.try(two, 'cosign a rewritten past: a policy of three of three', 1, () =>
    cosigned(2, { ...bare, policy: policyOf(3) }, ['INSUFFICIENT']),
  )
  await drill.try(two, 'cosign a rewritten past: a client that kept a head', 1, () =>
    cosigned(2, { ...bare, policy: policyOf(2), heads: [head] }, ['EQUIVOCATION']),
  )
  await drill.try(two, 'cosign a rewritten past: a time authority has stamped an earlier head', 1, async () => {
    const authority = makeAuthority({ key: 'ec' })
    try {
      const size = records.length
      const honest = checkpointOf(records, key.name, key)
      const proof = proofOf(tokenOfReply(await authority.reply(timestampQuery(honest, Buffer.of(1)))))
      const parts: Uint8Array[] = []
      const note = checkpointOf(forged, key.name, key, all.slice(0, 2))
      const stamps = [{ size, anchor: 'tsa', checkpoint: honest, proof }]
      await exportBundle(readerOf(forged), note, (bytes) => void parts.push(bytes), undefined, undefined, stamps)
      const trust = { ...bare, policy: policyOf(2), tsaRoots: parseTsaRoots(authority.root) }
      const { verdict } = verifyBytes(Buffer.concat(parts), trust)
      return verdict === 'EQUIVOCATION' ? { by: `verifier: ${verdict}`, records: 0, calls: 1 } : null
    } finally {
      rmSync(authority.dir, { recursive: true })
    }
  })
}
