/**
 * Credentials → principal. Knows only the authority snapshot in force; keeps no principal of its own, so a newer snapshot changes the answer
 * at once. Secrets are compared by hash, through a map: what timing could tell is a prefix of a hash, which nobody can turn into a key.
 */
import type { Clock } from '../host/clock.ts'
import { sha256Hex, type PrincipalId } from '../model/ids.ts'
import { problem } from '../model/problems.ts'
import type { Credentials, Principal } from '../model/principal.ts'
import type { AuthoritySource, PrincipalEntry } from '../warden/authority.ts'
import { delegationFault, directoryOf, isChainLive, principalOf, type Directory } from './chain.ts'
import type { Identity } from './identity.ts'
import { openTokens, type FetchKeys } from './tokens.ts'

const BEARER_LENGTH_MAX = 16_384
const API_KEY = /^plk_[A-Za-z0-9]{20,128}$/

export interface IdentityOptions {
  readonly clock: Clock
  /** How the keys of an issuer are fetched; the built-in `fetch` when not given. */
  readonly fetch?: FetchKeys
}

export function openIdentity(source: AuthoritySource, { clock, fetch: fetchKeys = fetch }: IdentityOptions): Identity {
  const tokens = openTokens(clock, fetchKeys)
  let known = source.current()
  let directory = directoryOf(known)

  function current(): Directory {
    const snapshot = source.current()
    if (snapshot !== known) {
      known = snapshot
      directory = directoryOf(snapshot)
    }
    return directory
  }

  async function authenticate({ bearer, onBehalfOf }: Credentials, signal: AbortSignal): Promise<Principal> {
    if (bearer === null || bearer === '') throw problem('credentials-missing', 'no bearer token was sent')
    if (bearer.length > BEARER_LENGTH_MAX) throw problem('credentials-invalid', 'the bearer token is too long')
    if (bearer.startsWith('plk_')) return principalFor(current(), byApiKey(bearer), onBehalfOf, null)
    const claims = await tokens.verify(bearer, source.current().issuers, signal)
    // The snapshot may have changed while the issuer was asked: who the subject is now is what counts.
    const now = current()
    const entry = now.byId.get(claims.principal)
    if (entry === undefined) throw problem('credentials-invalid', 'the token is of nobody who is known here')
    return principalFor(now, entry, onBehalfOf, claims.onBehalfOf)
  }

  function byApiKey(bearer: string): PrincipalEntry {
    const found = API_KEY.test(bearer) ? current().byKeyHash.get(sha256Hex(bearer)) : undefined
    if (found === undefined) throw problem('credentials-invalid', 'the key is not known')
    if (found.expiresAtMs !== null && found.expiresAtMs <= clock.nowMs())
      throw problem('credentials-expired', 'the key has expired')
    return found.entry
  }

  /** The caller's own permission to delegate decides, whatever a token says about it. */
  function principalFor(
    now: Directory,
    entry: PrincipalEntry,
    asked: string | null,
    claimed: PrincipalId | null,
  ): Principal {
    const caller = principalOf(now, entry, null)
    if (asked !== null && claimed !== null && asked !== claimed)
      throw problem('delegation-refused', 'the token and the request name different people to act for')
    const forWhom = asked ?? claimed
    if (forWhom === null || forWhom === entry.id) return caller
    const fault = delegationFault(now, entry, forWhom)
    if (fault !== null) throw problem('delegation-refused', fault)
    return { ...caller, onBehalfOf: forWhom as PrincipalId }
  }

  return {
    authenticate,
    isLive: (principal) => isChainLive(current(), principal),
    byId(id) {
      const now = current()
      const entry = now.byId.get(id)
      if (entry === undefined) throw problem('principal-revoked', `there is no principal \`${id}\` any more`)
      return principalOf(now, entry, null)
    },
  }
}
