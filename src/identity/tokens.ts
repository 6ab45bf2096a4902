/**
 * JWT access tokens of the issuers that the authority snapshot names. Issuer, audience and algorithms are pinned there; keys come from the
 * issuer's JWKS, are cached, and are fetched again when a token names an unknown one. Verified tokens are remembered until they expire.
 *
 * A token with an `act` claim (RFC 8693) was given to the actor: the caller is the actor, acting for the subject. The claim gives no permission;
 * whether the actor may act for the subject is for the snapshot to say. Actors nested deeper are history and are not read.
 */
import {
  createRemoteJWKSet,
  customFetch,
  decodeJwt,
  errors,
  jwtVerify,
  type JWTPayload,
  type JWTVerifyGetKey,
} from 'jose'
import type { Clock } from '../host/clock.ts'
import { sha256Hex, type PrincipalId } from '../model/ids.ts'
import { problem, type Problem } from '../model/problems.ts'
import type { IssuerEntry } from '../warden/authority.ts'

const LEEWAY_SECONDS = 5 // between the issuer's clock and ours
const JWKS_TIMEOUT_MS = 3_000
const JWKS_AGE_MAX_MS = 600_000 // a key withdrawn by its issuer is trusted at most twice this much longer
const JWKS_COOLDOWN_MS = 5_000 // tokens with made-up key ids make us ask the issuer at most this often
const JWKS_BYTES_MAX = 262_144
const VERIFIED_TOKENS_MAX = 10_000
const ISSUERS_MAX = 64 // key sets held; more than a snapshot may name

export type FetchKeys = (url: string, init: RequestInit) => Promise<Response>

export interface TokenClaims {
  readonly principal: PrincipalId
  readonly onBehalfOf: PrincipalId | null
}

export interface Tokens {
  /** @throws `credentials-invalid`, `credentials-expired`, `issuer-unavailable` */
  verify(token: string, issuers: readonly IssuerEntry[], signal: AbortSignal): Promise<TokenClaims>
}

interface Verified {
  readonly payload: JWTPayload
  readonly issuer: IssuerEntry
  readonly untilMs: number
}

export function openTokens(clock: Clock, fetchKeys: FetchKeys): Tokens {
  const keySets = new Map<string, JWTVerifyGetKey>()
  const verified = new Map<string, Verified>()
  let trusted: readonly IssuerEntry[] = []

  function keySetOf(jwksUrl: string): JWTVerifyGetKey {
    let keySet = keySets.get(jwksUrl)
    if (keySet === undefined) {
      if (keySets.size >= ISSUERS_MAX) keySets.clear()
      keySet = createRemoteJWKSet(new URL(jwksUrl), {
        timeoutDuration: JWKS_TIMEOUT_MS,
        cacheMaxAge: JWKS_AGE_MAX_MS,
        cooldownDuration: JWKS_COOLDOWN_MS,
        [customFetch]: (url, init) => fetchBounded(fetchKeys, url, init),
      })
      keySets.set(jwksUrl, keySet)
    }
    return keySet
  }

  async function verify(token: string, issuers: readonly IssuerEntry[], signal: AbortSignal): Promise<TokenClaims> {
    if (issuers !== trusted) {
      // Another snapshot: what was verified under the issuers of before is verified again.
      verified.clear()
      trusted = issuers
    }
    const nowMs = clock.nowMs()
    const hash = sha256Hex(token)
    const known = verified.get(hash)
    if (known !== undefined) {
      if (nowMs < known.untilMs) return claimsOf(known.payload, known.issuer)
      verified.delete(hash)
    }
    const issuer = issuerOf(token, issuers)
    const payload = await verifyWith(token, issuer, nowMs, keySetOf(issuer.jwksUrl))
    signal.throwIfAborted()
    const claims = claimsOf(payload, issuer)
    if (issuers === trusted) {
      if (verified.size >= VERIFIED_TOKENS_MAX) verified.delete(verified.keys().next().value ?? '')
      const untilMs = Math.min(((payload.exp ?? 0) + LEEWAY_SECONDS) * 1_000, nowMs + JWKS_AGE_MAX_MS)
      verified.set(hash, { payload, issuer, untilMs })
    }
    return claims
  }

  return { verify }
}

/** The pinned issuer that a token claims to be from; the claim is believed only once the signature is. */
function issuerOf(token: string, issuers: readonly IssuerEntry[]): IssuerEntry {
  let claimed: JWTPayload
  try {
    claimed = decodeJwt(token)
  } catch (error) {
    throw problem('credentials-invalid', 'the bearer is neither a key nor a token', {}, error)
  }
  const audiences = Array.isArray(claimed.aud) ? claimed.aud : [claimed.aud]
  const issuer = issuers.find((entry) => entry.issuer === claimed.iss && audiences.includes(entry.audience))
  if (issuer === undefined) throw problem('credentials-invalid', 'the token is not from a known issuer for this system')
  return issuer
}

async function verifyWith(
  token: string,
  { issuer, audience, algorithms }: IssuerEntry,
  nowMs: number,
  keySet: JWTVerifyGetKey,
): Promise<JWTPayload> {
  try {
    const { payload } = await jwtVerify(token, keySet, {
      issuer,
      audience,
      algorithms: [...algorithms],
      clockTolerance: LEEWAY_SECONDS,
      currentDate: new Date(nowMs),
      requiredClaims: ['exp', 'sub'],
    })
    return payload
  } catch (error) {
    throw tokenProblem(error)
  }
}

function claimsOf(payload: JWTPayload, issuer: IssuerEntry): TokenClaims {
  const subject = principalOfSubject(payload.sub, issuer)
  const actor = payload['act']
  if (actor === undefined) return { principal: subject, onBehalfOf: null }
  const actorSubject = typeof actor === 'object' && actor !== null && 'sub' in actor ? actor.sub : undefined
  return { principal: principalOfSubject(actorSubject, issuer), onBehalfOf: subject }
}

function principalOfSubject(sub: unknown, issuer: IssuerEntry): PrincipalId {
  const mapped = issuer.subjects.find((entry) => entry.sub === sub)
  if (mapped === undefined) throw problem('credentials-invalid', 'the token is of nobody who is known here')
  return mapped.principal
}

// Nothing of the token goes into a message: it is the caller's secret.
function tokenProblem(error: unknown): Problem {
  if (error instanceof errors.JWTExpired) return problem('credentials-expired', 'the token has expired', {}, error)
  if (error instanceof errors.JWKSTimeout || error instanceof JwksUnavailable)
    return problem('issuer-unavailable', 'the keys of the issuer could not be fetched in time', {}, error)
  return problem('credentials-invalid', 'the token does not verify', {}, error)
}

class JwksUnavailable extends Error {}

/** As jose asks, but never more than the bound, and with what went wrong told apart from a token that does not verify. */
async function fetchBounded(fetchKeys: FetchKeys, url: string, init: RequestInit): Promise<Response> {
  try {
    const response = await fetchKeys(url, init)
    if (response.status !== 200) throw new Error(`the issuer answered ${response.status}`)
    const chunks: Uint8Array[] = []
    let bytes = 0
    for await (const chunk of response.body ?? []) {
      bytes += chunk.length
      if (bytes > JWKS_BYTES_MAX) throw new Error(`the key set is longer than ${JWKS_BYTES_MAX} bytes`)
      chunks.push(chunk)
    }
    const text = Buffer.concat(chunks).toString('utf8')
    JSON.parse(text)
    return new Response(text, { status: 200 })
  } catch (error) {
    if (error instanceof Error && error.name === 'TimeoutError') throw error // jose turns it into JWKSTimeout
    throw new JwksUnavailable('the key set could not be fetched', { cause: error })
  }
}
