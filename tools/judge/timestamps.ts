/**
 * Time stamps on our checkpoints: `openssl ts` is the authority and one judge, `@sigstore/core` another. `npm install --no-save @sigstore/core@3.2.1`
 * puts it where this finds it, or PLINTH_JUDGE_SIGSTORE names a folder that holds it; nothing here depends on it.
 */
import { X509Certificate, hash, type KeyObject } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { join } from 'node:path'
import {
  readTrust,
  timestampAuthority,
  verifyTimestamp as verifyHere,
} from '../../src/transparency-log/anchor/rfc3161/authority.ts'
import {
  hasOpenssl,
  opensslAccepts,
  startAuthority,
  type Authority,
} from '../../src/transparency-log/anchor/testing/openssl-authority.ts'
import { parseTsaRoots, verifyTimestamp } from '../../verifier/verify.ts'

type Expect = (who: string, what: string, wanted: boolean, came: boolean, why?: string) => void
interface Sigstore {
  readonly RFC3161Timestamp: { parse(der: Buffer): { verify(data: Buffer, key: KeyObject): void } }
}

/** @returns judges that are not there */
export async function judgeTimestamps(checkpoint: string, expect: Expect): Promise<string[]> {
  if (!hasOpenssl()) return ['NOT JUDGED: time stamps: `openssl` is not there']
  const absent: string[] = []
  const sigstore = findSigstore()
  if (sigstore === null)
    absent.push('NOT JUDGED: time stamps by `@sigstore/core`: `npm install --no-save @sigstore/core@3.2.1`')
  const authority = await startAuthority({ key: 'ec', between: 'critical,CA:true,pathlen:0' })
  try {
    const trust = readTrust(authority.root)
    const anchor = timestampAuthority({ name: 'judge', url: authority.url, trust })
    const proof = Buffer.from(await anchor.submit(checkpoint, AbortSignal.timeout(30_000)))
    let mutations = 0
    const judge = (what: string, wanted: boolean, note: string, changed: Buffer, others: boolean): void => {
      const roots = parseTsaRoots(authority.root)
      expect(
        'runtime',
        what,
        wanted,
        holds(() => verifyHere(note, changed, trust)),
      )
      expect(
        'verifier',
        what,
        wanted,
        holds(() => verifyTimestamp(Buffer.from(note), changed, roots)),
      )
      if (!others) return
      if (!wanted) mutations++
      expect('openssl ts', what, wanted, opensslAccepts(authority, note, changed))
      if (sigstore !== null)
        expect(
          '@sigstore/core',
          what,
          wanted,
          holds(() => sigstoreTakes(sigstore, authority, note, changed)),
        )
    }
    judge('a time stamp', true, checkpoint, proof, true)
    judge('a time stamp, of another checkpoint', false, `${checkpoint} `, proof, true)
    for (const [what, at] of places(checkpoint, proof))
      judge(`a time stamp, ${what} flipped`, false, checkpoint, flipped(proof, at), true)
    // Both let pass what they do not look at: certificates that they do not need, the words of a status. Ours look at every byte.
    for (let at = 0; at < proof.length; at += 5)
      judge(`a time stamp, byte ${at} flipped`, false, checkpoint, flipped(proof, at), false)
    console.log(`openssl ts      1 to accept, ${mutations} mutations to reject`)
    if (sigstore !== null) console.log(`@sigstore/core  1 to accept, ${mutations} mutations to reject`)
  } finally {
    await authority.close()
  }
  return absent
}

/** Where in a reply stands what all judges must look at. */
function places(checkpoint: string, proof: Buffer): [string, number][] {
  const imprint = proof.indexOf(hash('sha256', checkpoint, 'buffer'))
  const time = proof.indexOf(Buffer.from('180f', 'hex'), imprint) // GeneralizedTime, seconds
  const digest = proof.indexOf(Buffer.from('06092a864886f70d010904', 'hex')) // message digest, among the signed attributes
  return [
    ['the imprint', imprint],
    ['the end of the imprint', imprint + 31],
    ['the time', time + 2 + 13],
    ['the digest that was signed', digest + 20],
    ['the signature', proof.length - 1],
    ['the middle of the signature', proof.length - 40],
  ]
}

function sigstoreTakes({ RFC3161Timestamp }: Sigstore, { dir }: Authority, note: string, proof: Buffer): void {
  const signer = new X509Certificate(readFileSync(join(dir, 'signer.pem')))
  RFC3161Timestamp.parse(proof).verify(Buffer.from(note), signer.publicKey)
}

function findSigstore(): Sigstore | null {
  const folder = process.env['PLINTH_JUDGE_SIGSTORE']
  try {
    return createRequire(folder === undefined ? import.meta.url : join(folder, 'here.js'))('@sigstore/core') as Sigstore
  } catch {
    return null
  }
}

function holds(work: () => unknown): boolean {
  try {
    work()
    return true
  } catch {
    return false
  }
}
function flipped(bytes: Buffer, at: number): Buffer {
  const changed = Buffer.from(bytes)
  changed[at] = (changed[at] as number) ^ 1
  return changed
}
