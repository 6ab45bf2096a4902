/** An X.509 certificate as path validation needs it: the parts that node:crypto does not show are read here. RFC 5280. */
import { X509Certificate, type KeyObject } from 'node:crypto'
import {
  booleanOf,
  context,
  countOf,
  integerOf,
  malformed,
  membersOf,
  oidOf,
  readDer,
  sequence,
  TAG,
  type Der,
} from './der.ts'

export interface Certificate {
  readonly x509: X509Certificate
  readonly publicKey: KeyObject
  readonly bytes: Uint8Array
  /** DER of the names. */
  readonly issuer: Uint8Array
  readonly subject: Uint8Array
  /** Hex without sign. */
  readonly serial: string
  readonly fromMs: number
  readonly untilMs: number
  /** Null for one that is no authority. */
  readonly authority: { readonly pathLength: number | null } | null
  /** Null when it does not say: then any use that its role allows. */
  readonly usage: { readonly sign: boolean; readonly certify: boolean } | null
  readonly purposes: { readonly critical: boolean; readonly oids: readonly string[] } | null
}

const BASIC_CONSTRAINTS = '2.5.29.19'
const KEY_USAGE = '2.5.29.15'
const EXTENDED_KEY_USAGE = '2.5.29.37'
/** Critical extensions that are understood here, or that change nothing about a timestamp. */
const UNDERSTOOD = new Set([
  BASIC_CONSTRAINTS,
  KEY_USAGE,
  EXTENDED_KEY_USAGE,
  '2.5.29.32' /* policies: asked for by nobody here */,
])

/** @throws AnchorFault for what is no certificate, or has a critical extension that is not understood here */
export function readCertificate(bytes: Uint8Array): Certificate {
  let x509: X509Certificate
  let publicKey: KeyObject
  try {
    x509 = new X509Certificate(bytes)
    publicKey = x509.publicKey
  } catch {
    return malformed('it is no certificate')
  }
  if (!x509.raw.equals(bytes)) return malformed('a certificate is not in its one form')
  const whole = sequence(readDer(bytes), 'certificate')
  const body = sequence(whole.take(TAG.sequence, 'certificate body'), 'certificate body')
  const algorithm = whole.take(TAG.sequence, 'signature algorithm')
  whole.take(TAG.bitString, 'signature')
  whole.end('certificate')
  if (countOf(sequence(body.take(context(0), 'version'), 'version', context(0)).any('version')) !== 2)
    malformed('a certificate is not of version 3')
  const serial = integerOf(body.take(TAG.integer, 'serial number'))
  if (!Buffer.from(body.take(TAG.sequence, 'signature algorithm').bytes).equals(algorithm.bytes))
    malformed('a certificate names two signature algorithms')
  const issuer = body.take(TAG.sequence, 'issuer').bytes
  body.take(TAG.sequence, 'validity')
  const subject = body.take(TAG.sequence, 'subject').bytes
  body.take(TAG.sequence, 'public key')
  const extensions = extensionsOf(body.optional(context(3)))
  body.end('certificate body')
  return {
    ...{ x509, publicKey, bytes, issuer, subject, serial },
    fromMs: x509.validFromDate.getTime(),
    untilMs: x509.validToDate.getTime(),
    authority: authorityIn(extensions.get(BASIC_CONSTRAINTS)),
    usage: usageIn(extensions.get(KEY_USAGE)),
    purposes: purposesIn(extensions.get(EXTENDED_KEY_USAGE)),
  }
}

/** Whether the key of `issuer` has signed `one`, under its name. */
export function issued(issuer: Certificate, one: Certificate): boolean {
  try {
    return Buffer.from(issuer.subject).equals(one.issuer) && one.x509.verify(issuer.publicKey)
  } catch {
    return false // a key of another kind than the signature
  }
}

interface Extension {
  readonly critical: boolean
  readonly value: Der
}

function extensionsOf(wrapped: Der | null): ReadonlyMap<string, Extension> {
  const found = new Map<string, Extension>()
  if (wrapped === null) return found
  const [list] = membersOf(wrapped)
  for (const one of list === undefined ? [] : membersOf(list)) {
    const parts = sequence(one, 'extension')
    const oid = oidOf(parts.take(TAG.oid, 'extension'))
    const flag = parts.optional(TAG.boolean)
    const critical = flag !== null && booleanOf(flag)
    const value = parts.take(TAG.octetString, 'extension')
    parts.end('extension')
    if (found.has(oid)) malformed('a certificate has an extension twice')
    if (critical && !UNDERSTOOD.has(oid))
      malformed(`a certificate has the critical extension ${oid}, which is not understood here`)
    if (UNDERSTOOD.has(oid) && oid !== '2.5.29.32') found.set(oid, { critical, value: readDer(value.content) })
  }
  return found
}

function authorityIn(extension: Extension | undefined): Certificate['authority'] {
  if (extension === undefined) return null
  const parts = sequence(extension.value, 'basic constraints')
  const flag = parts.optional(TAG.boolean)
  const length = parts.optional(TAG.integer)
  parts.end('basic constraints')
  return flag !== null && booleanOf(flag) ? { pathLength: length === null ? null : countOf(length) } : null
}

function usageIn(extension: Extension | undefined): Certificate['usage'] {
  if (extension === undefined) return null
  const { tag, content } = extension.value
  const bits = content[1] ?? 0
  if (tag !== TAG.bitString) return malformed('a key usage is no string of bits')
  return { sign: (bits & 0xc0) !== 0, certify: (bits & 0x04) !== 0 } // digitalSignature or nonRepudiation; keyCertSign
}

function purposesIn(extension: Extension | undefined): Certificate['purposes'] {
  if (extension === undefined) return null
  if (extension.value.tag !== TAG.sequence) return malformed('a list of purposes is none')
  return { critical: extension.critical, oids: membersOf(extension.value).map(oidOf) }
}
