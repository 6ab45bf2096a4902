/**
 * A timestamp token: CMS SignedData (RFC 5652) around a TSTInfo (RFC 3161 §2.4.2). Read and verified here down to the certificate that signed;
 * chain.ts goes on from there. Stricter than it must be: one signer, SHA-2, ESSCertIDv2 (RFC 5816), nothing that is not signed.
 */
import { hash, verify, type KeyObject } from 'node:crypto'
import { readCertificate, type Certificate } from './certificate.ts'
import {
  context,
  countOf,
  der,
  integerOf,
  malformed,
  membersOf,
  oidOf,
  readDer,
  sequence,
  TAG,
  timeOf,
  type Der,
} from './der.ts'
import { SHA256 } from './timestamp-query.ts'

const SIGNED_DATA = '1.2.840.113549.1.7.2'
const TST_INFO = '1.2.840.113549.1.9.16.1.4'
const CONTENT_TYPE = '1.2.840.113549.1.9.3'
const MESSAGE_DIGEST = '1.2.840.113549.1.9.4'
const SIGNING_CERTIFICATE_V2 = '1.2.840.113549.1.9.16.2.47'

const DIGESTS: Readonly<Record<string, string>> = {
  [SHA256]: 'sha256',
  '2.16.840.1.101.3.4.2.2': 'sha384',
  '2.16.840.1.101.3.4.2.3': 'sha512',
}
/** Signature algorithm → kind of key, and its digest where the algorithm names one. */
const SIGNATURES: Readonly<Record<string, readonly [string, string | null]>> = {
  '1.2.840.113549.1.1.1': ['rsa', null],
  '1.2.840.113549.1.1.11': ['rsa', 'sha256'],
  '1.2.840.113549.1.1.12': ['rsa', 'sha384'],
  '1.2.840.113549.1.1.13': ['rsa', 'sha512'],
  '1.2.840.10045.4.3.2': ['ec', 'sha256'],
  '1.2.840.10045.4.3.3': ['ec', 'sha384'],
  '1.2.840.10045.4.3.4': ['ec', 'sha512'],
}

export interface Token {
  /** SHA-256 that was stamped, hex. */
  readonly imprint: string
  readonly timeMs: number
  readonly accuracyMs: number
  /** Hex without sign; null when the request had none. */
  readonly nonce: string | null
  readonly policy: string
  readonly signer: Certificate
  readonly others: readonly Certificate[]
}

/** Reads a token and verifies its signature by the certificate in it. @throws AnchorFault */
export function openToken(bytes: Uint8Array): Token {
  const outer = sequence(readDer(bytes), 'token')
  if (oidOf(outer.take(TAG.oid, 'content type')) !== SIGNED_DATA) malformed('the token is no signed data')
  const data = sequence(only(outer.take(context(0), 'signed data')), 'signed data')
  outer.end('token')
  if (countOf(data.take(TAG.integer, 'version')) !== 3) malformed('the signed data is not of version 3')
  const digests = membersOf(data.take(TAG.set, 'digests')).map(digestOf)
  const info = contentOf(data.take(TAG.sequence, 'content'))
  const certificates = membersOf(data.take(context(0), 'certificates')).map(({ bytes: one }) => readCertificate(one))
  const signer = sequence(only(data.take(TAG.set, 'signers')), 'signer')
  data.end('signed data')

  if (countOf(signer.take(TAG.integer, 'version')) !== 1) malformed('the signer is not of version 1')
  const certificate = named(signer.take(TAG.sequence, 'signer’s certificate'), certificates)
  const digest = digestOf(signer.take(TAG.sequence, 'digest'))
  if (digests.length !== 1 || digests[0] !== digest) malformed('the token names another digest than its signer')
  const attributes = signer.take(context(0), 'signed attributes')
  const algorithm = signer.take(TAG.sequence, 'signature algorithm')
  const signature = signer.take(TAG.octetString, 'signature').content
  signer.end('signer') // attributes that are not signed would be bytes that nobody vouches for
  checkAttributes(attributes, info, digest, certificate)
  if (!isSigned(der(TAG.set, attributes.content), algorithm, digest, certificate.publicKey, signature))
    malformed('the signature of the token does not verify')
  const others = certificates.filter((one) => one !== certificate)
  return { ...infoOf(info), signer: certificate, others }
}

const only = (value: Der): Der => {
  const [member, ...more] = membersOf(value)
  return member === undefined || more.length > 0 ? malformed('there is not exactly one') : member
}

function algorithmOf(value: Der): string {
  const parts = sequence(value, 'algorithm')
  const oid = oidOf(parts.take(TAG.oid, 'algorithm'))
  if ((parts.optional(TAG.null)?.content.length ?? 0) > 0) malformed('an algorithm has parameters')
  parts.end('algorithm')
  return oid
}
const digestOf = (value: Der): string => DIGESTS[algorithmOf(value)] ?? malformed('a digest is none of SHA-2')

/** Bytes of the TSTInfo. */
function contentOf(value: Der): Uint8Array {
  const parts = sequence(value, 'content')
  if (oidOf(parts.take(TAG.oid, 'content type')) !== TST_INFO) malformed('what is signed is no timestamp')
  const text = only(parts.take(context(0), 'content'))
  parts.end('content')
  return text.tag === TAG.octetString ? text.content : malformed('the content is no string of bytes')
}

/** By issuer and serial number. */
function named(value: Der, certificates: readonly Certificate[]): Certificate {
  const parts = sequence(value, 'signer’s certificate')
  const issuer = Buffer.from(parts.take(TAG.sequence, 'issuer').bytes)
  const serial = integerOf(parts.take(TAG.integer, 'serial number'))
  parts.end('signer’s certificate')
  const found = certificates.filter((one) => issuer.equals(one.issuer) && one.serial === serial)
  return found.length === 1 ? (found[0] as Certificate) : malformed('the certificate that signed is not in the token')
}

/** Type of the content, its digest, and which certificate signed: each once, and all three. Others (a signing time) are signed as they are. */
function checkAttributes(attributes: Der, info: Uint8Array, digest: string, { bytes }: Certificate): void {
  const values = new Map<string, Der>()
  for (const one of membersOf(attributes)) {
    const parts = sequence(one, 'attribute')
    const oid = oidOf(parts.take(TAG.oid, 'attribute'))
    const value = only(parts.take(TAG.set, 'attribute'))
    parts.end('attribute')
    if (values.has(oid)) malformed('an attribute stands twice')
    values.set(oid, value)
  }
  const value = (oid: string, what: string): Der => values.get(oid) ?? malformed(`the ${what} is not signed`)
  if (oidOf(value(CONTENT_TYPE, 'type of the content')) !== TST_INFO) malformed('another type of content was signed')
  const signed = value(MESSAGE_DIGEST, 'digest of the content')
  if (signed.tag !== TAG.octetString || !hash(digest, info, 'buffer').equals(signed.content))
    malformed('the digest that was signed is not that of the content')
  if (!namesCertificate(value(SIGNING_CERTIFICATE_V2, 'certificate'), bytes))
    malformed('another certificate was signed for')
}

/** SigningCertificateV2 of RFC 5035: the first ESSCertIDv2 is of the certificate that signed. SHA-256 unless it says otherwise. */
function namesCertificate(value: Der, certificate: Uint8Array): boolean {
  const list = sequence(value, 'signing certificate').take(TAG.sequence, 'signing certificate')
  const [first] = membersOf(list)
  if (first === undefined) return false
  const parts = sequence(first, 'certificate id')
  const algorithm = parts.optional(TAG.sequence)
  const hashed = parts.take(TAG.octetString, 'certificate hash').content
  const digest = algorithm === null ? 'sha256' : digestOf(algorithm)
  return hash(digest, certificate, 'buffer').equals(hashed)
}

function isSigned(bytes: Uint8Array, algorithm: Der, digest: string, key: KeyObject, signature: Uint8Array): boolean {
  const [kind, own] =
    SIGNATURES[algorithmOf(algorithm)] ?? malformed('the signature is of a kind that is not known here')
  if (key.asymmetricKeyType !== kind || (own !== null && own !== digest))
    return malformed('key, digest and signature are of different kinds')
  try {
    return verify(digest, bytes, key, signature)
  } catch {
    return false
  }
}

/** TSTInfo. */
function infoOf(bytes: Uint8Array): Pick<Token, 'imprint' | 'timeMs' | 'accuracyMs' | 'nonce' | 'policy'> {
  const info = sequence(readDer(bytes), 'timestamp')
  if (countOf(info.take(TAG.integer, 'version')) !== 1) malformed('the timestamp is not of version 1')
  const policy = oidOf(info.take(TAG.oid, 'policy'))
  const imprint = sequence(info.take(TAG.sequence, 'imprint'), 'imprint')
  if (digestOf(imprint.take(TAG.sequence, 'algorithm')) !== 'sha256') malformed('what was stamped is no SHA-256')
  const hashed = Buffer.from(imprint.take(TAG.octetString, 'imprint').content).toString('hex')
  imprint.end('imprint')
  integerOf(info.take(TAG.integer, 'serial number'))
  const timeMs = timeOf(info.take(TAG.generalizedTime, 'time'))
  const accuracy = info.optional(TAG.sequence)
  info.optional(TAG.boolean) // ordering: promised by the authority among its own tokens, and not needed here
  const nonce = info.optional(TAG.integer)
  info.optional(context(0)) // its own name, which the certificate says better
  info.optional(context(1))
  info.end('timestamp')
  return {
    ...{ imprint: hashed, timeMs, policy },
    accuracyMs: accuracy === null ? 0 : accuracyOf(accuracy),
    nonce: nonce === null ? null : integerOf(nonce),
  }
}

function accuracyOf(value: Der): number {
  const parts = sequence(value, 'accuracy')
  const seconds = parts.optional(TAG.integer)
  const millis = parts.optional(context(0, false))
  const micros = parts.optional(context(1, false))
  parts.end('accuracy')
  const small = (one: Der | null): number => (one === null ? 0 : countOf({ ...one, tag: TAG.integer }))
  return small(seconds) * 1_000 + small(millis) + Math.ceil(small(micros) / 1_000)
}
