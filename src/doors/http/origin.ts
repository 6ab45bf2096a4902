/**
 * Which names this door answers to. A browser page of another origin can make the browser send requests to a loopback address, under its own
 * name (DNS rebinding) or as a cross-origin request; both are refused by name, before anything else is read.
 */
import { problem } from '../../model/problems.ts'
import type { RequestHeaders } from './headers.ts'

export const LOOPBACK_NAMES: readonly string[] = ['localhost', '127.0.0.1', '[::1]']

/** Host names, lower case, without port; an IPv6 address in brackets. */
export type AllowedNames = ReadonlySet<string>

export const allowedNames = (more: readonly string[] = []): AllowedNames =>
  new Set([...LOOPBACK_NAMES, ...more.map((name) => name.toLowerCase())])

const HOST = /^(\[[0-9a-f:.]+\]|[a-z0-9._-]+)(?::[0-9]{1,5})?$/i
const ORIGIN = /^https?:\/\/(\[[0-9a-f:.]+\]|[a-z0-9._-]+)(?::[0-9]{1,5})?$/i

/** @throws `host-refused` */
export function checkOrigin(headers: RequestHeaders, allowed: AllowedNames): void {
  const host = HOST.exec(headers.host ?? '')?.[1]
  if (host === undefined || !allowed.has(host.toLowerCase()))
    throw problem('host-refused', 'header `Host` names none of the names this door answers to')
  if (headers.origin === undefined) return
  const origin = ORIGIN.exec(headers.origin)?.[1]
  if (origin === undefined || !allowed.has(origin.toLowerCase()))
    throw problem('host-refused', 'header `Origin` names none of the names this door answers to')
}
