/**
 * From the certificate that signed to one that the verifier trusts (RFC 5280 §6, without policies and name constraints: a certificate with a
 * critical one is refused where it is read). Everything is judged as of one time: that which the token says.
 */
import { malformed } from './der.ts'
import { issued, type Certificate } from './certificate.ts'

export const TIME_STAMPING = '1.3.6.1.5.5.7.3.8'
const CHAIN_MAX = 8

/**
 * @param signer the certificate whose key signed
 * @param others certificates that came along; each must belong to somebody's chain, so that no byte goes unlooked at
 * @param roots what the verifier trusts
 * @param atMs when it was signed
 * @returns when the first certificate of the chain expires
 */
export function verifyChain(
  signer: Certificate,
  others: readonly Certificate[],
  roots: readonly Certificate[],
  atMs: number,
): number {
  checkSigner(signer)
  const all = [signer, ...others, ...roots]
  for (const one of others) {
    const related = all.some((other) => other !== one && (issued(other, one) || issued(one, other)))
    if (!related || ![...others, ...roots].some((issuer) => issued(issuer, one)))
      malformed('a certificate came along that belongs to nobody here')
  }
  const chain = pathTo(signer, others, roots, atMs, [])
  if (chain === null)
    return malformed('the certificate does not lead to one that is trusted, as of the time that the token says')
  return Math.min(...chain.map(({ untilMs }) => untilMs))
}

/** RFC 3161 §2.3: one purpose, and it is critical. */
function checkSigner({ purposes, usage }: Certificate): void {
  if (purposes === null || !purposes.critical || purposes.oids.length !== 1 || purposes.oids[0] !== TIME_STAMPING)
    malformed('the certificate that signed is not for timestamps alone')
  if (usage !== null && !usage.sign) malformed('the key of the certificate may not sign')
}

function pathTo(
  from: Certificate,
  others: readonly Certificate[],
  roots: readonly Certificate[],
  atMs: number,
  below: readonly Certificate[],
): readonly Certificate[] | null {
  if (atMs < from.fromMs || atMs > from.untilMs || below.length >= CHAIN_MAX) return null
  const chain = [...below, from]
  if (roots.some((root) => same(root, from))) return chain
  for (const issuer of [...roots, ...others]) {
    if (chain.some((one) => same(one, issuer)) || !issued(issuer, from) || !mayIssue(issuer, below.length)) continue
    const path = pathTo(issuer, others, roots, atMs, chain)
    if (path !== null) return path
  }
  return null
}

/** @param between how many authorities stand between it and the certificate that signed */
function mayIssue({ authority, usage }: Certificate, between: number): boolean {
  if (authority === null || (usage !== null && !usage.certify)) return false
  return authority.pathLength === null || between <= authority.pathLength
}

const same = (a: Certificate, b: Certificate): boolean => Buffer.from(a.bytes).equals(b.bytes)
