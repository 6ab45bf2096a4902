/** An RFC 3161 authority as an anchor: asked over HTTP, its tokens verified offline against the certificates that the verifier has pinned. */
import { randomBytes } from 'node:crypto'
import { AnchorFault, type Anchor, type Anchored } from '../anchor.ts'
import { readCertificate, type Certificate } from './certificate.ts'
import { verifyChain } from './chain.ts'
import { imprintOf, NONCE_BYTES, timestampQuery } from './timestamp-query.ts'
import { proofOf, tokenOfProof, tokenOfReply } from './timestamp-reply.ts'
import { openToken } from './token.ts'

/** The authorities that a verifier trusts: their own certificates, or those of whoever has issued them. */
export interface TimestampTrust {
  readonly roots: readonly Certificate[]
  /** Policies of an authority that are acceptable (OIDs); any when left out. */
  readonly policies?: readonly string[]
}

export interface TimestampAuthorityOptions {
  readonly name: string
  readonly url: string
  readonly trust: TimestampTrust
  /** Until the authority must have answered. Default 10 s. */
  readonly timeoutMs?: number
  /** For tests. */
  readonly nowMs?: () => number
}

export const TIMEOUT_MS = 10_000
/** How far the authority's clock may be from this one, in ms: more than that, and one of the two is wrong. */
export const CLOCKS_APART_MAX_MS = 5 * 60_000
const REPLY_BYTES_MAX = 65_536 // a token with four certificates is some 6 kB

export function timestampAuthority(options: TimestampAuthorityOptions): Anchor<TimestampTrust> {
  const { name, url, timeoutMs = TIMEOUT_MS, nowMs = Date.now } = options
  return {
    name,
    kind: 'tsr',
    async submit(checkpoint, signal) {
      const nonce = randomBytes(NONCE_BYTES)
      nonce[0] = ((nonce[0] as number) & 0x3f) | 0x40 // positive and of full length, so that it comes back as it went
      const reply = await ask(
        url,
        timestampQuery(checkpoint, nonce),
        AbortSignal.any([signal, AbortSignal.timeout(timeoutMs)]),
      )
      const proof = proofOf(tokenOfReply(reply))
      const token = openToken(tokenOfProof(proof))
      if (token.nonce !== nonce.toString('hex'))
        throw new AnchorFault('proof-invalid', 'the authority answered another request')
      const anchored = verifyTimestamp(checkpoint, proof, options.trust)
      if (Math.abs(anchored.timeMs - nowMs()) > CLOCKS_APART_MAX_MS + anchored.accuracyMs)
        throw new AnchorFault(
          'proof-invalid',
          `the authority says ${new Date(anchored.timeMs).toISOString()}, which is not now`,
        )
      return proof
    },
    verify: (checkpoint, proof, trust = options.trust) => verifyTimestamp(checkpoint, proof, trust),
  }
}

/** @throws AnchorFault `proof-invalid` */
export function verifyTimestamp(checkpoint: string, proof: Uint8Array, trust: TimestampTrust): Anchored {
  const token = openToken(tokenOfProof(proof))
  const fault = (why: string): never => {
    throw new AnchorFault('proof-invalid', why)
  }
  if (token.imprint !== imprintOf(checkpoint).toString('hex')) fault('the token is for another checkpoint')
  if (trust.policies !== undefined && !trust.policies.includes(token.policy))
    fault(`the token was given under policy ${token.policy}, which is not acceptable here`)
  const untilMs = verifyChain(token.signer, token.others, trust.roots, token.timeMs)
  const { timeMs, accuracyMs } = token
  return { timeMs, accuracyMs, untilMs, by: token.signer.x509.subject.replaceAll('\n', ', ') }
}

/** @param pem one or more certificates @throws AnchorFault when there is none */
export function readTrust(pem: string): TimestampTrust {
  const blocks = pem.match(/-----BEGIN CERTIFICATE-----[^-]+-----END CERTIFICATE-----/g) ?? []
  const roots = blocks.map((block) =>
    readCertificate(Buffer.from(block.replaceAll(/-----[^-]+-----|\s/g, ''), 'base64')),
  )
  if (roots.length === 0) throw new AnchorFault('proof-invalid', 'there is no certificate in it')
  return { roots }
}

async function ask(url: string, query: Uint8Array, signal: AbortSignal): Promise<Uint8Array> {
  try {
    const response = await fetch(url, {
      method: 'POST',
      headers: { 'content-type': 'application/timestamp-query', accept: 'application/timestamp-reply' },
      body: new Uint8Array(query),
      redirect: 'error',
      signal,
    })
    const type = response.headers.get('content-type') ?? ''
    if (!response.ok || !type.startsWith('application/timestamp-reply')) {
      await response.body?.cancel()
      throw new AnchorFault('unreachable', `\`${url}\` answers with HTTP status ${response.status} and \`${type}\``)
    }
    return await bounded(response, url)
  } catch (cause) {
    if (cause instanceof AnchorFault) throw cause
    throw new AnchorFault('unreachable', `no answer from \`${url}\``, cause)
  }
}

async function bounded(response: Response, url: string): Promise<Uint8Array> {
  const parts: Uint8Array[] = []
  let bytes = 0
  for await (const part of response.body ?? []) {
    bytes += (part as Uint8Array).length
    if (bytes > REPLY_BYTES_MAX) throw new AnchorFault('unreachable', `\`${url}\` answers with too much`)
    parts.push(part as Uint8Array)
  }
  return Buffer.concat(parts)
}
