/** DER (X.690), as far as timestamps and certificates need it: one form for each value, and any other is refused. */
import { AnchorFault } from '../anchor.ts'

export const TAG = {
  boolean: 0x01,
  integer: 0x02,
  bitString: 0x03,
  octetString: 0x04,
  null: 0x05,
  oid: 0x06,
  utf8String: 0x0c,
  generalizedTime: 0x18,
  sequence: 0x30,
  set: 0x31,
} as const
/** Context tag: constructed unless said otherwise. */
export const context = (number: number, constructed = true): number => (constructed ? 0xa0 : 0x80) | number

export const malformed = (what: string): never => {
  throw new AnchorFault('proof-invalid', what)
}

/** One value: its tag, what is in it, and all its bytes. */
export interface Der {
  readonly tag: number
  readonly content: Uint8Array
  readonly bytes: Uint8Array
}

/** The one value that these bytes are. */
export function readDer(bytes: Uint8Array): Der {
  const value = readAt(bytes, 0)
  return value.bytes.length === bytes.length ? value : malformed('something follows the value')
}

/** Members of a constructed value, in order. */
export function membersOf(value: Der): Der[] {
  if ((value.tag & 0x20) === 0) return malformed('a value has no members')
  const members: Der[] = []
  for (let at = 0; at < value.content.length;) {
    const member = readAt(value.content, at)
    members.push(member)
    at += member.bytes.length
  }
  return members
}

function readAt(bytes: Uint8Array, at: number): Der {
  const [tag, first] = [bytes[at], bytes[at + 1]]
  if (tag === undefined || first === undefined || (tag & 0x1f) === 0x1f)
    return malformed('a value has no tag or length')
  let length = first
  let begin = at + 2
  if (first >= 0x80) {
    const count = first & 0x7f
    if (count === 0 || count > 4 || begin + count > bytes.length)
      return malformed('a length is not definite, or too long')
    length = 0
    for (const byte of bytes.subarray(begin, begin + count)) length = length * 256 + byte
    if (bytes[begin] === 0 || length < 0x80) return malformed('a length is not in its shortest form')
    begin += count
  }
  if (begin + length > bytes.length) return malformed('a value ends early')
  return { tag, content: bytes.subarray(begin, begin + length), bytes: bytes.subarray(at, begin + length) }
}

/** Reads members one after the other; what is optional is asked for by its tag, and nothing may be left. */
export class Members {
  readonly #members: readonly Der[]
  #next = 0

  constructor(value: Der, tag: number, what: string) {
    if (value.tag !== tag) malformed(`${what} is not of its type`)
    this.#members = membersOf(value)
  }
  take(tag: number, what: string): Der {
    return this.optional(tag) ?? malformed(`${what} is missing`)
  }
  optional(tag: number): Der | null {
    const member = this.#members[this.#next]
    if (member?.tag !== tag) return null
    this.#next++
    return member
  }
  any(what: string): Der {
    return this.#members[this.#next++] ?? malformed(`${what} is missing`)
  }
  end(what: string): void {
    if (this.#next < this.#members.length) malformed(`${what} has more members than are known`)
  }
}

export const sequence = (value: Der, what: string, tag: number = TAG.sequence): Members => new Members(value, tag, what)

/** Dotted decimal. */
export function oidOf(value: Der): string {
  const bytes = value.content
  if (value.tag !== TAG.oid || bytes.length === 0 || (bytes.at(-1) as number) >= 0x80)
    return malformed('it is no object identifier')
  const arcs: number[] = []
  let arc = 0
  let fresh = true
  for (const byte of bytes) {
    if (fresh && byte === 0x80) return malformed('an object identifier is padded')
    arc = arc * 128 + (byte & 0x7f)
    if (!Number.isSafeInteger(arc)) return malformed('an object identifier is too large')
    fresh = byte < 0x80
    if (!fresh) continue
    arcs.push(
      ...(arcs.length > 0 ? [arc] : [Math.min(Math.floor(arc / 40), 2), arc - 40 * Math.min(Math.floor(arc / 40), 2)]),
    )
    arc = 0
  }
  return arcs.join('.')
}

/** A whole number of any size, as hex of its bytes without sign. */
export function integerOf(value: Der): string {
  const [first, second] = value.content
  if (value.tag !== TAG.integer || first === undefined) return malformed('it is no integer')
  if (first >= 0x80) return malformed('an integer is negative')
  if (first === 0 && second !== undefined && second < 0x80) return malformed('an integer is padded')
  return Buffer.from(value.content)
    .toString('hex')
    .replace(/^00(?=.)/, '')
}
export function countOf(value: Der): number {
  const hex = integerOf(value)
  return hex.length > 12 ? malformed('an integer is too large') : Number.parseInt(hex, 16)
}
export function booleanOf(value: Der): boolean {
  const [byte] = value.content
  if (value.tag !== TAG.boolean || value.content.length !== 1 || (byte !== 0 && byte !== 0xff))
    return malformed('it is no boolean')
  return byte === 0xff
}
/** `YYYYMMDDhhmmss[.f…]Z`, as DER has it. In ms, rounded down. */
export function timeOf(value: Der): number {
  const text = Buffer.from(value.content).toString('latin1')
  const [, y, mo, d, h, mi, s, fraction = ''] =
    /^(\d{4})(\d\d)(\d\d)(\d\d)(\d\d)(\d\d)(?:\.(\d{0,8}[1-9]))?Z$/.exec(text) ?? []
  const iso = `${y}-${mo}-${d}T${h}:${mi}:${s}`
  const timeMs = Date.parse(`${iso}.${`${fraction}000`.slice(0, 3)}Z`)
  if (value.tag !== TAG.generalizedTime || !Number.isFinite(timeMs) || !new Date(timeMs).toISOString().startsWith(iso))
    return malformed('it is no time')
  return timeMs
}

// ------------------------------------------------------------------------------------------------------------------------- writing

export function der(tag: number, ...parts: readonly Uint8Array[]): Buffer {
  const content = Buffer.concat(parts)
  const length: number[] = []
  for (let rest = content.length; rest > 0; rest = Math.floor(rest / 256)) length.unshift(rest % 256)
  const header = content.length < 0x80 ? [content.length] : [0x80 | length.length, ...length]
  return Buffer.concat([Buffer.from([tag, ...header]), content])
}
/** @param bytes a positive number, high byte first */
export function derInteger(bytes: Uint8Array): Buffer {
  let from = 0
  while (from < bytes.length - 1 && bytes[from] === 0) from++
  const digits = bytes.subarray(from)
  return der(TAG.integer, (digits[0] ?? 0) >= 0x80 ? Buffer.concat([Buffer.of(0), digits]) : digits)
}
export function derOid(dotted: string): Buffer {
  const [first = 0, second = 0, ...rest] = dotted.split('.').map(Number)
  const bytes = [first * 40 + second, ...rest].flatMap((arc) => {
    const digits = [arc & 0x7f]
    for (let more = Math.floor(arc / 128); more > 0; more = Math.floor(more / 128)) digits.unshift(0x80 | (more & 0x7f))
    return digits
  })
  return der(TAG.oid, Buffer.from(bytes))
}
