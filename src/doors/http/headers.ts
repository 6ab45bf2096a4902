/**
 * The headers this door acts on, read once from the raw list. A header that matters may stand there only once: two readers of the same request
 * must not be able to pick different ones.
 */
import type { Credentials } from '../../model/principal.ts'
import { problem } from '../../model/problems.ts'
import { HEADERS_MAX } from './limits.ts'

const NAMES = [
  'authorization',
  'content-length',
  'content-type',
  'host',
  'idempotency-key',
  'origin',
  'plinth-acknowledge',
  'plinth-causation',
  'plinth-correlation',
  'plinth-log-since',
  'plinth-on-behalf-of',
  'plinth-run',
  'plinth-run-agent',
  'transfer-encoding',
] as const
export type HeaderName = (typeof NAMES)[number]
export type RequestHeaders = { readonly [name in HeaderName]?: string }

const KNOWN: ReadonlySet<string> = new Set(NAMES)

/** @throws `malformed-request` for a header that stands twice, or too many of them. */
export function readHeaders(rawHeaders: readonly string[]): RequestHeaders {
  if (rawHeaders.length > HEADERS_MAX * 2)
    throw problem('malformed-request', `at most ${HEADERS_MAX} headers are taken`, { limit: HEADERS_MAX })
  const headers: Record<string, string> = {}
  for (let index = 0; index + 1 < rawHeaders.length; index += 2) {
    const name = (rawHeaders[index] as string).toLowerCase()
    if (!KNOWN.has(name)) continue
    if (headers[name] !== undefined) throw problem('malformed-request', `header \`${name}\` stands twice`)
    headers[name] = rawHeaders[index + 1] as string
  }
  return headers
}

const BEARER = /^bearer +([A-Za-z0-9._~+/-]+=*)$/i

/** @throws `credentials-invalid` for an `Authorization` that is no bearer token. */
export function credentialsOf(headers: RequestHeaders): Credentials {
  const onBehalfOf = headers['plinth-on-behalf-of'] ?? null
  if (headers.authorization === undefined) return { bearer: null, onBehalfOf }
  const bearer = BEARER.exec(headers.authorization)?.[1]
  if (bearer === undefined) throw problem('credentials-invalid', '`Authorization` must be `Bearer <token>`')
  return { bearer, onBehalfOf }
}

/** True where the request says that a body follows. */
export const announcesBody = (headers: RequestHeaders): boolean =>
  headers['transfer-encoding'] !== undefined || (headers['content-length'] ?? '0') !== '0'
