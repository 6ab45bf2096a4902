#!/usr/bin/env node
/**
 * Verifies what a Plinth log hands out, without Plinth: bundles, receipts, consistency of checkpoints, proofs of equivocation.
 * One file, Node's own modules, nothing from the runtime. Keys and policy come from whoever verifies, never from what is verified.
 * README.md says how to use it, what each exit code means, and what a bundle holds.
 *
 * V1 Every byte of a bundle is accounted for: it is hashed, compared with what it must be, or the bundle is invalid.
 * V2 Nothing is taken leniently: a form other than the one that is written is invalid.
 * V3 What was not checked is said.
 *
 * Its parts, in order. First the forms that things are written in, then what is asked of a bundle (where a reader may well begin), of what it says of
 * permission, and of smaller evidence:
 * - hashes and proofs
 * - keys, notes and checkpoints
 * - tlog-policy
 * - records
 * - a table whose memory is counted
 * - the archive
 * - anchors in time
 * - a bundle
 * - heads of streams
 * - Cedar, evaluated
 * - limits, counted again
 * - switches and revocations, again
 * - admissions, again
 * - receipts, consistency, equivocation
 * - small readers
 * - the command line
 */
import { isUtf8 } from 'node:buffer'
import { createPublicKey, hash, verify as verifySignature, X509Certificate, type KeyObject } from 'node:crypto'
import { closeSync, fstatSync, openSync, readFileSync, readSync } from 'node:fs'
import { parseArgs } from 'node:util'

export const VERSION = '0.2.0'

/** Exit codes: stable, they are what scripts rely on. 2 is a command line or file that cannot be used. */
export const EXIT_CODES = {
  VALID: 0,
  VALID_UNWITNESSED: 10,
  VALID_WITH_ERASURES: 20,
  EQUIVOCATION: 30,
  ROLLBACK: 31,
  INVALID: 40,
  INSUFFICIENT: 50,
} as const
export type Verdict = keyof typeof EXIT_CODES

export interface Finding {
  /** `missing`: evidence is not there. `invalid`: something does not hold. The others are what two signed checkpoints prove together. */
  readonly kind: 'equivocation' | 'rollback' | 'invalid' | 'missing'
  readonly position: number | null
  readonly what: string
}
export interface Report {
  readonly verdict: Verdict
  readonly origin: string | null
  readonly size: number | null
  readonly rootHash: string | null
  /** Witnesses that have cosigned, with the second at which they say they did. */
  readonly witnesses: readonly { readonly name: string; readonly time: number }[]
  /** Checkpoints that a time authority has stamped: the log had so many records by then. */
  readonly anchors?: readonly { readonly size: number; readonly time: string; readonly by: string }[]
  readonly findings: readonly Finding[]
  /** Which record has erased personal data, and of how many records: theirs are whole, and what was sealed in them opens no more. */
  readonly erasures: readonly { readonly by: number; readonly records: number }[]
  /** Admissions that came out again as recorded; null where nothing of them could be derived. */
  readonly admissions: number | null
  readonly notChecked: readonly string[]
  /** Of one stream: how many events it has as of a position of the log; 0 when it is not there. */
  readonly stream?: { readonly id: string; readonly version: number; readonly position: number }
}
/** What the verifier brings along. */
export interface Trust {
  readonly logs: readonly Key[]
  readonly policy: Policy | null
  /** Checkpoints that this verifier has kept from before: the log must still contain them. */
  readonly heads: readonly string[]
  /** Keys that follow from the pinned ones; without it, the pinned ones are all there are. */
  readonly history?: KeyHistory | null
  /** Keys that sign authority snapshots. */
  readonly operators?: readonly Key[]
  /** Certificates of time authorities, or of who issues theirs. */
  readonly tsaRoots?: readonly TsaCertificate[]
}

/** Something is not in the one form that it may have; the rest cannot be read. */
class Malformed extends Error {}
const malformed = (what: string): never => {
  throw new Malformed(what)
}

/** What reading a value throws that has another form than it should: members missing, text that is no JSON, nested too deeply. */
const isUnfit = (error: unknown): boolean =>
  error instanceof TypeError || error instanceof SyntaxError || error instanceof RangeError
/** @throws Malformed for what has not the form that it should have */
function formed<Value>(what: string, read: () => Value): Value {
  try {
    return read()
  } catch (error) {
    if (!isUnfit(error)) throw error
    return malformed(`${what} has no fit form`)
  }
}

// ---------------------------------------------------------------------------------------------------------------- hashes and proofs

const HASH = /^[0-9a-f]{64}$/
const sha256 = (data: string | Uint8Array): string => hash('sha256', data, 'hex')
// Both write into one buffer each: a million small ones would be the collector's main work.
const pair = Buffer.alloc(65, 1)
function node(left: string, right: string): string {
  pair.write(left, 1, 'hex')
  pair.write(right, 33, 'hex')
  return sha256(pair)
}
const leafBytes = Buffer.alloc(65_536)
export function leafOf(entry: Uint8Array): string {
  if (entry.length >= leafBytes.length) return sha256(Buffer.concat([Buffer.of(0), entry]))
  leafBytes.set(entry, 1)
  return sha256(leafBytes.subarray(0, entry.length + 1))
}
/** Greatest power of two below the size. */
function split(size: number): number {
  let power = 1
  while (power * 2 < size) power *= 2
  return power
}

/** Root that a leaf and its path lead to: RFC 9162 §2.1.3.1 read backwards. Null when the path has another length. */
function rootOfPath(index: number, size: number, leaf: string, path: readonly string[]): string | null {
  const last = path.at(-1)
  if (size === 1) return last === undefined ? leaf : null
  if (last === undefined) return null
  const k = split(size)
  const inner =
    index < k ? rootOfPath(index, k, leaf, path.slice(0, -1)) : rootOfPath(index - k, size - k, leaf, path.slice(0, -1))
  if (inner === null) return null
  return index < k ? node(inner, last) : node(last, inner)
}
export function verifyInclusion(
  index: number,
  size: number,
  leaf: string,
  path: readonly string[],
  root: string,
): boolean {
  const sizes = Number.isSafeInteger(index) && Number.isSafeInteger(size) && index >= 0 && index < size
  if (!sizes || ![leaf, root, ...path].every((one) => HASH.test(one))) return false
  return rootOfPath(index, size, leaf, path) === root
}

/** RFC 9162 §2.1.4.1 read backwards: roots of the old and the new tree that a proof leads to. */
function rootsOfProof(m: number, n: number, old: string | null, proof: string[]): readonly [string, string] | null {
  if (m === n) {
    const root = old ?? proof.pop()
    return root === undefined || proof.length > 0 ? null : [root, root]
  }
  const last = proof.pop()
  if (last === undefined) return null
  const k = split(n)
  const inner = m <= k ? rootsOfProof(m, k, old, proof) : rootsOfProof(m - k, n - k, null, proof)
  if (inner === null) return null
  return m <= k ? [inner[0], node(inner[1], last)] : [node(last, inner[0]), node(last, inner[1])]
}
/** The empty tree is a prefix of every tree, by an empty proof. */
export function verifyConsistency(
  m: number,
  n: number,
  oldRoot: string,
  root: string,
  proof: readonly string[],
): boolean {
  const sizes = Number.isSafeInteger(m) && Number.isSafeInteger(n) && m >= 0 && m <= n
  if (!sizes || ![oldRoot, root, ...proof].every((one) => HASH.test(one))) return false
  if (m === 0 || m === n) return proof.length === 0 && (m < n || oldRoot === root)
  const roots = rootsOfProof(m, n, oldRoot, [...proof])
  return roots !== null && roots[0] === oldRoot && roots[1] === root
}

/** Roots of the perfect subtrees of a growing tree, and the tiles that its right edge is in. */
export class Tree {
  size = 0
  readonly #roots: string[] = []
  readonly #tiles: { index: number; hashes: string[] }[] = []

  /** @returns paths and hashes of the tiles that this leaf completes, lowest level first */
  append(leaf: string): { readonly path: string; readonly hashes: readonly string[] }[] {
    let root = leaf
    const full = []
    for (let rest = this.size, height = 0; ; rest = (rest - 1) / 2, height++) {
      if (height % 8 === 0) {
        const tile = (this.#tiles[height / 8] ??= { index: 0, hashes: [] })
        tile.hashes.push(root)
        if (tile.hashes.length === 256) {
          full.push({ path: `tile/${height / 8}/${groupPath(tile.index, 256)}`, hashes: tile.hashes })
          this.#tiles[height / 8] = { index: tile.index + 1, hashes: [] }
        }
      }
      if (rest % 2 === 0) break
      root = node(this.#roots.pop() as string, root)
    }
    this.#roots.push(root)
    this.size++
    return full
  }
  root(): string {
    if (this.#roots.length === 0) return sha256('')
    return this.#roots.reduceRight((right, left) => node(left, right))
  }
  edge(): { readonly path: string; readonly hashes: readonly string[] }[] {
    return this.#tiles.flatMap(({ index, hashes }, level) =>
      hashes.length === 0 ? [] : [{ path: `tile/${level}/${groupPath(index, hashes.length)}`, hashes }],
    )
  }
}

// ------------------------------------------------------------------------------------------------------- keys, notes and checkpoints

export interface Key {
  readonly name: string
  readonly hash: string
  /** `log`: Ed25519 over the text. `witness`: Ed25519 over C2SP cosignature/v1. */
  readonly kind: 'log' | 'witness'
  readonly publicKey: KeyObject
}
interface Note {
  readonly text: string
  readonly signatures: readonly { readonly name: string; readonly hash: string; readonly bytes: Buffer }[]
}
export interface Checkpoint {
  readonly origin: string
  readonly size: number
  readonly rootHash: string
}

const KEY_KINDS: Readonly<Record<number, Key['kind']>> = { 1: 'log', 4: 'witness' }
const NAME = /^[^\s+\p{Cc}]+$/u
const SPKI = Buffer.from('302a300506032b6570032100', 'hex') // DER before the 32 bytes of an Ed25519 key
// y of the points of small order, the sign bit cleared: such a key verifies signatures that nobody made.
const SMALL_ORDER = new Set(
  ['00', '01', 'ecff', 'edff', 'eeff']
    .map((y) => (y.length === 2 ? y.padEnd(64, '0') : `${y.padEnd(62, 'f')}7f`))
    .concat(
      '26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05',
      'c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a',
    ),
)

/** `name+hash+base64(type || key)`. */
export function parseKey(text: string): Key {
  const [, name = '', id = '', encoded = ''] = /^([^+]+)\+([0-9a-f]{8})\+(.+)$/.exec(text) ?? []
  const bytes = base64(encoded)
  const kind = KEY_KINDS[bytes?.[0] ?? 0]
  if (!NAME.test(name) || bytes?.length !== 33 || kind === undefined) return malformed(`\`${text}\` is not a key`)
  if (hash('sha256', Buffer.concat([Buffer.from(`${name}\n`), bytes]), 'hex').slice(0, 8) !== id)
    return malformed(`the key of \`${name}\` does not match its hash`)
  const raw = Buffer.from(bytes.subarray(1))
  if (isSmallOrder(raw)) return malformed(`the key of \`${name}\` is a point of small order`)
  return { name, hash: id, kind, publicKey: ed25519Key(raw) }
}

/** @param raw 32 bytes */
export const ed25519Key = (raw: Uint8Array): KeyObject =>
  createPublicKey({ key: Buffer.concat([SPKI, raw]), format: 'der', type: 'spki' })
/**
 * RFC 8032, the equation without cofactor, R compared byte for byte, and no R of small order. Some versions of the library behind Node take such
 * an R and some do not; no signer makes one, and refusing it makes all of them agree.
 */
export const isSigned = (message: Uint8Array, key: KeyObject, signature: Uint8Array): boolean =>
  signature.length === 64 && !isSmallOrder(signature.subarray(0, 32)) && verifySignature(null, message, key, signature)
function isSmallOrder(point: Uint8Array): boolean {
  const y = Buffer.from(point)
  y[31] = (y[31] as number) & 0x7f
  return SMALL_ORDER.has(y.toString('hex'))
}

/** Splits a signed note. Bytes in, so that what is checked is what was signed. */
export function parseNote(bytes: Uint8Array): Note {
  if (bytes.length > 1_000_000) malformed('the note is too long')
  const note = text(bytes, 'the note')
  // eslint-disable-next-line no-control-regex
  if (/[\x00-\x09\x0b-\x1f]/.test(note)) malformed('the note holds a control character')
  const blank = note.lastIndexOf('\n\n')
  const lines = blank < 0 ? [] : note.slice(blank + 2).split('\n')
  if (lines.pop() !== '' || lines.length === 0 || lines.length > 100)
    malformed('the note does not end in signature lines')
  const signatures = lines.map((line) => {
    const [, name = '', encoded = ''] = /^— ([^ ]+) ([^ ]+)$/.exec(line) ?? []
    const signature = base64(encoded)
    if (!NAME.test(name) || signature === null || signature.length < 5)
      return malformed('a signature line is not `— name base64`')
    return { name, hash: signature.toString('hex', 0, 4), bytes: signature.subarray(4) }
  })
  return { text: note.slice(0, blank + 1), signatures }
}

/**
 * Who of the given keys has signed; for witnesses, at which second. Unknown keys are passed over, a wrong signature of a known one is malformed.
 */
export function verifyNote(note: Note, keys: readonly Key[]): { readonly key: Key; readonly time: number | null }[] {
  const signed: { key: Key; time: number | null }[] = []
  for (const signature of note.signatures) {
    const key = keys.find(({ name, hash: id }) => name === signature.name && id === signature.hash)
    if (key === undefined) continue
    const time =
      key.kind === 'witness' && signature.bytes.length === 72 ? Number(signature.bytes.readBigUInt64BE()) : null
    const message = time === null ? note.text : `cosignature/v1\ntime ${time}\n${note.text}`
    const bytes = time === null ? signature.bytes : signature.bytes.subarray(8)
    const rightKind = (key.kind === 'witness') === (time !== null) && (time === null || Number.isSafeInteger(time))
    if (!rightKind || !isSigned(Buffer.from(message), key.publicKey, bytes))
      malformed(`the signature of \`${key.name}\` does not verify`)
    if (!signed.some((one) => one.key === key)) signed.push({ key, time })
  }
  return signed
}

/** Three lines: origin, size, root. Extension lines are refused: nobody here could check them. */
export function parseCheckpoint(body: string): Checkpoint {
  const [origin = '', size = '', root = '', end, ...more] = body.split('\n')
  const rootBytes = base64(root)
  if (origin === '' || end !== '' || more.length > 0 || rootBytes?.length !== 32)
    return malformed('a checkpoint is three lines: origin, tree size, root hash')
  return { origin, size: count(size), rootHash: rootBytes.toString('hex') }
}

interface Opened extends Checkpoint {
  readonly witnesses: readonly { readonly key: Key; readonly name: string; readonly time: number }[]
  /** Keys of the log that have signed it. */
  readonly signedBy: readonly Key[]
}
/** A checkpoint that one of the pinned logs has signed under its own name, with the key that its size belongs to, and who has cosigned it. */
export function openCheckpoint(
  bytes: Uint8Array,
  { logs, policy, history = null }: Pick<Trust, 'logs' | 'policy' | 'history'>,
): Opened {
  const note = parseNote(bytes)
  const checkpoint = parseCheckpoint(note.text)
  const mine = history?.keysOf(checkpoint) ?? logs.filter(({ name }) => name === checkpoint.origin)
  const signed = verifyNote(note, [...mine, ...(policy?.witnesses.values() ?? [])])
  if (!signed.some(({ key }) => key.kind === 'log'))
    malformed(`no pinned key of \`${checkpoint.origin}\` has signed the checkpoint`)
  const witnesses = signed.flatMap(({ key, time }) => (time === null ? [] : [{ key, name: key.name, time }]))
  const signedBy = signed.flatMap(({ key }) => (key.kind === 'log' ? [key] : []))
  return { ...checkpoint, witnesses, signedBy }
}

/**
 * The keys of one log, as its records on `plinth.log-key/log` tell them: `opened` names the first and commits to the digest of the next; `rotated`
 * names that one, commits to the next, and carries a note signed by the key before and the new one. Checkpoints of sizes above the position
 * of a rotation belong to its key, and to no other. `epoch` is a rotation too, to a key of another name (`…/2`): the log went on without all that it
 * had signed, and says so.
 */
export class KeyHistory {
  readonly #pinned: readonly Key[]
  readonly #spans: { readonly key: Key; readonly next: string; readonly after: number; readonly trusted: boolean }[] =
    []
  #first: { readonly position: number; readonly leaf: string } | null = null

  constructor(pinned: readonly Key[]) {
    this.#pinned = pinned
  }
  /** Of the first record that names a key: two histories of one log begin with the same. */
  get first(): { readonly position: number; readonly leaf: string } | null {
    return this.#first
  }
  /** Whose signature a checkpoint needs; nobody's that helps when no key of it is pinned. Null: the log has no such records. */
  keysOf({ origin, size }: Pick<Checkpoint, 'origin' | 'size'>): readonly Key[] | null {
    const mine = this.#spans.filter(({ key }) => key.name === origin)
    if (mine.length === 0) return null
    const span = mine.findLast(({ after }) => size > after)
    return span?.trusted === true ? [span.key] : []
  }
  /** @returns what does not follow, or null */
  take(position: number, type: string, payload: Uint8Array, leaf: string): string | null {
    try {
      this.#take(position, type, payload)
      this.#first ??= { position, leaf }
      return null
    } catch (error) {
      if (!(error instanceof Malformed)) throw error
      return `the key of the log: ${error.message}`
    }
  }
  #take(position: number, type: string, payload: Uint8Array): void {
    const record = jsonObject(payload)
    const { vkey, next, statement } = record
    if (typeof vkey !== 'string' || typeof next !== 'string' || !HASH.test(next)) return malformed('it names no key')
    const key = parseKey(vkey)
    const isPinned = this.#pinned.some((one) => one.name === key.name && one.publicKey.equals(key.publicKey))
    const last = this.#spans.at(-1)
    if ((last === undefined) !== (type === 'opened') || key.kind !== 'log')
      return malformed('the first key is named once')
    if (last !== undefined) {
      const isEpoch = type === 'epoch'
      if (key.name !== (isEpoch ? nextEpoch(last.key.name) : last.key.name))
        return malformed('the next key is of another log')
      const typed = Buffer.concat([Buffer.of(1), key.publicKey.export({ format: 'der', type: 'spki' }).subarray(-32)])
      if ((type !== 'rotated' && !isEpoch) || sha256(typed) !== last.next)
        return malformed('the next key was not committed to beforehand')
      const note = parseNote(Buffer.from(String(statement)))
      const told = isEpoch ? epochStatement(record, last.key.name, position) : `plinth-log-key/v1\n${vkey}\n${next}\n`
      if (note.text !== told) return malformed('the statement says something else')
      if (verifyNote(note, [last.key, key]).length < 2) return malformed('the statement is not signed by both keys')
    }
    const after = last === undefined ? -1 : position
    this.#spans.push({ key, next, after, trusted: isPinned || last?.trusted === true })
  }
}
/** `a` → `a/2` → `a/3`. */
const nextEpoch = (origin: string): string => {
  const { base, number } = epochOf(origin)
  return `${base}/${number + 1}`
}
function epochOf(origin: string): { readonly base: string; readonly number: number } {
  const [, base = origin, number = '1'] = /^(.+)\/([2-9]|[1-9][0-9]{1,8})$/.exec(origin) ?? []
  return { base, number: Number(number) }
}
function isEpochOf(origin: string, log: string): boolean {
  const [later, earlier] = [epochOf(origin), epochOf(log)]
  return later.base === earlier.base && later.number >= earlier.number
}
/** What both keys sign of an epoch; its own tree begins with exactly the records before this one. */
function epochStatement(record: Readonly<Record<string, unknown>>, before: string, position: number): string {
  const { vkey, next, previous, kept, reason } = record as Readonly<Record<string, Readonly<Record<string, unknown>>>>
  if (previous?.['origin'] !== before || kept?.['size'] !== position) malformed('the epoch does not follow from here')
  const trees = [before, previous?.['size'], previous?.['rootHash'], kept?.['size'], kept?.['rootHash']]
  return `${['plinth-log-epoch/v1', vkey, next, ...trees, reason].map(String).join('\n')}\n`
}
/** An epoch says which records it keeps: those before it. */
function keptFault({ type }: LogRecord, payload: Uint8Array, root: string): string | null {
  if (type !== 'epoch') return null
  const kept = (jsonObject(payload) as { readonly kept?: { readonly rootHash?: unknown } }).kept
  return kept?.rootHash === root ? null : 'the epoch names another root than the records before it have'
}
const isKeyRecord = (record: LogRecord | null): boolean =>
  record?.kind === 'event' && record.stream === 'plinth.log-key/log'

/** What `plinth log keys` writes: the records that brought the keys in, all proven under one checkpoint. @throws Malformed */
export function parseKeyHistory(bytes: Uint8Array, logs: readonly Key[]): KeyHistory {
  const { format, checkpoint, records } = jsonObject(bytes)
  if (format !== 'plinth-log-keys/v1' || typeof checkpoint !== 'string' || !Array.isArray(records))
    return malformed('it is not a file of keys')
  const history = new KeyHistory(logs)
  const leaves = records.map((one: Readonly<Record<string, unknown>>) => {
    const { index, record, payload, proof } = one
    const entry = Buffer.from(`${String(record)}\n`)
    const parsed = parseRecord(entry)
    const content = Buffer.from(String(payload))
    if (parsed === null || !isKeyRecord(parsed) || parsed.payload.hash !== sha256(content) || !Array.isArray(proof))
      return malformed('a record of it is not one of a key')
    const fault = history.take(Number(index), parsed.type, content, leafOf(entry))
    if (fault !== null) return malformed(fault)
    return { index: Number(index), leaf: leafOf(entry), path: proof.map((hash) => hashLine(String(hash))) }
  })
  const { size, rootHash } = openCheckpoint(Buffer.from(checkpoint), { logs, policy: null, history })
  for (const [place, { index, leaf, path }] of leaves.entries())
    if (!verifyInclusion(index, size, leaf, path, rootHash) || index <= (leaves[place - 1]?.index ?? -1))
      malformed('a record of it is not under its checkpoint')
  return history
}

// ---------------------------------------------------------------------------------------------------------------------- tlog-policy

interface Group {
  readonly threshold: number
  readonly members: readonly string[]
}
export interface Policy {
  readonly logs: readonly Key[]
  /** By the name that the policy gives them. */
  readonly witnesses: ReadonlyMap<string, Key>
  readonly groups: ReadonlyMap<string, Group>
  /** Null: `quorum none`. */
  readonly quorum: string | null
}

/** C2SP tlog-policy: `log`, `witness`, `group` and one `quorum` line. */
export function parsePolicy(source: string): Policy {
  const logs: Key[] = []
  const witnesses = new Map<string, Key>()
  const groups = new Map<string, Group>()
  let quorum: string | null | undefined
  const fresh = (name = ''): string =>
    name === '' || name === 'none' || witnesses.has(name) || groups.has(name)
      ? malformed(`policy: \`${name}\` cannot be a new name`)
      : name
  const known = (name = ''): string =>
    witnesses.has(name) || groups.has(name) ? name : malformed(`policy: \`${name}\` is not known`)
  const keyOf = (kind: Key['kind'], encoded = ''): Key => {
    const key = parseKey(encoded)
    return key.kind === kind ? key : malformed(`policy: the key of \`${key.name}\` is not that of a ${kind}`)
  }
  for (const line of source.split('\n')) {
    const [word, ...rest] = line.trim().split(/[ \t]+/)
    const [first, second, ...more] = rest
    if (word === '' || word?.startsWith('#') === true) continue
    else if (word === 'log' && rest.length >= 1 && rest.length <= 2) logs.push(keyOf('log', first))
    else if (word === 'witness' && rest.length >= 2 && rest.length <= 3) {
      const key = keyOf('witness', second)
      if ([...witnesses.values()].some((one) => one.publicKey.equals(key.publicKey)))
        malformed('policy: two witnesses share a key')
      witnesses.set(fresh(first), key)
    } else if (word === 'group' && more.length > 0) {
      const members = more.map(known)
      const threshold = second === 'any' ? 1 : second === 'all' ? members.length : count(second ?? '')
      const taken = [...groups.values()].flatMap((group) => group.members)
      if (
        threshold < 1 ||
        threshold > members.length ||
        new Set([...taken, ...members]).size < taken.length + members.length
      )
        malformed(`policy: group \`${first}\` cannot be met, or counts a member twice`)
      groups.set(fresh(first), { threshold, members })
    } else if (word === 'quorum' && rest.length === 1 && quorum === undefined)
      quorum = first === 'none' ? null : known(first)
    else malformed(`policy: \`${line}\` is not understood`)
  }
  if (quorum === undefined) return malformed('policy: there is no quorum line')
  return { logs, witnesses, groups, quorum }
}

export function isMet({ witnesses, groups, quorum }: Policy, cosigned: readonly Key[]): boolean {
  const met = (name: string): boolean => {
    const group = groups.get(name)
    if (group !== undefined) return group.members.filter(met).length >= group.threshold
    const key = witnesses.get(name)
    return key !== undefined && cosigned.includes(key)
  }
  return quorum === null || met(quorum)
}

// --------------------------------------------------------------------------------------------------------------------------- records

interface LogRecord {
  readonly log: string
  readonly op: string
  readonly tx: { readonly i: number; readonly n: number }
  readonly t: number
  readonly actor: string
  readonly chain: readonly { readonly principal: string; readonly epoch: number }[]
  readonly for: string | null
  readonly tenant: string
  readonly run: string | null
  readonly corr: string | null
  readonly cause: string | null
  readonly release: string | null
  readonly gate: string
  readonly payload: { readonly hash: string; readonly bytes: number }
  readonly kind: 'event' | 'operation'
  readonly stream: string
  readonly n: number
  readonly prev: string
  readonly type: string
  readonly action: string
  readonly state: string
  readonly effects: readonly { readonly effect: string; readonly hash: string }[]
}

type Shape = (value: unknown) => boolean
const isText: Shape = (value) => typeof value === 'string'
const isTextOrNull: Shape = (value) => value === null || typeof value === 'string'
const isCount: Shape = (value) => Number.isSafeInteger(value) && (value as number) >= 0
const isHash: Shape = (value) => typeof value === 'string' && HASH.test(value)
const isLink: Shape = (value) => value === '' || isHash(value)
const is =
  (wanted: unknown): Shape =>
  (value) =>
    value === wanted
/** Exactly these members, in exactly this order. */
const members = (shape: Readonly<Record<string, Shape>>): Shape => {
  const names = Object.keys(shape)
  return (value) => {
    if (typeof value !== 'object' || value === null || Array.isArray(value)) return false
    const own = Object.keys(value)
    return (
      own.length === names.length &&
      names.every(
        (name, place) => own[place] === name && shape[name]?.((value as Record<string, unknown>)[name]) === true,
      )
    )
  }
}
const list =
  (item: Shape): Shape =>
  (value) =>
    Array.isArray(value) && value.every(item)

// How an operation may go from record to record; '' is before its first. What ends it is not followed by anything.
const TRANSITIONS: Readonly<Record<string, readonly string[]>> = {
  '': ['held', 'committed', 'refused', 'denied', 'failed', 'stopped'],
  held: ['committed', 'refused', 'denied', 'failed', 'expired', 'stopped'],
}
const STATES = ['', 'held', 'committed', 'refused', 'denied', 'failed', 'expired', 'stopped']
const isState: Shape = (value) => value === 'proposed' || (value !== '' && STATES.includes(value as string))

const SHARED = {
  ...{ v: is(1), log: isText, op: isText, tx: members({ i: isCount, n: isCount }), t: isCount, actor: isText },
  ...{
    chain: list(members({ principal: isText, epoch: isCount })),
    for: isTextOrNull,
    tenant: isText,
    run: isTextOrNull,
  },
  ...{ corr: isTextOrNull, cause: isTextOrNull, release: isTextOrNull, gate: isText },
  payload: members({ hash: isHash, bytes: isCount }),
}
const EVENT = members({ ...SHARED, kind: is('event'), stream: isText, n: isCount, prev: isLink, type: isText })
const OPERATION = members({
  ...SHARED,
  ...{
    kind: is('operation'),
    action: isText,
    state: isState,
    effects: list(members({ effect: isText, hash: isHash })),
  },
})
// `JSON.stringify` writes `\udxxx` only for half a surrogate pair.
const HALF_PAIR = /(?<!\\)(?:\\\\)*\\ud[89a-f]/

/**
 * A record from its exact bytes, final newline included. A line that would print back differently is none: that refuses members named twice,
 * white space, needless escapes and numbers in another form, whatever a parser makes of them. Half a surrogate pair is not I-JSON.
 */
export function parseRecord(entry: Uint8Array): LogRecord | null {
  if (!isUtf8(entry) || entry.at(-1) !== 0x0a) return null
  const line = Buffer.from(entry.buffer, entry.byteOffset, entry.byteLength - 1).toString()
  try {
    const value: unknown = JSON.parse(line)
    if (JSON.stringify(value) !== line || HALF_PAIR.test(line)) return null
    return EVENT(value) || OPERATION(value) ? (value as LogRecord) : null
  } catch {
    return null
  }
}
// --------------------------------------------------------------------------------------------------- a table whose memory is counted

/**
 * Fixed-size values by name. Names are kept as 16 bytes of their hash, in parts that grow one after the other: a million entries take tens of
 * megabytes, and growing takes little beside them.
 */
export class Table {
  readonly #valueBytes: number
  readonly #parts: Part[] = []

  constructor(valueBytes: number) {
    this.#valueBytes = valueBytes
  }
  /** The value's own bytes, zeros for a new name; the first must be set to other than zero. Use it before the next call. */
  of(name: string): Buffer {
    const key = hash('sha256', name, 'buffer').subarray(0, 16)
    const part = (this.#parts[key[0] as number] ??= new Part(this.#valueBytes))
    return part.of(key)
  }
}

class Part {
  readonly #width: number
  #slots = 8
  #used = 0
  #data: Buffer

  constructor(valueBytes: number) {
    this.#width = 16 + valueBytes
    this.#data = table(this.#slots * this.#width)
  }
  of(key: Buffer): Buffer {
    if (this.#used * 8 > this.#slots * 7) this.#grow()
    const at = this.#place(key)
    if (this.#data[at + 16] === 0) {
      this.#used++
      this.#data.set(key, at)
    }
    return this.#data.subarray(at + 16, at + this.#width)
  }
  #place(key: Buffer): number {
    for (let slot = key.readUInt32LE(4) % this.#slots; ; slot = (slot + 1) % this.#slots) {
      const at = slot * this.#width
      if (this.#data[at + 16] === 0 || this.#data.compare(key, 0, 16, at, at + 16) === 0) return at
    }
  }
  #grow(): void {
    const old = this.#data
    this.#slots = Math.ceil(this.#slots * 1.5)
    this.#data = table(this.#slots * this.#width)
    for (let at = 0; at < old.length; at += this.#width)
      if (old[at + 16] !== 0) this.#data.set(old.subarray(at, at + this.#width), this.#place(old.subarray(at, at + 16)))
    ;(old.buffer as ArrayBuffer).transfer(0) // gives the memory back now, not when the collector comes by
  }
}
const table = (bytes: number): Buffer => Buffer.from(new ArrayBuffer(bytes))

// ---------------------------------------------------------------------------------------------------------------------- the archive

const CONTENT_BYTES_MAX = 64 * 2 ** 20 // one payload
const MISSING = 0xffffffff
const READ_BYTES = 2 ** 16

/** Fills a buffer with the next bytes of a bundle, as far as it can. @returns how many; 0 at the end */
export type Read = (into: Buffer) => number

/** Reads from front to back through one buffer. */
class Source {
  readonly #read: Read
  #buffer = Buffer.allocUnsafe(READ_BYTES)
  #from = 0
  #to = 0

  constructor(read: Read) {
    this.#read = read
  }
  /** Exactly so many bytes; they stay as they are until the next call. */
  take(bytes: number): Buffer {
    if (!this.#has(bytes)) return malformed('the bundle ends early')
    this.#from += bytes
    return this.#buffer.subarray(this.#from - bytes, this.#from)
  }
  peek(bytes: number): Buffer {
    return this.#has(bytes) ? this.#buffer.subarray(this.#from, this.#from + bytes) : malformed('the bundle ends early')
  }
  atEnd(): boolean {
    return !this.#has(1)
  }
  #has(bytes: number): boolean {
    if (this.#to - this.#from >= bytes) return true
    const rest = this.#buffer.subarray(this.#from, this.#to)
    if (bytes > this.#buffer.length) this.#buffer = Buffer.allocUnsafe(bytes)
    this.#buffer.set(rest)
    this.#from = 0
    this.#to = rest.length
    while (this.#to < bytes) {
      const read = this.#read(this.#buffer.subarray(this.#to))
      if (read === 0) return false
      this.#to += read
    }
    return true
  }
}

/** Files of a bundle in the order they must have; every byte of every header and of the padding is compared. */
class Archive {
  readonly #source: Source
  #left = 0
  #padding = 0

  constructor(source: Source) {
    this.#source = source
  }
  /** Name of the file that follows. */
  next(): string {
    return this.#source.peek(512).toString('latin1', 0, 100).replace(/\0.*$/s, '')
  }
  open(name: string): void {
    const header = this.#source.take(512)
    const found = header.toString('latin1', 0, 100).replace(/\0.*$/s, '')
    const octal = header.toString('latin1', 124, 135)
    if (found !== name) malformed(`\`${name}\` should follow, but there is \`${found}\``)
    if (!/^[0-7]{11}$/.test(octal)) malformed(`the header of \`${name}\` has no size`)
    this.#left = Number.parseInt(octal, 8)
    this.#padding = (512 - (this.#left % 512)) % 512
    if (!header.equals(tarHeader(name, octal))) malformed(`the header of \`${name}\` is not plain`)
  }
  take(bytes: number): Buffer {
    if (bytes > this.#left) malformed('a file of the bundle ends early')
    this.#left -= bytes
    return this.#source.take(bytes)
  }
  rest(bytesMax: number): Buffer {
    return this.#left > bytesMax ? malformed('a file of the bundle is too long') : this.take(this.#left)
  }
  close(): void {
    if (this.#left > 0) malformed('a file of the bundle goes on behind its content')
    if (this.#source.take(this.#padding).some((byte) => byte !== 0)) malformed('there is something in the padding')
  }
  whole(name: string, bytesMax: number): Buffer {
    this.open(name)
    const content = Buffer.from(this.rest(bytesMax))
    this.close()
    return content
  }
  end(): void {
    if (this.#source.take(1024).some((byte) => byte !== 0) || !this.#source.atEnd())
      malformed('the bundle goes on behind its end')
  }
}

function tarHeader(name: string, octal: string): Buffer {
  const fields = (sum: string): string =>
    name.padEnd(100, '\0') +
    `0000644\0${'0000000\0'.repeat(2)}${octal}\0${'0'.repeat(11)}\0${sum}0${'\0'.repeat(100)}ustar\x0000${'\0'.repeat(64)}` +
    '0000000\0'.repeat(2)
  const sum = Buffer.from(fields(' '.repeat(8)), 'latin1').reduce((total, byte) => total + byte, 0)
  return Buffer.from(fields(`${sum.toString(8).padStart(6, '0')}\0 `).padEnd(512, '\0'), 'latin1')
}

/** As in C2SP tlog-tiles: `x001/234`, with `.p/7` for one that is not full. */
function groupPath(index: number, width: number): string {
  const digits = String(index)
  const whole = digits.padStart(Math.ceil(digits.length / 3) * 3, '0').replace(/(\d{3})(?=\d)/g, 'x$1/')
  return width === 256 ? whole : `${whole}.p/${width}`
}

// ------------------------------------------------------------------------------------------------------------------ anchors in time

/** A value of DER: its tag, all its bytes, and what is in it. */
interface Der {
  readonly tag: number
  readonly bytes: Buffer
  readonly body: Buffer
}
const NO_DER: Der = { tag: 0, bytes: Buffer.alloc(0), body: Buffer.alloc(0) }

/** Values that stand one after the other; each length definite and in its shortest form. */
function derValues(bytes: Buffer): Der[] {
  const values: Der[] = []
  for (let at = 0; at < bytes.length;) {
    const [tag = 0, first = 0] = bytes.subarray(at, at + 2)
    const wide = first < 0x80 ? 0 : first & 0x7f
    const begin = at + 2 + wide
    if ((tag & 0x1f) === 0x1f || first === 0x80 || wide > 4 || begin > bytes.length) return malformed('it is not DER')
    const length = wide === 0 ? first : bytes.readUIntBE(at + 2, wide)
    const shortest = wide === 0 || (length >= 0x80 && length >= 256 ** (wide - 1))
    if (!shortest || begin + length > bytes.length) return malformed('it is not DER')
    values.push({ tag, bytes: bytes.subarray(at, begin + length), body: bytes.subarray(begin, begin + length) })
    at = begin + length
  }
  return values
}
/** Members of a value with this tag: exactly these, by their tags; one in brackets may be missing and is then empty. */
function derFields(value: Der, tag: number, wanted: readonly (number | readonly [number])[]): Der[] {
  if (value.tag !== tag) return malformed('the token is not of its form')
  const found = derValues(value.body)
  const fields = wanted.map((one) => {
    const optional = typeof one !== 'number'
    if (found[0]?.tag === (optional ? one[0] : one)) return found.shift() as Der
    return optional ? NO_DER : malformed('the token is not of its form')
  })
  return found.length > 0 ? malformed('the token is not of its form') : fields
}
const derOne = (bytes: Buffer): Der => {
  const [value, ...more] = derValues(bytes)
  return value === undefined || more.length > 0 ? malformed('it is not one value of DER') : value
}
/** Bytes of identifiers as they are encoded, without tag and length. */
const OID = {
  signedData: '2a864886f70d010702',
  timestamp: '2a864886f70d0109100104',
  contentType: '2a864886f70d010903',
  messageDigest: '2a864886f70d010904',
  signingCertificate: '2a864886f70d010910022f',
  timeStamping: '2b06010505070308',
  basicConstraints: '551d13',
  keyUsage: '551d0f',
  extendedKeyUsage: '551d25',
  policies: '551d20',
}
const TSA_DIGESTS: Readonly<Record<string, string>> = {
  '608648016503040201': 'sha256',
  '608648016503040202': 'sha384',
  '608648016503040203': 'sha512',
}
const TSA_SIGNATURES: Readonly<Record<string, string>> = {
  '2a864886f70d010101': 'rsa',
  '2a864886f70d01010b': 'rsa sha256',
  '2a864886f70d01010c': 'rsa sha384',
  '2a864886f70d01010d': 'rsa sha512',
  '2a8648ce3d040302': 'ec sha256',
  '2a8648ce3d040303': 'ec sha384',
  '2a8648ce3d040304': 'ec sha512',
}
function algorithm(value: Der): string {
  const [oid, none] = derFields(value, 0x30, [0x06, [0x05]]) as [Der, Der]
  return none.body.length > 0 ? malformed('an algorithm has parameters') : oid.body.toString('hex')
}
const digestName = (value: Der): string => TSA_DIGESTS[algorithm(value)] ?? malformed('a digest is not known here')

interface TsaCertificate {
  readonly x509: X509Certificate
  readonly key: KeyObject
  readonly issuer: Buffer
  readonly subject: Buffer
  readonly serial: Buffer
  /** How many authorities may stand below it; null for one that may issue none. */
  readonly mayIssue: number | null
  /** For timestamps alone, and marked so. */
  readonly stamps: boolean
}

export function tsaCertificate(bytes: Buffer): TsaCertificate {
  try {
    const x509 = new X509Certificate(bytes)
    const [body, outer] = derFields(derOne(bytes), 0x30, [0x30, 0x30, 0x03]) as [Der, Der]
    const fields = derFields(body, 0x30, [0xa0, 0x02, 0x30, 0x30, 0x30, 0x30, 0x30, [0xa3]])
    const [, serial, inner, issuer, , subject, , wrapped] = fields as [Der, Der, Der, Der, Der, Der, Der, Der]
    if (!inner.bytes.equals(outer.bytes) || !x509.raw.equals(bytes)) malformed('a certificate is not in its one form')
    const extensions = new Map<string, { readonly critical: boolean; readonly value: Der }>()
    for (const one of wrapped === NO_DER ? [] : derValues(derOne(wrapped.body).body)) {
      const [oid, flag, value] = derFields(one, 0x30, [0x06, [0x01], 0x04]) as [Der, Der, Der]
      const name = oid.body.toString('hex')
      const critical = flag.body[0] === 0xff
      const known = [OID.basicConstraints, OID.keyUsage, OID.extendedKeyUsage].includes(name)
      if (extensions.has(name) || (critical && !known && name !== OID.policies))
        malformed('a certificate has an extension that is not understood')
      if (known) extensions.set(name, { critical, value: derOne(value.body) })
    }
    const purposes = extensions.get(OID.extendedKeyUsage)
    const usage = extensions.get(OID.keyUsage)?.value.body[1] ?? 0xff // no such extension: any
    const constraints = extensions.get(OID.basicConstraints)
    const [ca, path] = constraints === undefined ? [] : derFields(constraints.value, 0x30, [[0x01], [0x02]])
    const depth = path === undefined || path === NO_DER ? TSA_CHAIN_MAX : path.body.readUIntBE(0, path.body.length)
    const purpose =
      purposes === undefined ? [] : derValues(purposes.value.body).map(({ body: oid }) => oid.toString('hex'))
    return {
      ...{ x509, key: x509.publicKey, issuer: issuer.bytes, subject: subject.bytes, serial: serial.body },
      mayIssue: ca?.body[0] === 0xff && (usage & 0x04) !== 0 ? depth : null,
      stamps: purposes?.critical === true && purpose.join() === OID.timeStamping && (usage & 0xc0) !== 0,
    }
  } catch (error) {
    return error instanceof Malformed ? malformed(error.message) : malformed('a certificate cannot be read')
  }
}
const TSA_CHAIN_MAX = 8

/** Every certificate of a PEM file. */
export function parseTsaRoots(pem: string): TsaCertificate[] {
  const blocks = [...pem.matchAll(/-----BEGIN CERTIFICATE-----([A-Za-z0-9+/=\s]+)-----END CERTIFICATE-----/g)]
  const roots = blocks.map(([, encoded = '']) => tsaCertificate(Buffer.from(encoded.replace(/\s/g, ''), 'base64')))
  return roots.length > 0 ? roots : malformed('there is no certificate of a time authority in it')
}

const issuedBy = (issuer: TsaCertificate, one: TsaCertificate): boolean => {
  try {
    return issuer.subject.equals(one.issuer) && one.x509.verify(issuer.key)
  } catch {
    return false
  }
}

/** From the certificate that signed up to a root, each in force at that time. @returns when the first of them expires; null: no way up */
function expiryOfChain(
  one: TsaCertificate,
  others: readonly TsaCertificate[],
  roots: readonly TsaCertificate[],
  atMs: number,
  below: readonly TsaCertificate[] = [],
): number | null {
  const [from, until] = [one.x509.validFromDate.getTime(), one.x509.validToDate.getTime()]
  if (atMs < from || atMs > until || below.length >= TSA_CHAIN_MAX || below.includes(one)) return null
  if (roots.some((root) => root.x509.raw.equals(one.x509.raw))) return until
  for (const issuer of [...roots, ...others]) {
    if (issuer.mayIssue === null || issuer.mayIssue < below.length || !issuedBy(issuer, one)) continue
    const above = expiryOfChain(issuer, others, roots, atMs, [...below, one])
    if (above !== null) return Math.min(until, above)
  }
  return null
}

export interface Stamp {
  /** ms since the epoch, by the authority's clock. */
  readonly timeMs: number
  readonly by: string
  /** When the first certificate of its chain expires; null when no roots were given, and the chain was not looked at. */
  readonly untilMs: number | null
}

/**
 * An RFC 3161 reply over the SHA-256 of these bytes: signed attributes, digest, certificate (ESSCertIDv2), purpose, chain as of its own time.
 * Exactly `granted` and a token: nothing in it that nobody has signed, but certificates where no roots were given.
 */
export function verifyTimestamp(stamped: Uint8Array, reply: Buffer, roots: readonly TsaCertificate[] | null): Stamp {
  const [status, token] = derFields(derOne(reply), 0x30, [0x30, 0x30]) as [Der, Der]
  if (status.bytes.toString('hex') !== '3003020100') malformed('the reply is not plainly `granted`')
  const [type, wrapped] = derFields(token, 0x30, [0x06, 0xa0]) as [Der, Der]
  const parts = derFields(derOne(wrapped.body), 0x30, [0x02, 0x31, 0x30, 0xa0, 0x31])
  const [version, digests, content, certificates, signers] = parts as [Der, Der, Der, Der, Der]
  const [contentType, octets] = derFields(content, 0x30, [0x06, 0xa0]) as [Der, Der]
  const info = derOne(octets.body)
  const types = [type, contentType].map(({ body }) => body.toString('hex')).join()
  if (types !== `${OID.signedData},${OID.timestamp}` || version.body.toString('hex') !== '03' || info.tag !== 0x04)
    malformed('the token is not of its form')
  const signer = derFields(derOne(signers.body), 0x30, [0x02, 0x30, 0x30, 0xa0, 0x30, 0x04])
  const [signerVersion, id, digestOid, attributes, signatureOid, signature] = signer as [Der, Der, Der, Der, Der, Der]
  const [issuer, serial] = derFields(id, 0x30, [0x30, 0x02]) as [Der, Der]
  const all = derValues(certificates.body).map(({ bytes }) => tsaCertificate(bytes))
  const mine = all.filter((one) => one.issuer.equals(issuer.bytes) && one.serial.equals(serial.body))
  const certificate =
    mine.length === 1 ? (mine[0] as TsaCertificate) : malformed('the token lacks the certificate that signed')
  const digest = digestName(digestOid)
  if (signerVersion.body.toString('hex') !== '01' || digestName(derOne(digests.body)) !== digest)
    malformed('the token names two digests')

  const signed = new Map<string, Der>()
  for (const one of derValues(attributes.body)) {
    const [oid, values] = derFields(one, 0x30, [0x06, 0x31]) as [Der, Der]
    const name = oid.body.toString('hex')
    if (signed.has(name)) malformed('an attribute stands twice')
    signed.set(name, derOne(values.body))
  }
  const ess = derValues(
    derValues(signed.get(OID.signingCertificate)?.body ?? Buffer.alloc(0))[0]?.body ?? Buffer.alloc(0),
  )
  const named =
    ess[0] === undefined
      ? malformed('the token does not say which certificate signed')
      : derFields(ess[0], 0x30, [[0x30], 0x04, [0x30]])
  const [essDigest, essHash] = named as [Der, Der]
  const holds =
    signed.get(OID.contentType)?.body.toString('hex') === OID.timestamp &&
    signed.get(OID.messageDigest)?.body.equals(hash(digest, info.body, 'buffer')) === true &&
    essHash.body.equals(hash(essDigest === NO_DER ? 'sha256' : digestName(essDigest), certificate.x509.raw, 'buffer'))
  if (!holds) malformed('what was signed is not what the token holds')
  const [kind, own = digest] = (TSA_SIGNATURES[algorithm(signatureOid)] ?? '').split(' ')
  const asSet = Buffer.from(attributes.bytes)
  asSet[0] = 0x31
  if (
    kind !== certificate.key.asymmetricKeyType ||
    own !== digest ||
    !signedWith(digest, asSet, certificate.key, signature.body)
  )
    malformed('the signature of the token does not verify')

  const fields = derFields(derOne(info.body), 0x30, [
    0x02,
    0x06,
    0x30,
    0x02,
    0x18,
    [0x30],
    [0x01],
    [0x02],
    [0xa0],
    [0xa1],
  ])
  const [infoVersion, , imprint, , time] = fields as [Der, Der, Der, Der, Der]
  const [imprintDigest, imprinted] = derFields(imprint, 0x30, [0x30, 0x04]) as [Der, Der]
  if (infoVersion.body.toString('hex') !== '01' || digestName(imprintDigest) !== 'sha256')
    malformed('what was stamped is not a SHA-256')
  if (!imprinted.body.equals(hash('sha256', stamped, 'buffer'))) malformed('the token is for other bytes')
  const clock = /^(\d{4})(\d\d)(\d\d)(\d\d)(\d\d)(\d\d)(?:\.(\d{1,9}))?Z$/.exec(time.body.toString('latin1'))
  const [, y, mo, d, h, mi, s, fraction = ''] = clock ?? malformed('the token says no time')
  const timeMs = Date.parse(`${y}-${mo}-${d}T${h}:${mi}:${s}.${`${fraction}000`.slice(0, 3)}Z`)
  if (Number.isNaN(timeMs)) malformed('the token says no time')
  const by = certificate.x509.subject.replaceAll('\n', ', ')
  if (roots === null) return { timeMs, by, untilMs: null }

  if (!certificate.stamps) malformed('the certificate that signed is not for timestamps alone')
  const others = all.filter((one) => one !== certificate)
  for (const one of others) {
    const related = [...all, ...roots].some((other) => other !== one && (issuedBy(other, one) || issuedBy(one, other)))
    if (!related || ![...others, ...roots].some((other) => issuedBy(other, one)))
      malformed('the token holds a certificate that belongs to nobody')
  }
  const untilMs = expiryOfChain(certificate, others, roots, timeMs)
  return untilMs === null ? malformed('its certificate does not lead to a given root') : { timeMs, by, untilMs }
}

function signedWith(digest: string, bytes: Buffer, key: KeyObject, signature: Buffer): boolean {
  try {
    return verifySignature(digest, bytes, key, signature)
  } catch {
    return false
  }
}

const ANCHORS_MAX = 10_000
/** Checkpoints that were stamped, of this log and signed by it: `anchor/index` lists them by size and name, each with its reply. */
function readAnchors(archive: Archive, judge: Judge, checkpoint: Opened): Opened[] {
  if (archive.next() !== 'anchor/index') {
    judge.unchecked('anchors in time: the bundle holds none')
    return []
  }
  const lines = archive
    .whole('anchor/index', 64 * ANCHORS_MAX)
    .toString('latin1')
    .split('\n')
  if (lines.pop() !== '' || lines.length === 0) malformed('the list of anchors does not end in a newline')
  let before: readonly [number, string] = [-1, '']
  return lines.flatMap((line) => {
    const [, digits = '', name = ''] = /^(\d+) ([a-z][a-z0-9]{0,31})$/.exec(line) ?? []
    const size = count(digits)
    if (size < before[0] || (size === before[0] && name <= before[1])) malformed('the list of anchors is not in order')
    before = [size, name]
    const note = archive.whole(`anchor/${line.replace(' ', '-')}.checkpoint`, 1_000_000)
    const reply = archive.whole(`anchor/${line.replace(' ', '-')}.tsr`, 65_536)
    const opened = judge.open(note, `anchored checkpoint of ${line}`)
    judge.attempt(`anchor of ${line}`, () => judge.stamped(size, note, reply))
    if (opened !== null && (opened.size !== size || opened.origin !== checkpoint.origin))
      malformed(`the anchored checkpoint of ${line} is another`)
    return opened ?? []
  })
}

// ------------------------------------------------------------------------------------------------------------------------ a bundle

const FINDINGS_MAX = 100
const ALWAYS_UNCHECKED = [
  'what the records say about the world, and that nothing happened outside the log',
  'that the clock of the log was right',
]

class Judge {
  readonly #trust: Trust
  readonly #findings: Finding[] = []
  readonly #notChecked = [...ALWAYS_UNCHECKED]
  readonly #anchors: { readonly size: number; readonly time: string; readonly by: string }[] = []
  #unrooted = false
  checkpoint: Opened | null = null
  derived: number | null = null
  erasures: Report['erasures'] = []

  constructor(trust: Trust) {
    this.#trust = trust
  }
  find(kind: Finding['kind'], position: number | null, what: string): void {
    const kinds = this.#findings.filter((finding) => finding.kind === kind).length
    if (kinds < FINDINGS_MAX) this.#findings.push({ kind, position, what })
  }
  unchecked(...what: string[]): void {
    this.#notChecked.push(...what)
  }
  has(kind: Finding['kind']): boolean {
    return this.#findings.some((finding) => finding.kind === kind)
  }
  /** Runs a part of the work; what is malformed ends that part. */
  attempt<T>(subject: string, work: () => T): T | null {
    try {
      return work()
    } catch (error) {
      if (!(error instanceof Malformed)) throw error
      this.find('invalid', null, `${subject}: ${error.message}`)
      return null
    }
  }
  open(bytes: Uint8Array, subject = 'checkpoint'): Opened | null {
    return this.attempt(subject, () => openCheckpoint(bytes, this.#trust))
  }
  get pinned(): readonly Key[] {
    return this.#trust.logs
  }
  /** What the records say of the log's keys must be what the checkpoint was opened with. */
  keys(history: KeyHistory, checkpoint: Opened): void {
    const own = history.keysOf(checkpoint)
    if (
      own !== null &&
      !checkpoint.signedBy.some(({ publicKey }) => own.some((key) => key.publicKey.equals(publicKey)))
    )
      this.find('invalid', null, `the checkpoint is not signed by the key that its size belongs to`)
    const told = this.#trust.history?.first ?? null
    if (told !== null && told.leaf !== history.first?.leaf)
      this.find('invalid', told.position, 'the log names another first key than the file of keys')
  }
  /** An RFC 3161 reply over these bytes, which are a checkpoint of that size. */
  stamped(size: number, note: Uint8Array, reply: Buffer): number {
    const roots = this.#trust.tsaRoots ?? null
    const { timeMs, by, untilMs } = verifyTimestamp(note, reply, roots)
    if (roots === null) this.#unrooted = true
    else this.#anchors.push({ size, time: new Date(timeMs).toISOString(), by })
    if (untilMs !== null && untilMs < Date.now())
      this.unchecked(`whether the key behind the anchor of ${size} was used since its certificates expired`)
    return timeMs
  }
  /** Kept checkpoints of this log, each compared with the one at hand as far as sizes alone can tell. */
  heads(checkpoint: Opened): readonly Opened[] {
    const kept = this.#trust.heads.flatMap((head) => this.open(Buffer.from(head), 'kept checkpoint') ?? [])
    if (this.#trust.heads.length === 0)
      this.unchecked('that the log still holds what it has shown before: no kept checkpoint was given')
    const mine = kept.filter(({ origin }) => origin === checkpoint.origin)
    if (mine.length < kept.length)
      this.unchecked(`${kept.length - mine.length} kept checkpoints: they are of other logs, or of an earlier epoch`)
    return this.compare(mine, checkpoint)
  }
  /** For what shows one record, or one stream: whether the log has only grown since a smaller one takes a proof that it does not hold. */
  headsBySize(checkpoint: Opened): void {
    const smaller = this.heads(checkpoint).filter(({ size }) => size < checkpoint.size).length
    if (smaller > 0)
      this.unchecked(
        `that the log still holds what ${smaller} kept checkpoints name: ask for a bundle, or \`consistency\``,
      )
  }
  /** Other checkpoints that this log has signed. */
  compare(others: readonly Opened[], checkpoint: Opened): readonly Opened[] {
    for (const head of others) {
      if (head.size > checkpoint.size)
        this.find('rollback', null, `the log has signed ${head.size} records before; this is over ${checkpoint.size}`)
      if (head.size === checkpoint.size && head.rootHash !== checkpoint.rootHash)
        this.find('equivocation', null, `the log has signed two roots for ${head.size} records`)
    }
    return others
  }
  report(): Report {
    const { policy } = this.#trust
    const witnesses = this.checkpoint?.witnesses ?? []
    const met =
      policy !== null &&
      isMet(
        policy,
        witnesses.map(({ key }) => key),
      )
    if (this.checkpoint !== null && policy !== null && !met)
      this.find('missing', null, 'the witnesses that have cosigned do not meet the policy')
    if (policy === null) this.unchecked('witnesses: no policy was given')
    else if (policy.quorum === null) this.unchecked('witnesses: the policy asks for none')
    if (this.#unrooted) this.unchecked('who has stamped the anchors: no root was given (`--tsa-root`)')
    const { origin = null, size = null, rootHash = null } = this.checkpoint ?? {}
    return {
      verdict: this.#verdict(met && policy?.quorum !== null),
      ...{ origin, size, rootHash },
      witnesses: witnesses.map(({ name, time }) => ({ name, time })),
      ...(this.#anchors.length === 0 ? {} : { anchors: this.#anchors }),
      findings: this.#findings,
      erasures: this.erasures,
      admissions: this.derived,
      notChecked: this.#notChecked,
    }
  }
  #verdict(witnessed: boolean): Verdict {
    if (this.has('equivocation')) return 'EQUIVOCATION'
    if (this.has('rollback')) return 'ROLLBACK'
    if (this.has('invalid')) return 'INVALID'
    if (this.has('missing')) return 'INSUFFICIENT'
    if (this.erasures.length > 0) return 'VALID_WITH_ERASURES'
    return witnessed ? 'VALID' : 'VALID_UNWITNESSED'
  }
}

/**
 * Reads a bundle from front to back, and once more where limits come up only after records that count towards them.
 * @param read anew, from the first byte, each time it is called
 */
export function verifyBundleWhole(open: () => Read, trust: Trust): Report {
  const first = readBundle(open(), trust, [])
  return first.lateLimits === null ? first.report : readBundle(open(), trust, first.lateLimits).report
}

/** Reads a bundle once from front to back. Memory: one group of records, one payload, and some 50 bytes for each stream and operation. */
export function verifyBundle(read: Read, trust: Trust): Report {
  return readBundle(read, trust, []).report
}
function readBundle(
  read: Read,
  trust: Trust,
  limits: readonly Limit[],
): { readonly report: Report; readonly lateLimits: readonly Limit[] | null } {
  const judge = new Judge(trust)
  const admissions = new Admissions(judge, trust.operators ?? [], limits)
  const archive = new Archive(new Source(read))
  judge.attempt('bundle', () => {
    if (archive.whole('format', 64).toString('latin1') !== 'plinth-bundle/v1\n')
      malformed('its format is not known here')
    judge.checkpoint = judge.open(archive.whole('checkpoint', 1_000_000))
    if (judge.checkpoint !== null) readRecords(archive, judge, judge.checkpoint, admissions)
    else judge.unchecked('the records: there is no checkpoint to hold them against')
  })
  return { report: judge.report(), lateLimits: admissions.lateLimits }
}

/**
 * The keys that the records of a bundle name, read ahead of everything else: for a checkpoint that no pinned key has signed. Nothing else is looked
 * at here; what is found is worth what its statements prove, and the records are looked at again. Null when there are none, or it cannot be read.
 */
export function keysInBundle(read: Read, logs: readonly Key[]): KeyHistory | null {
  const source = new Source(read)
  const history = new KeyHistory(logs)
  let named = new Map<number, { readonly position: number; readonly type: string; readonly leaf: string }>()
  let position = 0
  try {
    for (;;) {
      const header = source.take(512)
      const name = header.toString('latin1', 0, 100).replace(/\0.*$/s, '')
      const size = Number.parseInt(header.toString('latin1', 124, 135), 8)
      if (name === '') return history.first === null ? null : history
      let left = size
      const take = (bytes: number): Buffer => {
        left -= bytes
        return left < 0 ? malformed('a file of the bundle ends early') : source.take(bytes)
      }
      if (name.startsWith('tile/entries/')) {
        named = new Map()
        for (let place = 0; left > 0; place++, position++) {
          const entry = take(take(2).readUInt16BE())
          if (!entry.includes('plinth.log-key/log')) continue
          const record = parseRecord(entry)
          if (record !== null && isKeyRecord(record))
            named.set(place, { position, type: record.type, leaf: leafOf(entry) })
        }
      } else if (name.startsWith('payload/') && named.size > 0) {
        for (let place = 0; left > 0; place++) {
          const length = take(4).readUInt32BE()
          const payload = length === MISSING ? null : take(length)
          const found = named.get(place)
          if (found !== undefined && payload !== null) history.take(found.position, found.type, payload, found.leaf)
        }
      }
      while (left > 0) take(Math.min(left, READ_BYTES))
      source.take((512 - (size % 512)) % 512)
    }
  } catch (error) {
    if (error instanceof Malformed) return null
    throw error
  }
}

function readRecords(archive: Archive, judge: Judge, checkpoint: Opened, admissions: Admissions): void {
  const tree = new Tree()
  const audit = new Audit(judge, checkpoint.origin)
  const history = new KeyHistory(judge.pinned)
  const anchored = readAnchors(archive, judge, checkpoint)
  const heads = [...judge.heads(checkpoint), ...judge.compare(anchored, checkpoint)].filter(
    ({ size }) => size < checkpoint.size,
  )
  const conflicts: number[] = []
  const compareHeads = (): void => {
    for (const { size, rootHash } of heads) if (size === tree.size && rootHash !== tree.root()) conflicts.push(size)
  }
  if (heads.some(({ size }) => size === 0)) compareHeads()
  for (let first = 0; first < checkpoint.size; first += 256) {
    const width = Math.min(256, checkpoint.size - first)
    const path = groupPath(first / 256, width)
    readGrounds(archive, admissions)
    archive.open(`tile/entries/${path}`)
    const records: (LogRecord | null)[] = []
    const leaves: string[] = []
    const rootsBefore = new Map<number, string>()
    const full: ReturnType<Tree['append']> = []
    for (let place = 0; place < width; place++) {
      const entry = archive.take(archive.take(2).readUInt16BE())
      const leaf = leafOf(entry)
      if (entry.includes('"type":"epoch"')) rootsBefore.set(first + place, tree.root())
      full.push(...tree.append(leaf))
      records.push(audit.record(first + place, entry, leaf))
      leaves.push(leaf)
      compareHeads()
    }
    archive.close()
    archive.open(`payload/${path}`)
    for (const [place, record] of records.entries()) {
      const payload = content(archive)
      audit.payload(first + place, record, payload)
      if (record !== null && payload !== null && isKeyRecord(record)) {
        const before = rootsBefore.get(first + place) ?? ''
        const fault =
          keptFault(record, payload, before) ??
          history.take(first + place, record.type, payload, leaves[place] as string)
        if (fault !== null) judge.find('invalid', first + place, fault)
      }
      if (record !== null) admissions.record(first + place, record, payload)
    }
    archive.close()
    if (records.some((record) => record?.kind === 'operation' && record.effects.length > 0)) {
      archive.open(`effect/${path}`)
      for (const [place, record] of records.entries())
        for (const effect of record?.effects ?? []) audit.effect(first + place, effect.hash, content(archive))
      archive.close()
    }
    for (const tile of full) compareTile(archive, tile)
  }
  for (const tile of tree.edge()) compareTile(archive, tile)
  archive.end()
  audit.end(checkpoint.size)
  admissions.end()
  judge.keys(history, checkpoint)
  if (tree.root() !== checkpoint.rootHash)
    judge.find('invalid', null, 'the records have another root than the checkpoint')
  // Only when the records are those that the log has signed do two roots convict the log, not whoever copied the bundle.
  else
    for (const size of conflicts)
      judge.find('equivocation', size, `the log has signed another root for its first ${size} records before`)
}

/** Snapshots and manifests stand before the first records that name them. */
function readGrounds(archive: Archive, admissions: Admissions): void {
  for (;;) {
    const name = archive.next()
    if (name === admissions.nextSnapshot)
      formed(`\`${name}\``, () => admissions.snapshot(archive.whole(name, 1_000_000)))
    else if (RELEASE_FILE.test(name))
      formed(`\`${name}\``, () =>
        admissions.release(name.slice('release/'.length), archive.whole(name, CONTENT_BYTES_MAX)),
      )
    else return
  }
}

const content = (archive: Archive): Buffer | null => {
  const length = archive.take(4).readUInt32BE()
  if (length === MISSING) return null
  return length > CONTENT_BYTES_MAX ? malformed('a payload is too long') : archive.take(length)
}

function compareTile(
  archive: Archive,
  { path, hashes }: { readonly path: string; readonly hashes: readonly string[] },
): void {
  if (archive.whole(path, 8192).toString('hex') !== hashes.join(''))
    malformed(`\`${path}\` holds other hashes than the records give`)
}

/** What records say about one another: transactions, streams, operations, times. */
class Audit {
  readonly #judge: Judge
  readonly #origin: string
  /** Name that records have here. */
  #log: string | null = null
  readonly #streams = new Table(1 + 6 + 32) // a mark, version, leaf
  readonly #operations = new Table(1) // index into STATES
  readonly #heads = new StreamHeads()
  readonly #erasures = new Erasures()
  #transaction: { readonly shared: string; readonly i: number; readonly n: number } | null = null
  #time = 0

  constructor(judge: Judge, origin: string) {
    this.#judge = judge
    this.#origin = origin
  }
  record(position: number, entry: Uint8Array, leaf: string): LogRecord | null {
    const record = parseRecord(entry)
    if (record === null) {
      this.#find(position, 'the record is not in the form of a record')
      return null
    }
    this.#ofThisLog(position, record)
    if (record.t < this.#time) this.#find(position, 'the record is older than the one before it')
    this.#time = record.t
    if (record.chain.length > 0 && record.chain[0]?.principal !== record.actor)
      this.#find(position, 'the chain of owners does not begin with the actor')
    this.#inTransaction(position, record)
    if (record.kind === 'event') this.#inStream(position, record, leaf)
    else this.#inOperation(position, record)
    return record
  }
  /** Records before an epoch keep the name that they were written under; the epoch's own first record is the only place where it may change. */
  #ofThisLog(position: number, record: LogRecord): void {
    this.#log ??= isEpochOf(this.#origin, record.log) ? record.log : this.#origin
    const begins = isKeyRecord(record) && record.type === 'epoch' && record.tx.i === 0
    if (begins && record.log === nextEpoch(this.#log)) this.#log = record.log
    if (record.log !== this.#log) this.#find(position, `the record is of the log \`${record.log}\``)
  }
  payload(position: number, record: LogRecord | null, bytes: Buffer | null): void {
    if (bytes === null) return this.#judge.find('missing', position, 'the payload is missing, and no erasure covers it')
    if (record === null) return
    if (bytes.length !== record.payload.bytes || sha256(bytes) !== record.payload.hash)
      return this.#find(position, 'the payload does not match its hash')
    const isOurs = record.kind === 'operation' || record.stream.startsWith('plinth.')
    const value = isOurs ? plainJson(bytes) : null
    if (isOurs && value === null) this.#find(position, 'the payload is not in the one form that it may have')
    if (record.kind === 'operation' && record.gate !== '' && record.gate !== gateOf(value))
      this.#find(position, 'the record names another authority than its payload')
    const fault = this.#erasures.payload(position, record, bytes)
    if (fault !== null) this.#find(position, fault)
    const wrong = isStatement(record) ? this.#heads.statement(position, bytes) : null
    if (wrong !== null) this.#find(position, wrong)
  }
  effect(position: number, wanted: string, bytes: Buffer | null): void {
    if (bytes === null) this.#judge.find('missing', position, 'an effect is missing')
    else if (sha256(bytes) !== wanted) this.#find(position, 'an effect does not match its hash')
  }
  end(size: number): void {
    if (this.#transaction !== null) this.#find(size - 1, 'the last transaction is incomplete')
    if (this.#log !== null && this.#log !== this.#origin)
      this.#find(size - 1, `the records are of the log \`${this.#log}\`, and no epoch leads on from it`)
    this.#judge.erasures = this.#erasures.report()
    if (this.#erasures.sealed > 0)
      this.#judge.unchecked(
        `personal data of ${this.#erasures.sealed} records: it is sealed, and its keys stay with the system`,
      )
    if (this.#heads.statements === 0) this.#judge.unchecked('stated heads of streams: the log holds none')
  }
  #find(position: number, what: string): void {
    this.#judge.find('invalid', position, what)
  }
  /** Records i = 0, 1, … of n stand next to each other with the same attribution; the last, and only it, is the operation's own. */
  #inTransaction(position: number, record: LogRecord): void {
    const { tx, kind, log, op, t, actor, chain, tenant, run, corr, cause, release, gate } = record
    const shared = JSON.stringify([log, op, t, actor, chain, record.for, tenant, run, corr, cause, release, gate])
    const before = this.#transaction
    if (tx.i !== (before?.i ?? -1) + 1 || tx.i >= tx.n || (before !== null && tx.n !== before.n))
      this.#find(position, 'a transaction is incomplete')
    else if (before !== null && before.shared !== shared)
      this.#find(position, 'a transaction is attributed in two ways')
    if ((tx.i === tx.n - 1) !== (kind === 'operation'))
      this.#find(position, 'a transaction does not end in its operation')
    this.#transaction = tx.i >= tx.n - 1 ? null : { shared, i: tx.i, n: tx.n }
  }
  #inStream(position: number, { stream, n, prev }: LogRecord, leaf: string): void {
    const head = this.#streams.of(stream)
    const version = head.readUIntBE(1, 6)
    if (n !== version + 1) this.#find(position, `\`${stream}\` goes from version ${version} to ${n}`)
    if (prev !== (head[0] === 0 ? '' : head.toString('hex', 7)))
      this.#find(position, `\`${stream}\` is not linked to its record before`)
    head[0] = 1
    head.writeUIntBE(n % 2 ** 48, 1, 6)
    head.write(leaf, 7, 'hex')
    this.#heads.event(position, stream, n, leaf)
  }
  #inOperation(position: number, { op, state }: LogRecord): void {
    const known = this.#operations.of(op)
    const before = STATES[known[0] as number] as string
    if (TRANSITIONS[before]?.includes(state) !== true)
      this.#find(position, `an operation goes from \`${before}\` to \`${state}\``)
    known[0] = Math.max(1, STATES.indexOf(state))
  }
}

/**
 * Personal data is sealed under keys of its subjects. A record of an erasure names the keys that it destroyed: what was sealed under them is erased by
 * that record, and by no other way; the bytes that the log commits to stay.
 */
class Erasures {
  readonly #sealed = new Map<string, number>() // records by the keys it takes to open them, as many as there are sets of keys
  readonly #destroyed = new Map<string, number>()
  #erasing: { readonly position: number; readonly kids: readonly string[] }[] = []

  /** @returns what is wrong with it; null when nothing is */
  payload(position: number, record: LogRecord, bytes: Buffer): string | null {
    if (record.kind === 'event' && record.stream.startsWith('plinth.erasure/')) {
      const kids = jsonOrNull(bytes)?.['kids']
      if (!Array.isArray(kids) || !kids.every((kid) => typeof kid === 'string')) return 'an erasure names no keys'
      this.#erasing.push({ position, kids })
      return null
    }
    if (record.kind === 'operation' && this.#erasing.length > 0) {
      const erasing = this.#erasing
      this.#erasing = []
      if (record.action !== 'plinth.erase' || record.state !== 'committed')
        return 'an erasure that nobody was admitted to do'
      for (const { position: by, kids } of erasing)
        for (const kid of kids) if (!this.#destroyed.has(kid)) this.#destroyed.set(kid, by)
    }
    if (!bytes.includes('"$sealed":{')) return null
    const sealed = jsonOrNull(bytes)?.['$sealed'] as { readonly kids?: unknown } | undefined
    if (sealed === undefined) return null
    if (!Array.isArray(sealed.kids) || sealed.kids.length === 0) return 'what is sealed names no keys'
    const keys = sealed.kids.join(',')
    this.#sealed.set(keys, (this.#sealed.get(keys) ?? 0) + 1)
    return null
  }
  /** Records whose keys no erasure has destroyed. */
  get sealed(): number {
    return [...this.#sealed].reduce((sum, [keys, records]) => (this.#by(keys) === null ? sum + records : sum), 0)
  }
  report(): { readonly by: number; readonly records: number }[] {
    const records = new Map<number, number>([...this.#destroyed.values()].map((by) => [by, 0]))
    for (const [keys, count] of this.#sealed) {
      const by = this.#by(keys)
      if (by !== null) records.set(by, (records.get(by) ?? 0) + count)
    }
    return [...records].map(([by, count]) => ({ by, records: count }))
  }
  #by(keys: string): number | null {
    const by = keys.split(',').flatMap((kid) => this.#destroyed.get(kid) ?? [])
    return by.length === 0 ? null : Math.min(...by)
  }
}

/** SHA-256 over the canonical text of the authority that a payload names; null when it names none. */
function gateOf(payload: Readonly<Record<string, unknown>> | null): string | null {
  const authority = payload?.['authority']
  try {
    return authority == null ? null : sha256(canonical(authority))
  } catch {
    return null
  }
}
/** What the engine writes of its own: an object that prints back as it is, which refuses members named twice. Null for anything else. */
function plainJson(bytes: Buffer): Readonly<Record<string, unknown>> | null {
  const line = bytes.toString()
  try {
    const value: unknown = JSON.parse(line)
    if (typeof value !== 'object' || value === null || Array.isArray(value) || !isUtf8(bytes)) return null
    // Sorted, members that are numbers come in another order than they are printed in.
    return JSON.stringify(value) === line || canonical(value) === line ? (value as Record<string, unknown>) : null
  } catch {
    return null // or it is nested more deeply than anything that was taken in
  }
}
/** RFC 8785 text of a JSON value. */
export function canonical(value: unknown): string {
  if (Array.isArray(value)) return `[${value.map(canonical).join(',')}]`
  if (typeof value !== 'object' || value === null) return JSON.stringify(value)
  const named = value as Record<string, unknown>
  const parts = Object.keys(named)
    .sort()
    .map((name) => `${JSON.stringify(name)}:${canonical(named[name])}`)
  return `{${parts.join(',')}}`
}

// -------------------------------------------------------------------------------------------------------------- heads of streams

/*
 * Now and then the log states where each of its streams ends: an event on `plinth.heads/streams` of type `stated`, with `position`, `streams`
 * and `root`. The root is that of a trie of 16 branches by SHA-256 of the stream's id:
 * leaf SHA-256(0x00 || key || version in 8 bytes || the last event's leaf hash), node SHA-256(0x01 || 2 bytes: which branches || their hashes).
 * The first four levels are always nodes; below, a stream that is alone is its leaf.
 */
const HEADS_LAG_MAX = 65_536
const isStatement = ({ kind, stream, type }: LogRecord): boolean =>
  kind === 'event' && stream === 'plinth.heads/streams' && type === 'stated'

interface Statement {
  readonly position: number
  readonly root: string
  readonly streams: number
}
function readStatement(payload: Buffer): Statement | null {
  try {
    const { position, root, streams } = JSON.parse(payload.toString()) as Record<string, unknown>
    return isCount(position) && isCount(streams) && isHash(root) ? ({ position, root, streams } as Statement) : null
  } catch {
    return null
  }
}

const halfByte = (key: Uint8Array, depth: number): number => {
  const byte = key[depth >> 1] as number
  return depth % 2 === 0 ? byte >> 4 : byte & 15
}
const headBytes = Buffer.alloc(73)
function headLeaf(key: Uint8Array, version: number, leaf: string): Buffer {
  headBytes.set(key, 1)
  headBytes.writeBigUInt64BE(BigInt(version), 33)
  headBytes.write(leaf, 41, 'hex')
  return hash('sha256', headBytes, 'buffer')
}
function headNode(children: readonly (Uint8Array | null)[]): Buffer {
  const there = Buffer.of(1, 0, 0)
  for (const [branch, child] of children.entries())
    if (child !== null) there.writeUInt16BE(there.readUInt16BE(1) | (0x8000 >> branch), 1)
  return hash('sha256', Buffer.concat([there, ...children.filter((child) => child !== null)]), 'buffer')
}

/** Replays the streams for the statements about them. Memory: 48 bytes a stream, and the events of the longest lag. */
class StreamHeads {
  /** 16 bytes of key and the hash of its leaf, each, in order; by the first four half bytes. */
  readonly #buckets = new Map<number, Buffer>()
  /** By level, from the root down to the buckets; what is not there has none. */
  readonly #hashes = Array.from({ length: 5 }, () => new Map<number, Buffer>())
  readonly #changed = new Set<number>()
  #waiting: { position: number; key: Buffer; version: number; leaf: string }[] = []
  #streams = 0
  #stated = -1
  statements = 0

  event(position: number, stream: string, version: number, leaf: string): void {
    this.#waiting.push({ position, key: hash('sha256', stream, 'buffer'), version, leaf })
    if (this.#waiting.length > 2 * HEADS_LAG_MAX) this.#takeIn(position - HEADS_LAG_MAX - 256) // payloads lag by a group
  }
  /** @returns what is wrong with it */
  statement(at: number, payload: Buffer): string | null {
    const statement = readStatement(payload)
    if (statement === null) return 'the heads of streams are stated in another form'
    const { position, streams, root } = statement
    if (position >= at || at - position > HEADS_LAG_MAX || position <= this.#stated)
      return `the heads of streams are stated for ${position}, which is not just before`
    this.statements++
    this.#stated = position
    this.#takeIn(position)
    if (streams !== this.#streams) return `${streams} streams are stated for ${position}, there were ${this.#streams}`
    return root === this.#root() ? null : `the stated heads of streams are not those of the log at ${position}`
  }

  #takeIn(until: number): void {
    let taken = 0
    for (const { position, key, version, leaf } of this.#waiting) {
      if (position > until) break
      const number = key.readUInt16BE()
      const bucket = this.#buckets.get(number) ?? Buffer.alloc(0)
      const entry = Buffer.concat([key.subarray(0, 16), headLeaf(key, version, leaf)])
      let at = 0
      while (at < bucket.length && bucket.compare(entry, 0, 16, at, at + 16) < 0) at += 48
      const known = at < bucket.length && bucket.compare(entry, 0, 16, at, at + 16) === 0
      if (known) bucket.set(entry, at)
      else this.#buckets.set(number, Buffer.concat([bucket.subarray(0, at), entry, bucket.subarray(at)]))
      if (!known) this.#streams++
      this.#changed.add(number)
      taken++
    }
    this.#waiting = this.#waiting.slice(taken)
  }
  #root(): string {
    const level = (of: number): Map<number, Buffer> => this.#hashes[of] as Map<number, Buffer>
    let nodes = new Set<number>()
    for (const number of this.#changed) {
      level(4).set(number, subtree(this.#buckets.get(number) as Buffer, 4))
      nodes.add(number >> 4)
    }
    this.#changed.clear()
    for (let depth = 3; depth >= 0; depth--) {
      const above = new Set<number>()
      for (const node of depth === 0 ? [0] : nodes) {
        const children = Array.from({ length: 16 }, (_, branch) => level(depth + 1).get(node * 16 + branch) ?? null)
        level(depth).set(node, headNode(children))
        above.add(node >> 4)
      }
      nodes = above
    }
    return (level(0).get(0) as Buffer).toString('hex')
  }
}
function subtree(entries: Buffer, depth: number): Buffer {
  if (entries.length === 48) return Buffer.from(entries.subarray(16))
  const children: (Buffer | null)[] = []
  for (let branch = 0, from = 0; branch < 16; branch++) {
    let to = from
    while (to < entries.length && halfByte(entries.subarray(to, to + 16), depth) === branch) to += 48
    children.push(to === from ? null : subtree(entries.subarray(from, to), depth + 1))
    from = to
  }
  return headNode(children)
}

/** Root that a path leads to: from where it ends up to the root, level by level. */
function rootOfHeads(key: Buffer, levels: readonly string[], end: Buffer | null): string {
  let below = end
  for (let level = levels.length - 1; level >= 0; level--) {
    const bytes = base64(levels[level] as string)
    if (bytes === null || bytes.length % 32 !== 2) return malformed('a level of the path is not what it must be')
    const there = bytes.readUInt16BE()
    const own = halfByte(key, level)
    if (((there & (0x8000 >> own)) !== 0) !== (below !== null)) return malformed('the path does not lead to the stream')
    let at = 2
    const children = Array.from({ length: 16 }, (_, branch) => {
      if ((there & (0x8000 >> branch)) === 0) return null
      return branch === own ? below : bytes.subarray(at, (at += 32))
    })
    if (at !== bytes.length) malformed('a level of the path holds more or fewer hashes than it says')
    below = headNode(children)
  }
  return (below as Buffer).toString('hex')
}

/**
 * All of one stream, or that it is not there, as of a statement: the statement's record under a signed checkpoint, the path to its root, and every
 * event from the first to the one where the statement says that the stream ends.
 */
export function verifyStream(bytes: Uint8Array, trust: Trust): Report {
  const judge = new Judge(trust)
  const stream = judge.attempt('stream', () => {
    const { format, stream: id, statement, path, records } = jsonObject(bytes)
    if (format !== 'plinth-stream/v1' || typeof id !== 'string' || !Array.isArray(records))
      return malformed('its format is not known here')
    const { record, payload, proof } = objectOf(statement)
    const { levels, end } = objectOf(path)
    if (
      typeof record !== 'string' ||
      typeof payload !== 'string' ||
      typeof proof !== 'string' ||
      !Array.isArray(levels)
    )
      return malformed('a member is missing')
    const { index, path: hashes, checkpoint: note } = parseTlogProof(Buffer.from(proof))
    const checkpoint = (judge.checkpoint = judge.open(note))
    if (checkpoint === null) return null
    judge.headsBySize(checkpoint)
    const entry = Buffer.from(`${record}\n`)
    if (!verifyInclusion(index, checkpoint.size, leafOf(entry), hashes, checkpoint.rootHash))
      return malformed('the statement is not in the tree that the checkpoint names')
    const parsed = parseRecord(entry)
    if (parsed === null || !isStatement(parsed) || parsed.log !== checkpoint.origin)
      return malformed('the record is not a statement of this log')
    const stated = readStatement(Buffer.from(payload))
    if (sha256(payload) !== parsed.payload.hash || stated === null || stated.position >= index)
      return malformed('the statement does not match its hash')
    const key = hash('sha256', id, 'buffer')
    const last = end === null ? null : readEnd(objectOf(end))
    const shown = last !== null && last.key.equals(key)
    if (levels.length < (last === null ? 1 : 4) || levels.length > 64) malformed('the path is too short or too long')
    for (let depth = 0; last !== null && depth < levels.length; depth++)
      if (halfByte(last.key, depth) !== halfByte(key, depth)) malformed('the path ends at a stream that is elsewhere')
    const leaf = last === null ? null : headLeaf(last.key, last.version, last.leaf)
    if (rootOfHeads(key, levels.map(String), leaf) !== stated.root)
      malformed('the path does not lead to the root that is stated')
    readStream(judge, id, checkpoint.origin, records, shown ? last : null)
    return { id, version: shown ? last.version : 0, position: stated.position }
  })
  judge.unchecked('what became of the stream after the statement', 'other streams')
  return { ...judge.report(), ...(stream === null ? {} : { stream }) }
}

function readEnd({ key, version, leaf }: Record<string, unknown>): { key: Buffer; version: number; leaf: string } {
  if (!isHash(key) || !isHash(leaf) || !isCount(version) || version === 0)
    return malformed('the end of the path is not one')
  return { key: Buffer.from(key as string, 'hex'), version: version as number, leaf: leaf as string }
}

/** Each event holds the leaf hash of the one before it, so the last one, which is stated, vouches for all of them. */
function readStream(
  judge: Judge,
  id: string,
  origin: string,
  records: readonly unknown[],
  end: { readonly version: number; readonly leaf: string } | null,
): void {
  if (records.length !== (end?.version ?? 0))
    malformed(`the stream has ${end?.version ?? 0} events, and ${records.length} are here`)
  let prev = ''
  for (const [place, one] of records.entries()) {
    const { record: line, payload } = objectOf(one)
    if (typeof line !== 'string') return malformed('an event is missing')
    const entry = Buffer.from(`${line}\n`)
    const record = parseRecord(entry)
    if (
      record?.kind !== 'event' ||
      record.log !== origin ||
      record.stream !== id ||
      record.n !== place + 1 ||
      record.prev !== prev
    )
      return malformed(`event ${place + 1} of the stream is not the one that follows`)
    prev = leafOf(entry)
    if (payload === null)
      judge.find('missing', null, `the payload of event ${place + 1} is missing, and no erasure covers it`)
    else if (typeof payload !== 'string' || sha256(payload) !== record.payload.hash)
      judge.find('invalid', null, `the payload of event ${place + 1} does not match its hash`)
  }
  if (end !== null && prev !== end.leaf) malformed('the last event is not the one that is stated')
}

// --------------------------------------------------------------------------------------------------------------------- Cedar, evaluated
// A reader of the Cedar language and an evaluator of it, written from the language's reference. What it does not know (templates, tags)
// is Unreadable: such a policy set is said to be unchecked, and nothing about it is guessed.

/** Policies that are not in the language, or use what this evaluator does not have. */
export class Unreadable extends Error {}
const unreadable = (what: string): never => {
  throw new Unreadable(what)
}
/** An evaluation that has no value: a policy whose condition does this counts neither for nor against. */
class EvaluationError extends Error {}
const fails = (what: string): never => {
  throw new EvaluationError(what)
}

export interface Uid {
  readonly type: string
  readonly id: string
}
type Value =
  | boolean
  | bigint
  | string
  | { readonly kind: 'entity'; readonly uid: Uid }
  | { readonly kind: 'set'; readonly items: readonly Value[] }
  | { readonly kind: 'record'; readonly members: ReadonlyMap<string, Value> }
  /** A decimal in ten-thousandths; a time, or a length of time, in milliseconds. */
  | { readonly kind: 'decimal' | 'datetime' | 'duration'; readonly number: bigint }
  /** An address and how many of its bits count: 32 or 128 for a single one. */
  | { readonly kind: 'ip'; readonly bits: 32 | 128; readonly address: bigint; readonly prefix: number }
export interface CedarEntity {
  readonly uid: Uid
  readonly attrs: Readonly<Record<string, unknown>>
  readonly parents: readonly Uid[]
}
export interface CedarRequest {
  readonly principal: Uid
  readonly action: Uid
  readonly resource: Uid
  readonly context: unknown
  readonly entities: readonly CedarEntity[]
}
interface World {
  readonly variables: Readonly<Record<Variable, Value>>
  readonly entities: ReadonlyMap<
    string,
    { readonly attrs: ReadonlyMap<string, Value>; readonly parents: readonly Uid[] }
  >
}
type Variable = 'principal' | 'action' | 'resource' | 'context'
type Expression = (world: World) => Value
export interface CedarPolicy {
  readonly effect: 'permit' | 'forbid'
  readonly annotations: ReadonlyMap<string, string>
  /** True when it applies. @throws EvaluationError */
  readonly applies: (world: World) => boolean
}

const LONG_MIN = -(2n ** 63n)
const LONG_MAX = 2n ** 63n - 1n
const DEPTH_MAX = 100 // of expressions within expressions
const WORDS = new Set(['true', 'false', 'if', 'then', 'else', 'in', 'is', 'like', 'has', '__cedar'])
const VARIABLES = ['principal', 'action', 'resource', 'context'] as const

interface Token {
  readonly kind: 'word' | 'string' | 'number' | 'sign' | 'end'
  /** A string without its quotes, its escapes as they are. */
  readonly text: string
}
const TOKEN =
  /\s+|\/\/[^\n]*|([_a-zA-Z][_a-zA-Z0-9]*)|(\d+)|"((?:[^"\\]|\\[^])*)"|(::|&&|\|\||==|!=|<=|>=|[@()[\]{},;:.<>!+\-*?])/y

function tokensOf(source: string): Token[] {
  const tokens: Token[] = []
  TOKEN.lastIndex = 0
  while (TOKEN.lastIndex < source.length) {
    const at = TOKEN.lastIndex
    const [, word, number, string, sign] =
      TOKEN.exec(source) ?? unreadable(`at ${at}: \`${source.slice(at, at + 20)}\``)
    if (word !== undefined) tokens.push({ kind: 'word', text: word })
    else if (number !== undefined) tokens.push({ kind: 'number', text: number })
    else if (string !== undefined) tokens.push({ kind: 'string', text: string })
    else if (sign !== undefined) tokens.push({ kind: 'sign', text: sign })
  }
  return [...tokens, { kind: 'end', text: 'the end' }]
}

const ESCAPE = /\\(?:([nrt0\\'"])|u\{([0-9a-fA-F]{1,6})\}|x([0-7][0-9a-fA-F])|([^]))/g
const ESCAPED: Readonly<Record<string, string>> = {
  n: '\n',
  r: '\r',
  t: '\t',
  '0': '\0',
  '\\': '\\',
  "'": "'",
  '"': '"',
}
const unescape = (text: string): string =>
  text.replace(ESCAPE, (whole, plain: string | undefined, long: string | undefined, short: string | undefined) => {
    if (plain !== undefined) return ESCAPED[plain] as string
    const hex = long ?? short
    const point = hex === undefined ? Number.NaN : Number.parseInt(hex, 16)
    return point <= 0x10ffff && (point < 0xd800 || point > 0xdfff)
      ? String.fromCodePoint(point)
      : unreadable(`the escape \`${whole}\``)
  })

/** All policies of a source text. @throws Unreadable */
export function parseCedar(source: string): CedarPolicy[] {
  const parser = new CedarParser(tokensOf(source))
  const policies: CedarPolicy[] = []
  while (!parser.atEnd()) policies.push(parser.policy())
  return policies
}

class CedarParser {
  readonly #tokens: readonly Token[]
  #at = 0
  #depth = 0

  constructor(tokens: readonly Token[]) {
    this.#tokens = tokens
  }
  atEnd(): boolean {
    return this.#next().kind === 'end'
  }
  policy(): CedarPolicy {
    const annotations = new Map<string, string>()
    while (this.#takes('@')) {
      const name = this.#word()
      const value = this.#takes('(') ? this.#string() : ''
      if (value !== '' || this.#before(')')) this.#expect(')')
      if (annotations.has(name)) unreadable(`the annotation \`${name}\` is there twice`)
      annotations.set(name, value)
    }
    const effect = this.#word()
    if (effect !== 'permit' && effect !== 'forbid') return unreadable(`\`${effect}\` begins no policy`)
    this.#expect('(')
    const principal = this.#scope('principal')
    this.#expect(',')
    const action = this.#scope('action')
    this.#expect(',')
    const resource = this.#scope('resource')
    this.#expect(')')
    const conditions: Expression[] = [principal, action, resource]
    for (let word = this.#next().text; word === 'when' || word === 'unless'; word = this.#next().text) {
      this.#at++
      this.#expect('{')
      const condition = this.expression()
      this.#expect('}')
      conditions.push(word === 'when' ? condition : (world) => !truth(condition(world)))
    }
    this.#expect(';')
    return { effect, annotations, applies: (world) => conditions.every((condition) => truth(condition(world))) }
  }
  expression(): Expression {
    if (++this.#depth > DEPTH_MAX) unreadable('an expression is nested too deeply')
    const parsed = this.#isWord('if') ? this.#ifThenElse() : this.#or()
    this.#depth--
    return parsed
  }

  #scope(variable: 'principal' | 'action' | 'resource'): Expression {
    if (this.#word() !== variable) unreadable(`\`${variable}\` was expected`)
    const self: Expression = ({ variables }) => variables[variable]
    if (this.#takes('==')) {
      const entity = this.#entityLiteral()
      return (world) => sameValue(self(world), entity(world))
    }
    const type = variable !== 'action' && this.#isWord('is') ? (this.#at++, this.#path()) : null
    const isType: Expression = type === null ? () => true : (world) => typeOf(self(world)) === type
    if (!this.#isWord('in')) return isType
    this.#at++
    const several = variable === 'action' && this.#takes('[')
    const groups = several ? this.#list(']', () => this.#entityLiteral()) : [this.#entityLiteral()]
    return (world) => truth(isType(world)) && groups.some((group) => isIn(world, self(world), group(world)))
  }
  #ifThenElse(): Expression {
    this.#at++
    const condition = this.expression()
    this.#expectWord('then')
    const yes = this.expression()
    this.#expectWord('else')
    const no = this.expression()
    return (world) => (truth(condition(world)) ? yes(world) : no(world))
  }
  #or(): Expression {
    const parts = [this.#and()]
    while (this.#takes('||')) parts.push(this.#and())
    return parts.reduce((left, right) => (world) => truth(left(world)) || truth(right(world)))
  }
  #and(): Expression {
    const parts = [this.#relation()]
    while (this.#takes('&&')) parts.push(this.#relation())
    return parts.reduce((left, right) => (world) => truth(left(world)) && truth(right(world)))
  }
  #relation(): Expression {
    const left = this.#sum()
    const { kind, text } = this.#next()
    const compare = kind === 'sign' ? COMPARISONS[text] : undefined
    if (compare !== undefined) {
      this.#at++
      const right = this.#sum()
      return (world) => compare(left(world), right(world))
    }
    if (kind !== 'word') return left
    if (text === 'in') {
      this.#at++
      const right = this.#sum()
      return (world) => isIn(world, left(world), right(world))
    }
    if (text === 'has') return this.#has(left)
    if (text === 'like') {
      this.#at++
      const matches = pattern(this.#rawString())
      return (world) => matches(stringOf(left(world)))
    }
    if (text !== 'is') return left
    this.#at++
    const type = this.#path()
    const group = this.#isWord('in') ? (this.#at++, this.#sum()) : null
    return (world) => {
      const value = left(world)
      return entityOf(value).type === type && (group === null || isIn(world, value, group(world)))
    }
  }
  /** `has a.b` asks for each member on the way. */
  #has(left: Expression): Expression {
    this.#at++
    if (this.#next().kind === 'string') {
      const name = this.#string()
      return (world) => membersOf(world, left(world), true).has(name)
    }
    const names = [this.#member()]
    while (this.#takes('.')) names.push(this.#member())
    return (world) => {
      let value = left(world)
      for (const [place, name] of names.entries()) {
        const members = membersOf(world, value, true)
        if (!members.has(name)) return false
        if (place < names.length - 1) value = members.get(name) as Value
      }
      return true
    }
  }
  #sum(): Expression {
    let left = this.#product()
    for (;;) {
      const minus = this.#before('-')
      if (!minus && !this.#before('+')) return left
      this.#at++
      const [one, other] = [left, this.#product()]
      left = (world) => {
        const a = longOf(one(world))
        const b = longOf(other(world))
        return bounded(minus ? a - b : a + b)
      }
    }
  }
  #product(): Expression {
    let left = this.#unary()
    while (this.#takes('*')) {
      const [one, other] = [left, this.#unary()]
      left = (world) => bounded(longOf(one(world)) * longOf(other(world)))
    }
    return left
  }
  #unary(): Expression {
    const signs: string[] = []
    while (this.#before('!') || this.#before('-')) signs.push(this.#tokens[this.#at++]?.text as string)
    if (signs.length > 4 || new Set(signs).size > 1) return unreadable(`\`${signs.join('')}\``)
    const isNumber = this.#next().kind === 'number'
    if (isNumber && signs[0] === '-') {
      const magnitude = BigInt(this.#next().text)
      if (signs.length === 1 && magnitude === -LONG_MIN) {
        this.#at++
        return this.#accesses(() => LONG_MIN)
      }
    }
    const operand = this.#accesses(this.#primary())
    return signs.reduce<Expression>(
      (inner, sign) => (sign === '!' ? (world) => !truth(inner(world)) : (world) => bounded(-longOf(inner(world)))),
      operand,
    )
  }
  #accesses(start: Expression): Expression {
    let value = start
    for (;;) {
      const of = value
      if (this.#takes('[')) {
        const name = this.#string()
        this.#expect(']')
        value = (world) => memberOf(world, of(world), name)
      } else if (this.#takes('.')) {
        const name = this.#member()
        if (!this.#takes('(')) value = (world) => memberOf(world, of(world), name)
        else
          value = method(
            name,
            of,
            this.#list(')', () => this.expression()),
          )
      } else return value
    }
  }
  #primary(): Expression {
    const token = this.#next()
    if (token.kind === 'string') {
      const text = this.#string()
      return () => text
    }
    if (token.kind === 'number') {
      this.#at++
      const number = BigInt(token.text)
      return number > LONG_MAX ? unreadable(`\`${token.text}\` is too large`) : () => number
    }
    if (this.#takes('(')) {
      const inner = this.expression()
      this.#expect(')')
      return inner
    }
    if (this.#takes('[')) {
      const items = this.#list(']', () => this.expression())
      return (world) => setOf(items.map((item) => item(world)))
    }
    if (this.#takes('{')) return this.#record()
    if (token.kind !== 'word') return unreadable(`\`${token.text}\` begins no expression`)
    if (token.text === 'true' || token.text === 'false') {
      this.#at++
      return () => token.text === 'true'
    }
    const variable = VARIABLES.find((name) => name === token.text)
    if (variable !== undefined && this.#tokens[this.#at + 1]?.text !== '::') {
      this.#at++
      return ({ variables }) => variables[variable]
    }
    if (this.#tokens[this.#at + 1]?.text === '(') return this.#call()
    return this.#entityLiteral()
  }
  #record(): Expression {
    const members = this.#list('}', () => {
      const name = this.#next().kind === 'string' ? this.#string() : this.#member()
      this.#expect(':')
      return [name, this.expression()] as const
    })
    if (new Set(members.map(([name]) => name)).size < members.length) unreadable('a record names a member twice')
    return (world) => ({
      kind: 'record',
      members: new Map(members.map(([name, value]) => [name, value(world)])),
    })
  }
  #call(): Expression {
    const name = this.#word()
    this.#expect('(')
    const [argument, ...more] = this.#list(')', () => this.expression())
    const make = Object.hasOwn(EXTENSIONS, name) ? EXTENSIONS[name] : undefined
    if (make === undefined || argument === undefined || more.length > 0) return unreadable(`the function \`${name}\``)
    return (world) => make(stringOf(argument(world)))
  }
  #entityLiteral(): Expression {
    const type = this.#path(true)
    const uid = { type, id: this.#string() }
    return () => ({ kind: 'entity', uid })
  }
  /** `A::B`; with an entity's id behind it, the last `::` is passed too. */
  #path(beforeId = false): string {
    const parts = [this.#member()]
    while (this.#takes('::')) {
      if (beforeId && this.#next().kind === 'string') return parts.join('::')
      parts.push(this.#member())
    }
    return beforeId ? unreadable(`\`${parts.join('::')}\` without an id`) : parts.join('::')
  }
  #list<Item>(end: string, item: () => Item): Item[] {
    const items: Item[] = []
    while (!this.#takes(end)) {
      items.push(item())
      if (!this.#before(end)) this.#expect(',')
    }
    return items
  }

  #next(): Token {
    return this.#tokens[this.#at] as Token
  }
  #before(sign: string): boolean {
    const { kind, text } = this.#next()
    return kind === 'sign' && text === sign
  }
  #isWord(word: string): boolean {
    const { kind, text } = this.#next()
    return kind === 'word' && text === word
  }
  #takes(sign: string): boolean {
    const there = this.#before(sign)
    if (there) this.#at++
    return there
  }
  #expect(sign: string): void {
    if (!this.#takes(sign)) unreadable(`\`${sign}\` was expected before \`${this.#next().text}\``)
  }
  #expectWord(word: string): void {
    if (!this.#isWord(word)) unreadable(`\`${word}\` was expected before \`${this.#next().text}\``)
    this.#at++
  }
  #word(): string {
    const { kind, text } = this.#next()
    if (kind !== 'word') return unreadable(`a name was expected before \`${text}\``)
    this.#at++
    return text
  }
  /** A name that is none of the language's own words. */
  #member(): string {
    const name = this.#word()
    return WORDS.has(name) ? unreadable(`\`${name}\` is no name`) : name
  }
  #rawString(): string {
    const { kind, text } = this.#next()
    if (kind !== 'string') return unreadable(`a text was expected before \`${text}\``)
    this.#at++
    return text
  }
  #string(): string {
    return unescape(this.#rawString())
  }
}

/** Operands of a method are evaluated before it looks at them; what it cannot take fails. */
function method(name: string, of: Expression, given: readonly Expression[]): Expression {
  const one = (work: (self: Value, argument: Value) => Value): Expression => {
    const [argument, ...more] = given
    if (argument === undefined || more.length > 0) return unreadable(`\`${name}\` takes one argument`)
    return (world) => {
      const self = of(world)
      return work(self, argument(world))
    }
  }
  const none = (work: (self: Value) => Value): Expression =>
    given.length > 0 ? unreadable(`\`${name}\` takes no argument`) : (world) => work(of(world))
  switch (name) {
    case 'contains':
      return one((self, item) => itemsOf(self).some((known) => sameValue(known, item)))
    case 'containsAll':
      return one((self, others) =>
        itemsOf(others, self).every((item) => itemsOf(self).some((known) => sameValue(known, item))),
      )
    case 'containsAny':
      return one((self, others) =>
        itemsOf(others, self).some((item) => itemsOf(self).some((known) => sameValue(known, item))),
      )
    case 'isEmpty':
      return none((self) => itemsOf(self).length === 0)
    case 'lessThan':
      return one((self, other) => numberOf(self, 'decimal') < numberOf(other, 'decimal'))
    case 'lessThanOrEqual':
      return one((self, other) => numberOf(self, 'decimal') <= numberOf(other, 'decimal'))
    case 'greaterThan':
      return one((self, other) => numberOf(self, 'decimal') > numberOf(other, 'decimal'))
    case 'greaterThanOrEqual':
      return one((self, other) => numberOf(self, 'decimal') >= numberOf(other, 'decimal'))
    case 'offset':
      return one((self, by) => extension('datetime', numberOf(self, 'datetime') + numberOf(by, 'duration')))
    case 'durationSince':
      return one((self, since) => extension('duration', numberOf(self, 'datetime') - numberOf(since, 'datetime')))
    case 'toDate':
      return none((self) => extension('datetime', floorTo(numberOf(self, 'datetime'), DAY_MS)))
    case 'toTime':
      return none((self) => {
        const ms = numberOf(self, 'datetime')
        return extension('duration', ms - floorBy(ms, DAY_MS) * DAY_MS)
      })
    case 'isIpv4':
      return none((self) => ipOf(self).bits === 32)
    case 'isIpv6':
      return none((self) => ipOf(self).bits === 128)
    case 'isLoopback':
      return none((self) => isWithin(ipOf(self), LOOPBACK))
    case 'isMulticast':
      return none((self) => isWithin(ipOf(self), MULTICAST))
    case 'isInRange':
      return one((self, range) => {
        const address = ipOf(self)
        return isWithin(address, [ipOf(range)])
      })
    default:
      if (Object.hasOwn(DURATION_UNITS, name))
        return none((self) => numberOf(self, 'duration') / (DURATION_UNITS[name] as bigint))
      return unreadable(`the method \`${name}\``)
  }
}

const COMPARISONS: Readonly<Record<string, (left: Value, right: Value) => boolean>> = {
  '==': (left, right) => sameValue(left, right),
  '!=': (left, right) => !sameValue(left, right),
  '<': (left, right) => ordered(left, right, (a, b) => a < b),
  '<=': (left, right) => ordered(left, right, (a, b) => a <= b),
  '>': (left, right) => ordered(left, right, (a, b) => a > b),
  '>=': (left, right) => ordered(left, right, (a, b) => a >= b),
}
/** Integers, times, and lengths of time, each with its like. */
function ordered(left: Value, right: Value, compare: (left: bigint, right: bigint) => boolean): boolean {
  if (typeof left === 'object' && (left.kind === 'datetime' || left.kind === 'duration'))
    return compare(left.number, numberOf(right, left.kind))
  return compare(longOf(left), longOf(right))
}

const truth = (value: Value): boolean => (typeof value === 'boolean' ? value : fails('a boolean was expected'))
const longOf = (value: Value): bigint => (typeof value === 'bigint' ? value : fails('an integer was expected'))
const stringOf = (value: Value): string => (typeof value === 'string' ? value : fails('a text was expected'))
const bounded = (value: bigint): bigint =>
  value >= LONG_MIN && value <= LONG_MAX ? value : fails('the integer is too large')
const entityOf = (value: Value): Uid =>
  typeof value === 'object' && value.kind === 'entity' ? value.uid : fails('an entity was expected')
const typeOf = (value: Value): string => entityOf(value).type
type Counted = 'decimal' | 'datetime' | 'duration'
const numberOf = (value: Value, kind: Counted): bigint =>
  typeof value === 'object' && value.kind === kind ? value.number : fails(`a ${kind} was expected`)
const extension = (kind: Counted, number: bigint): Value => ({ kind, number: bounded(number) })
type Ip = Extract<Value, { readonly kind: 'ip' }>
const ipOf = (value: Value): Ip =>
  typeof value === 'object' && value.kind === 'ip' ? value : fails('an address was expected')
/** @param first looked at before, so that what fails first is the left side */
const itemsOf = (value: Value, first?: Value): readonly Value[] => {
  if (first !== undefined) itemsOf(first)
  return typeof value === 'object' && value.kind === 'set' ? value.items : fails('a set was expected')
}
const nameOf = ({ type, id }: Uid): string => JSON.stringify([type, id])

const EXTENSIONS: Readonly<Record<string, (text: string) => Value>> = {
  decimal: (text) => {
    const [, sign = '', whole = '', fraction = ''] = /^(-?)(\d+)\.(\d{1,4})$/.exec(text) ?? fails('no decimal')
    return extension('decimal', BigInt(`${sign}${whole}${fraction.padEnd(4, '0')}`))
  },
  datetime: datetimeOf,
  duration: durationOf,
  ip: (text) => addressOf(text) ?? fails('no address'),
}

const DAY_MS = 86_400_000n
const DURATION_UNITS: Readonly<Record<string, bigint>> = {
  ...{ toMilliseconds: 1n, toSeconds: 1_000n, toMinutes: 60_000n, toHours: 3_600_000n, toDays: DAY_MS },
}
/** Division that rounds towards the past. */
const floorBy = (number: bigint, by: bigint): bigint => (number - (((number % by) + by) % by)) / by
const floorTo = (number: bigint, by: bigint): bigint => floorBy(number, by) * by

/** `2026-11-21`, or with a time to the second or millisecond, in UTC (`Z`) or with an offset (`+0130`). */
function datetimeOf(text: string): Value {
  const match =
    /^(\d{4})-(\d\d)-(\d\d)(?:T(\d\d):(\d\d):(\d\d)(?:\.(\d{3}))?(?:Z|([+-])(\d\d)(\d\d)))?$/.exec(text) ??
    fails('no time')
  const [year = 0, month = 0, day = 0, hour = 0, minute = 0, second = 0, ms = 0] = match
    .slice(1, 8)
    .map((part) => Number(part ?? 0))
  const [sign, offsetHours, offsetMinutes] = [match[8], Number(match[9] ?? 0), Number(match[10] ?? 0)]
  const date = new Date(0)
  date.setUTCFullYear(year, month - 1, day)
  const isDate = date.getUTCFullYear() === year && date.getUTCMonth() === month - 1 && date.getUTCDate() === day
  if (!isDate || hour > 23 || minute > 59 || second > 59 || offsetHours > 23 || offsetMinutes > 59) fails('no time')
  const offset = (offsetHours * 60 + offsetMinutes) * 60_000 * (sign === '-' ? -1 : 1)
  return extension('datetime', BigInt(date.getTime() + ((hour * 60 + minute) * 60 + second) * 1_000 + ms - offset))
}
/** `1d2h3m4s5ms`: any of these, in this order, the whole of it below zero with `-`. */
function durationOf(text: string): Value {
  const match = /^(-?)(?:(\d+)d)?(?:(\d+)h)?(?:(\d+)m(?!s))?(?:(\d+)s)?(?:(\d+)ms)?$/.exec(text)
  const parts = match?.slice(2) ?? []
  if (parts.every((part) => part === undefined)) fails('no length of time')
  const units = [DAY_MS, 3_600_000n, 60_000n, 1_000n, 1n]
  const total = parts.reduce((sum, part, place) => sum + BigInt(part ?? 0) * (units[place] as bigint), 0n)
  return extension('duration', match?.[1] === '-' ? -total : total)
}

/** An address of either kind, or a range of them with `/bits`; null for what is none. */
function addressOf(text: string): Ip | null {
  const [, head = '', length] = /^([0-9a-fA-F.:]{2,39})(?:\/(0|[1-9]\d{0,2}))?$/.exec(text) ?? []
  const bits = head.includes(':') ? 128 : 32
  const address = bits === 32 ? ipv4(head) : ipv6(head)
  const prefix = length === undefined ? bits : Number(length)
  return address === null || prefix > bits ? null : { kind: 'ip', bits, address, prefix }
}
function ipv4(text: string): bigint | null {
  const parts = text.split('.')
  if (parts.length !== 4 || !parts.every((part) => /^(0|[1-9]\d{0,2})$/.test(part) && Number(part) < 256)) return null
  return parts.reduce((sum, part) => sum * 256n + BigInt(part), 0n)
}
function ipv6(text: string): bigint | null {
  const [head = '', tail, ...more] = text.split('::')
  const groups = (side: string): string[] => (side === '' ? [] : side.split(':'))
  const [front, back] = [groups(head), groups(tail ?? '')]
  const missing = 8 - front.length - back.length
  const fits = more.length === 0 && (tail === undefined ? missing === 0 : missing > 0)
  if (!fits || ![...front, ...back].every((group) => /^[0-9a-fA-F]{1,4}$/.test(group))) return null
  const all = [...front, ...Array.from({ length: missing }, () => '0'), ...back]
  return all.reduce((sum, group) => sum * 65_536n + BigInt(`0x${group}`), 0n)
}
const LOOPBACK = [addressOf('127.0.0.0/8'), addressOf('::1/128')].filter((range) => range !== null)
const MULTICAST = [addressOf('224.0.0.0/4'), addressOf('ff00::/8')].filter((range) => range !== null)
const isWithin = (inner: Ip, ranges: readonly Ip[]): boolean =>
  ranges.some(({ bits, address, prefix }) => {
    const rest = BigInt(bits - prefix)
    return bits === inner.bits && prefix <= inner.prefix && inner.address >> rest === address >> rest
  })

/** Members of a record, or attributes of an entity. @param lenient an entity that is not known has none */
function membersOf(world: World, value: Value, lenient: boolean): ReadonlyMap<string, Value> {
  if (typeof value === 'object' && value.kind === 'record') return value.members
  const entity = world.entities.get(nameOf(entityOf(value)))
  return entity?.attrs ?? (lenient ? new Map<string, Value>() : fails('the entity is not known'))
}
const memberOf = (world: World, value: Value, name: string): Value =>
  membersOf(world, value, false).get(name) ?? fails(`there is no \`${name}\``)

function isIn(world: World, value: Value, group: Value): boolean {
  const start = entityOf(value)
  const wanted = new Set(
    (typeof group === 'object' && group.kind === 'set' ? group.items : [group]).map((one) => nameOf(entityOf(one))),
  )
  const seen = new Set<string>()
  const open = [start]
  for (let uid = open.pop(); uid !== undefined; uid = open.pop()) {
    const name = nameOf(uid)
    if (wanted.has(name)) return true
    if (seen.has(name)) continue
    seen.add(name)
    open.push(...(world.entities.get(name)?.parents ?? []))
  }
  return false
}

function sameValue(left: Value, right: Value): boolean {
  if (typeof left !== 'object' || typeof right !== 'object') return left === right
  if (left.kind === 'entity' && right.kind === 'entity')
    return left.uid.type === right.uid.type && left.uid.id === right.uid.id
  if ('number' in left && 'number' in right) return left.kind === right.kind && left.number === right.number
  if (left.kind === 'ip' && right.kind === 'ip')
    return left.bits === right.bits && left.address === right.address && left.prefix === right.prefix
  if (left.kind === 'set' && right.kind === 'set')
    return (
      left.items.length === right.items.length &&
      left.items.every((item) => right.items.some((other) => sameValue(item, other)))
    )
  if (left.kind !== 'record' || right.kind !== 'record' || left.members.size !== right.members.size) return false
  return [...left.members].every(([name, value]) => {
    const other = right.members.get(name)
    return other !== undefined && sameValue(value, other)
  })
}

function setOf(items: readonly Value[]): Value {
  const different: Value[] = []
  for (const item of items) if (!different.some((known) => sameValue(known, item))) different.push(item)
  return { kind: 'set', items: different }
}

/** A pattern of `like`: `*` is any text, `\*` a star. */
function pattern(raw: string): (text: string) => boolean {
  const pieces = ['']
  const add = (text: string): void => void (pieces[pieces.length - 1] += text)
  for (let at = 0; at < raw.length; at++) {
    if (raw[at] === '\\') add(raw[++at] === '*' ? '*' : `\\${raw[at]}`)
    else if (raw[at] === '*') pieces.push('')
    else add(raw[at] as string)
  }
  const [first = '', ...rest] = pieces.map(unescape)
  const last = rest.pop()
  return (text) => {
    if (last === undefined) return text === first
    if (text.length < first.length + last.length || !text.startsWith(first) || !text.endsWith(last)) return false
    let at = first.length
    for (const piece of rest) {
      const found = text.indexOf(piece, at)
      if (found < 0 || found + piece.length > text.length - last.length) return false
      at = found + piece.length
    }
    return true
  }
}

/** A JSON value in Cedar's own form. @throws Unreadable */
function valueOf(json: unknown): Value {
  if (typeof json === 'boolean' || typeof json === 'string') return json
  if (typeof json === 'number')
    return Number.isSafeInteger(json) ? BigInt(json) : unreadable(`\`${json}\` has no form in Cedar`)
  if (Array.isArray(json)) return setOf(json.map(valueOf))
  if (typeof json !== 'object' || json === null) return unreadable('null has no form in Cedar')
  const named = json as Record<string, unknown>
  const { __entity: entity } = named
  if (entity !== undefined) return { kind: 'entity', uid: entity as Uid }
  if (named['__extn'] !== undefined || named['__expr'] !== undefined) return unreadable('a value of an extension')
  return { kind: 'record', members: membersFrom(named) }
}
const membersFrom = (named: Readonly<Record<string, unknown>>): Map<string, Value> =>
  new Map(Object.entries(named).map(([name, value]) => [name, valueOf(value)]))

export type CedarAnswer =
  { readonly kind: 'allow' | 'deny'; readonly rules: readonly string[] } | { readonly kind: 'error' }

/** Forbid before permit, nothing without a permit, and an error in any policy is an error of the whole. @throws Unreadable */
export function evaluateCedar(policies: ReadonlyMap<string, CedarPolicy>, request: CedarRequest): CedarAnswer {
  const entity = (uid: Uid): Value => ({ kind: 'entity', uid })
  const { principal, action, resource, context } = request
  const world: World = {
    variables: {
      principal: entity(principal),
      action: entity(action),
      resource: entity(resource),
      context: valueOf(context),
    },
    entities: new Map(
      request.entities.map(({ uid, attrs, parents }) => [nameOf(uid), { attrs: membersFrom(attrs), parents }]),
    ),
  }
  const applying = { permit: [] as string[], forbid: [] as string[] }
  let error = false
  for (const [id, { effect, applies }] of policies)
    try {
      if (applies(world)) applying[effect].push(id)
    } catch (thrown) {
      if (!(thrown instanceof EvaluationError)) throw thrown
      error = true
    }
  if (error) return { kind: 'error' }
  if (applying.forbid.length > 0) return { kind: 'deny', rules: applying.forbid.sort() }
  return { kind: applying.permit.length > 0 ? 'allow' : 'deny', rules: applying.permit.sort() }
}

// --------------------------------------------------------------------------------------------------------------- limits, counted again
// `limits.json` of a snapshot names counts and sums over what was committed, within a window of time. Here they are counted again from the records, in
// their order: what an admission says that it saw of them must be what there was, and nothing committed may go beyond a limit's `max`.

/** As `limits.json` names it. */
export interface Limit {
  readonly name: string
  /** Hash of what is counted: limits of two snapshots with the same have the same counters. */
  readonly counts: string
  /** Commands; null for all of them. */
  readonly of: readonly string[] | null
  readonly per: readonly string[]
  readonly sum: readonly string[] | null
  /** The window is the step of a time, and so many steps before it. */
  readonly stepMs: number
  readonly stepsBefore: number
  readonly max: number | null
  /** Going beyond it is noted, and nothing more. */
  readonly observes: boolean
}
const LIMIT_DIMENSIONS = ['principal', 'owner', 'for', 'run', 'entity', 'tenant', 'command']
const LIMIT_UNITS_MS: Readonly<Record<string, number>> = { s: 1_000, m: 60_000, h: 3_600_000, d: 86_400_000 }
const LIMIT_STEPS = 60
const LIMIT_STEP_MS_MIN = 1_000
const COUNTERS_MAX = 200_000 // over all limits, some 300 bytes each; one that finds no room makes its limit unknown for a window

/** @throws Unreadable */
function readLimits(source: string | undefined): Limit[] {
  if (source === undefined) return []
  const { limits } = JSON.parse(source) as { readonly limits: Readonly<Record<string, Record<string, unknown>>> }
  return Object.entries(limits).map(([name, { of, per, sum, window, max, mode }]) => {
    const [[form, length] = [], ...more] = Object.entries((window ?? {}) as Record<string, unknown>)
    const [, digits, unit = ''] = /^([1-9][0-9]{0,6})([smhd])$/.exec(String(length)) ?? []
    if (digits === undefined || more.length > 0 || (form !== 'fixed' && form !== 'sliding') || !Array.isArray(per))
      return unreadable(`the limit \`${name}\``)
    const totalMs = Number(digits) * (LIMIT_UNITS_MS[unit] as number)
    const stepMs = form === 'fixed' ? totalMs : Math.max(LIMIT_STEP_MS_MIN, Math.ceil(totalMs / LIMIT_STEPS))
    const counted = {
      of: Array.isArray(of) ? distinct(of.map(String)).sort() : null,
      per: LIMIT_DIMENSIONS.filter((dimension) => per.includes(dimension)),
      sum: typeof sum === 'string' ? sum.split('.') : null,
      stepMs,
      stepsBefore: form === 'fixed' ? 0 : Math.ceil(totalMs / stepMs),
    }
    const counts = sha256(canonical(counted))
    return { name, counts, ...counted, max: typeof max === 'number' ? max : null, observes: mode === 'observe' }
  })
}

const counts = ({ of }: Limit, action: string): boolean =>
  of === null ? !action.startsWith('plinth.') : of.includes(action)

/** One, or the amount; null when it is none. */
function amountOf({ sum }: Limit, body: CountedBody | null): number | null {
  if (sum === null) return 1
  let value: unknown = { input: body?.input, facts: body?.facts }
  for (const member of sum)
    value =
      typeof value === 'object' && value !== null && Object.hasOwn(value, member)
        ? (value as Record<string, unknown>)[member]
        : undefined
  return isCount(value) ? (value as number) : null
}

/** Which of a limit's counters an operation belongs to. */
function counterOf({ per }: Limit, record: LogRecord, body: CountedBody | null): string {
  const of: Readonly<Record<string, string | null>> = {
    principal: record.actor,
    owner: record.chain.at(-1)?.principal ?? record.actor,
    for: record.for,
    run: record.run,
    entity: body?.request?.resource ?? '',
    tenant: record.tenant,
    command: record.action,
  }
  if (per.length === 1 && per[0] === 'principal') return record.actor
  return canonical(per.map((dimension) => of[dimension]))
}
interface CountedBody {
  readonly input?: unknown
  readonly facts?: unknown
  readonly request?: { readonly resource?: string } | null
}

/** What was committed, by limit and counter, in steps of time. Only the steps of one window are kept. */
class Counters {
  readonly #limits = new Map<
    string,
    { readonly limit: Limit; readonly byKey: Map<string, [step: number, amount: number][]>; unknownUntilStep: number }
  >()
  #size = 0
  #time = 0
  /** A limit came up after records that its window reaches back to. */
  late = false

  get limits(): Limit[] {
    return [...this.#limits.values()].map(({ limit }) => limit)
  }
  begin(limit: Limit): void {
    if (this.#limits.has(limit.counts)) return
    const isLate = this.#time > 0
    this.late ||= isLate
    const unknownUntilStep = isLate ? this.#after(limit) : 0
    this.#limits.set(limit.counts, { limit, byKey: new Map(), unknownUntilStep })
  }
  /** A committed operation. @param body null when its payload is gone */
  add(record: LogRecord, body: CountedBody | null): void {
    this.#time = record.t
    for (const counters of this.#limits.values()) {
      const { limit, byKey } = counters
      if (!counts(limit, record.action)) continue
      // Of what is sealed, or was not kept, neither amount nor entity can be told.
      const isWhole = body?.request != null && !Object.hasOwn(body, '$sealed')
      if (!isWhole && (limit.sum !== null || limit.per.includes('entity'))) {
        counters.unknownUntilStep = this.#after(limit)
        continue
      }
      const key = counterOf(limit, record, body)
      const now = Math.floor(record.t / limit.stepMs)
      let steps = byKey.get(key)
      if (steps === undefined) {
        if (this.#size >= COUNTERS_MAX) this.#dropPassed()
        if (this.#size >= COUNTERS_MAX) {
          counters.unknownUntilStep = this.#after(limit)
          continue
        }
        byKey.set(key, (steps = []))
        this.#size++
      }
      const last = steps.at(-1)
      if (last?.[0] === now) last[1] += amountOf(limit, body) ?? 0
      else steps.push([now, amountOf(limit, body) ?? 0])
      while ((steps[0]?.[0] ?? now) < now - limit.stepsBefore) steps.shift()
    }
  }
  /** What was there in the window that ends at this time; null when that is not known. */
  value(limit: Limit, key: string, timeMs: number): number | null {
    const counters = this.#limits.get(limit.counts)
    const now = Math.floor(timeMs / limit.stepMs)
    if (counters === undefined || now < counters.unknownUntilStep) return null
    let value = 0
    for (const [step, amount] of counters.byKey.get(key) ?? []) if (step >= now - limit.stepsBefore) value += amount
    return value
  }

  /** The first step whose window holds nothing of what was so far. */
  #after({ stepMs, stepsBefore }: Limit): number {
    return Math.floor(this.#time / stepMs) + stepsBefore + 1
  }
  #dropPassed(): void {
    for (const { limit, byKey } of this.#limits.values()) {
      const from = Math.floor(this.#time / limit.stepMs) - limit.stepsBefore
      for (const [key, steps] of byKey) if ((steps.at(-1)?.[0] ?? 0) < from && byKey.delete(key)) this.#size--
    }
  }
}

// --------------------------------------------------------------------------------------------------------- switches and revocations, again
// A switch stops whom it reaches from the moment its snapshot is in force. That a snapshot is in force stands on record only after it is: so
// behind that record it is this one or a later one, and what neither of them lets through should not be there.

interface Switch {
  readonly id: string
  readonly action: string
  readonly scope: { readonly kind: string; readonly value: string }
}
const STOPPING = ['stop', 'contain', 'pause']
const SKEW_MS = 60_000 // by which the clocks of operators and log may differ
const WAITING_MAX = 1_000

/** What stands in the way of a change under a snapshot; null when nothing does. */
function inTheWay(snapshot: Snapshot, record: LogRecord, application: string, policySet: string | null): string | null {
  const dead = record.chain.find(
    ({ principal, epoch }) => snapshot.principals.get(principal)?.epoch !== epoch || isRevoked(snapshot, principal),
  )
  if (dead !== undefined) return `\`${dead.principal}\` was not who it had been, under snapshot ${snapshot.number}`
  if (record.for !== null && isRevoked(snapshot, record.for))
    return `\`${record.for}\`, for whom it was done, had been revoked, under snapshot ${snapshot.number}`
  const is: Readonly<Record<string, (value: string) => boolean>> = {
    global: () => true,
    application: (value) => value === application,
    tenant: (value) => value === record.tenant,
    principal: (value) => value === record.for || record.chain.some(({ principal }) => principal === value),
    run: (value) => value === record.run,
    command: (value) => value === record.action,
    effect: (value) => record.effects?.some(({ effect }) => effect === value) === true,
    'policy-set': (value) => value === policySet,
  }
  const found = snapshot.switches.find(
    ({ action, scope }) => STOPPING.includes(action) && is[scope.kind]?.(scope.value) === true,
  )
  return found === undefined ? null : `the switch \`${found.id}\` of snapshot ${snapshot.number} forbade it`
}

/** Or owned by somebody who is. Whom the snapshot does not know is not. */
function isRevoked({ principals }: Snapshot, id: string): boolean {
  let entry = principals.get(id)
  for (let links = 0; entry !== undefined && links < CHAIN_MAX; links++) {
    if (entry.revoked) return true
    entry = principals.get(entry.owner ?? '')
  }
  return false
}

/** What stands behind the record of a snapshot that would not let it through: wrong, unless a later one that does was in force already. */
class Overdue {
  readonly #find: (position: number, op: string, why: string) => void
  #waiting: { readonly position: number; readonly record: LogRecord; why: string; policySet: string | null }[] = []
  /** More than are kept: of those nothing was said. */
  dropped = 0

  constructor(find: (position: number, op: string, why: string) => void) {
    this.#find = find
  }
  add(position: number, record: LogRecord, why: string, policySet: string | null): void {
    if (this.#waiting.length >= WAITING_MAX) this.dropped++
    else this.#waiting.push({ position, record, why, policySet })
  }
  /** A later snapshot: it clears what it lets through and what may have been done under it already. */
  snapshot(next: Snapshot, application: string): void {
    this.#waiting = this.#waiting.filter((one) => {
      if (next.createdAtMs > one.record.t + SKEW_MS) this.#find(one.position, one.record.op, one.why)
      else return inTheWay(next, one.record, application, one.policySet) !== null
      return false
    })
  }
  end(): void {
    for (const { position, record, why } of this.#waiting) this.#find(position, record.op, why)
  }
}

// ------------------------------------------------------------------------------------------------------------------ admissions, again
// Each operation that was admitted, held or denied is put to the policies of its snapshot once more: who it was (from the snapshot), what it did (from
// the events and effects beside it), what was attested and approved (from the records before it). What the record says of these must be the same.

interface PrincipalEntry {
  readonly id: string
  readonly kind: string
  readonly owner: string | null
  readonly roles: readonly string[]
  readonly epoch: number
  readonly revoked: boolean
  readonly approvalKey: string | null
  readonly mayActFor: readonly string[]
  readonly tenant: string
}
interface Snapshot {
  readonly number: number
  readonly hash: string
  readonly policySet: string
  readonly principals: ReadonlyMap<string, PrincipalEntry>
  readonly scope: ReadonlyMap<string, CedarPolicy>
  readonly admission: ReadonlyMap<string, CedarPolicy>
  /** Why its policies cannot be evaluated here; null when they can. */
  readonly unreadable: string | null
  readonly limits: readonly Limit[]
  readonly switches: readonly Switch[]
  readonly createdAtMs: number
  /** What it asks for that no record shows. */
  readonly unseen: readonly string[]
}
interface ReleaseFile {
  readonly application: string
  /** Hash of its code. */
  readonly code: string
  /** Hash of a command as it is defined, with its effects. */
  readonly tool: (command: string) => string
  readonly holdsPersonal: boolean
  /** Members of an action's input that are personal. */
  readonly personal: (action: string) => readonly string[]
  readonly group: (action: string) => 'commands' | 'queries' | 'engine'
  readonly isIrreversible: (effect: string) => boolean
}
interface ApprovalRequest {
  readonly operation?: string
  readonly action?: string
  readonly state?: string
  readonly binds?: string
  readonly actor?: string
  readonly onBehalfOf?: string | null
  readonly requires?: readonly string[]
  readonly approvedBy?: readonly { readonly by: string; readonly role: string }[]
  /** What `binds` is the hash of: a hash for each part of what was asked. */
  readonly bound?: Readonly<Record<string, unknown>>
}
interface Admitted {
  readonly snapshot: number
  readonly policySet: string
  readonly rules: readonly string[]
  readonly request: string
  readonly chain: unknown
  readonly onBehalfOf: string | null
  readonly approvals: readonly { readonly approval: string; readonly by: string }[]
}
interface Asked {
  readonly principal: string
  readonly action: string
  readonly resource: string
  readonly context: Readonly<Record<string, unknown>>
  readonly entities: readonly CedarEntity[]
}
/** An event before its operation; the body of one on an application's stream is not looked at. */
interface EngineEvent {
  readonly actor: string
  readonly stream: string
  readonly n: number
  readonly type: string
  readonly body: Readonly<Record<string, unknown>> | null
}
interface OperationBody {
  readonly input: unknown
  readonly facts: unknown
  readonly impact: unknown
  readonly attested: unknown
  readonly principal: { readonly kind: string; readonly roles: readonly string[] }
  readonly reads: {
    readonly position: number
    readonly streams: readonly { readonly stream: string; readonly version: number }[]
  } | null
  readonly authority: Admitted | null
  readonly request: Asked | null
  readonly history?: { readonly atMs: number; readonly entries: readonly HistoryEntry[] } | null
}
/** What a limit was when the operation was admitted, as its payload says. */
interface HistoryEntry {
  readonly limit: string
  readonly counts: string
  readonly key: string
  readonly value: number
  readonly adding: number
  readonly max: number | null
  /** A policy saw the value, so it is what the records before add up to; otherwise it may be more, by what was under way and failed. */
  readonly exact: boolean
}

const ENGINE = 'plinth' // who the engine is where it acts by itself
const NOTIFY = 'plinth.notify' // tells somebody; changes nothing
/** Streams of the engine's own that only what was admitted writes to, by its action. */
const PERSONS: Readonly<Record<string, (action: string) => boolean>> = {
  'plinth.run': (action) => action === 'plinth.attest',
  'plinth.approval': (action) => action === 'plinth.approve',
  'plinth.erasure': (action) => action === 'plinth.erase',
  'plinth.grant': (action) => action === 'plinth.approve' || !action.startsWith('plinth.'),
}
const SNAPSHOTS_KEPT = 16 // of snapshots and releases the newest: an admission under an older one is said to be unchecked
const RUNS_KEPT = 20_000
const ATTESTED_KEPT = 20 // principals that attest for one run
const CHAIN_MAX = 8
const ADOPTED = 'plinth.authority/snapshots'
const RELEASE_FILE = /^release\/rel_[a-z2-7]{26}$/
const VERDICTS: Readonly<Record<string, string>> = { committed: 'admitted', held: 'held', denied: 'denied' }
/** What no bundle shows, whatever it holds. */
const NEVER_DERIVED = [
  'that the application’s code decides so, and what it makes of events: no code is run',
  'that what was read, searched for and found was what there was then',
  'that snapshots came into force when they were made: until one is on record, the one before it counts',
  'that effects left, and only after the witnesses that they wait for',
]
const KINDS: Readonly<Record<string, string>> = { agent: 'Agent', human: 'Human', service: 'Service' }

/** Why an admission does not come out as recorded. */
class Differs extends Error {}
const differs = (why: string): never => {
  throw new Differs(why)
}
/** Why an admission cannot be derived here. */
class Unchecked extends Error {}
const unchecked = (why: string): never => {
  throw new Unchecked(why)
}
/** What a bundle that holds such things at all should hold. */
class Absent extends Error {}
const absent = (what: string): never => {
  throw new Absent(what)
}

/** To whom each run was open: to the team of the agent that is on record as having called first, and to who attested for it. */
class OpenedRuns {
  readonly #openedBy = new Map<string, string>()
  readonly #attestedBy = new Map<string, readonly string[]>()
  #began = false
  #forgot = false

  /** @param by nothing where the payload is gone */
  opened(run: string, by: unknown): void {
    this.#began = true
    this.#forgot ||= this.#openedBy.size >= RUNS_KEPT || typeof by !== 'string'
    if (typeof by === 'string' && !this.#openedBy.has(run)) keep(this.#openedBy, run, by, RUNS_KEPT)
  }
  attested(run: string, by: string): void {
    const before = this.#attestedBy.get(run) ?? []
    this.#forgot ||= this.#attestedBy.size >= RUNS_KEPT || before.length >= ATTESTED_KEPT
    keep(this.#attestedBy, run, distinct([...before, by]).slice(-ATTESTED_KEPT), RUNS_KEPT)
  }
  /** @param count told when nobody can say @throws Differs */
  check(run: string, { id }: PrincipalEntry, above: readonly PrincipalEntry[], count: (why: string) => void): void {
    const openedBy = this.#openedBy.get(run)
    if (openedBy === (above.at(-1)?.id ?? id) || this.#attestedBy.get(run)?.includes(id) === true) return
    if (this.#forgot || (openedBy === undefined && !this.#began))
      return count('whether its run was open to who called under it is not on record, or lies too far back')
    differs('its run was not open to who called under it')
  }
}

class Admissions {
  readonly #judge: Judge
  readonly #operators: Key[]
  readonly #snapshots = new Map<number, Snapshot>()
  readonly #releases = new Map<string, ReleaseFile>()
  readonly #unused = new Set<string>()
  /** Where each snapshot was put on record. */
  readonly #adopted = new Map<number, number>()
  readonly #runs = new Map<string, { readonly version: number; readonly facts: Readonly<Record<string, unknown>> }>()
  readonly #opened = new OpenedRuns()
  readonly #approvals = new Map<string, ApprovalRequest>()
  readonly #held = new Map<string, string>()
  readonly #reasons = new Map<string, number>()
  #events: EngineEvent[] = []
  readonly #counters = new Counters()
  readonly #overdue: Overdue
  readonly #unseen = new Set<string>()
  #last: Snapshot | null = null
  /** Number of the snapshot that was put on record last. */
  #inForce = 0
  #application = ''
  /** Whether any release so far declares personal data: without, nothing is ever sealed. */
  #holdsPersonal = false
  #derived = 0
  #bound = 0

  /** @param limits that come up later, to be counted from the first record on */
  constructor(judge: Judge, operators: readonly Key[], limits: readonly Limit[]) {
    this.#judge = judge
    this.#operators = [...operators]
    for (const limit of limits) this.#counters.begin(limit)
    this.#overdue = new Overdue((position, op, why) => judge.find('invalid', position, `\`${op}\`: ${why}`))
  }
  /** Limits that came up after records that count towards them; null when none did. */
  get lateLimits(): readonly Limit[] | null {
    return this.#counters.late ? this.#counters.limits : null
  }

  /** Path of the snapshot that may come next. */
  get nextSnapshot(): string {
    return `authority/${String((this.#last?.number ?? 0) + 1).padStart(6, '0')}`
  }
  /** The snapshot after the one before, as the operators signed it. */
  snapshot(bytes: Buffer): void {
    const number = (this.#last?.number ?? 0) + 1
    const note = parseNote(bytes)
    const text = note.text
    const value = jsonObject(Buffer.from(text))
    if (`${canonical(value)}\n` !== text || value['number'] !== number)
      malformed(`snapshot ${number} is not in its one form`)
    if (value['previous'] !== (this.#last?.hash ?? ''))
      malformed(`snapshot ${number} does not follow the one before it`)
    if (this.#operators.length > 0 && verifyNote(note, this.#operators).length === 0)
      malformed(`no pinned key of the operators has signed snapshot ${number}`)
    if (this.#operators.length > 0 && typeof value['nextRootKey'] === 'string')
      this.#operators.push(parseKey(value['nextRootKey']))
    this.#last = readSnapshot(number, sha256(text), value)
    keep(this.#snapshots, number, this.#last, SNAPSHOTS_KEPT)
    for (const limit of this.#last.limits) this.#counters.begin(limit)
    for (const what of this.#last.unseen) this.#unseen.add(what)
    this.#overdue.snapshot(this.#last, this.#application)
  }
  /** A release's manifest, and the hash of its code: together they are what its id names. */
  release(id: string, bytes: Buffer): void {
    const value = jsonObject(bytes)
    const { bundle, manifest } = value
    if (canonical(value) !== bytes.toString() || typeof bundle !== 'string' || !HASH.test(bundle))
      malformed(`release \`${id}\` is not in its one form`)
    if (releaseId(sha256(canonical(manifest)), bundle as string) !== id || this.#releases.has(id))
      malformed(`the manifest of release \`${id}\` is not the one it is named by`)
    this.#unused.add(id)
    const read = readManifest(manifest as Readonly<Record<string, unknown>>, bundle as string)
    this.#application = read.application
    this.#holdsPersonal ||= read.holdsPersonal
    keep(this.#releases, id, read, SNAPSHOTS_KEPT)
  }
  /** One record with its payload, in order. */
  record(position: number, record: LogRecord, payload: Buffer | null): void {
    if (record.release !== null) this.#unused.delete(record.release)
    if (record.kind === 'event') {
      const isEngines = record.stream.startsWith('plinth.')
      this.#events.push({ ...record, body: isEngines && payload !== null ? jsonOrNull(payload) : null })
      return
    }
    const body =
      payload === null || (this.#last === null && this.#counters.limits.length === 0) ? null : jsonOrNull(payload)
    const events = this.#events
    this.#events = []
    try {
      if (this.#admission(record, body as OperationBody | null, events)) this.#derived++
    } catch (error) {
      if (error instanceof Differs)
        this.#judge.find('invalid', position, `the admission of \`${record.op}\`: ${error.message}`)
      else if (error instanceof Absent) this.#judge.find('missing', position, error.message)
      else if (error instanceof Unchecked || error instanceof Unreadable) this.#count(error.message)
      else if (isUnfit(error))
        this.#judge.find('invalid', position, `the admission of \`${record.op}\` has no fit form`)
      else throw error
    }
    if (record.state === 'committed') this.#counters.add(record, body as CountedBody | null)
    this.#lever(position, record, body as OperationBody | null)
    for (const event of events) this.#remember(position, event)
    if (record.state === 'held') this.#held.set(record.op, streamTail(events.at(-1)?.stream ?? ''))
    else this.#held.delete(record.op)
  }
  end(): void {
    const last = this.#last
    if (last === null) {
      // Who gives the operators' key asks for this: then leaving the snapshots out is no way around it.
      if (this.#operators.length > 0)
        this.#judge.find('missing', null, 'the snapshots that admissions rest on are missing')
      return this.#judge.unchecked('whether each admission can be derived again: the bundle holds no snapshots')
    }
    for (const id of this.#unused) this.#judge.find('invalid', null, `no record is of release \`${id}\``)
    if (this.#bound < last.number && this.#operators.length === 0)
      this.#judge.find(
        'missing',
        null,
        `snapshot ${last.number} is not on record yet: export again, or give the operators’ key`,
      )
    for (const number of this.#adopted.keys())
      if (number > last.number) this.#judge.find('missing', null, `snapshot ${number} is missing`)
    this.#judge.derived = this.#derived
    for (const [what, count] of this.#reasons)
      this.#judge.unchecked(`${count} admission${count === 1 ? '' : 's'}: ${what}`)
    if (this.#operators.length === 0)
      this.#judge.unchecked('that the operators signed the snapshots: their key was not given (`--authority`)')
    this.#overdue.end()
    if (this.#overdue.dropped > 0)
      this.#judge.unchecked(`${this.#overdue.dropped} records that a switch or a revocation may have forbidden`)
    this.#judge.unchecked(
      'that policies were shown all of an input and its facts that the application’s schema shows',
      ...this.#unseen,
      ...NEVER_DERIVED,
    )
  }

  #count(why: string): void {
    this.#reasons.set(why, (this.#reasons.get(why) ?? 0) + 1)
  }

  #remember(position: number, { actor, stream, type, body }: EngineEvent): void {
    if (stream.startsWith('plinth.run/')) this.#opened.attested(streamTail(stream), actor)
    if (stream.startsWith('plinth.run-opened/')) this.#opened.opened(streamTail(stream), body?.['by'])
    if (body === null) return
    if (stream === ADOPTED) this.#adopt(position, body)
    else if (stream.startsWith('plinth.run/')) {
      const before = this.#runs.get(stream)
      keep(this.#runs, stream, { version: (before?.version ?? 0) + 1, facts: { ...before?.facts, ...body } }, RUNS_KEPT)
    } else if (stream.startsWith('plinth.approval/')) {
      if (type === 'closed') this.#approvals.delete(streamTail(stream))
      else this.#approvals.set(streamTail(stream), { ...this.#approvals.get(streamTail(stream)), ...body })
    }
  }
  #adopt(position: number, { snapshot: number, hash: recorded }: Readonly<Record<string, unknown>>): void {
    if (typeof number !== 'number' || typeof recorded !== 'string') return
    if (!this.#adopted.has(number)) this.#adopted.set(number, position)
    this.#inForce = Math.max(this.#inForce, number)
    const known = this.#snapshots.get(number)
    if (known !== undefined && known.hash !== recorded)
      this.#judge.find('invalid', null, `snapshot ${number} is not the one that the log has on record`)
    // Snapshots name the one before by its hash, so the last that is on record binds all before it.
    if (known?.hash === recorded) this.#bound = Math.max(this.#bound, number)
  }

  /** @returns whether there was one. @throws Differs, Unchecked, Unreadable */
  #admission(record: LogRecord, body: OperationBody | null, events: readonly EngineEvent[]): boolean {
    const domain = events.filter(({ stream }) => !stream.startsWith('plinth.'))
    const verdict = record.chain.length === 0 ? undefined : VERDICTS[record.state]
    this.#written(record, events)
    if (verdict === undefined) {
      if (domain.length > 0 || record.effects.length > 0) differs('nobody was admitted to do this')
      if (record.state === 'committed' && (!record.action.startsWith('plinth.') || record.actor !== ENGINE))
        differs('nobody was admitted to do this')
      return false
    }
    if (record.state !== 'committed' && (domain.length > 0 || record.effects.some(({ effect }) => effect !== NOTIFY)))
      differs(`it was ${record.state}, and changed something`)
    if (this.#last === null) return false
    if (body === null) return unchecked('its payload is gone')
    if (Object.hasOwn(body, '$sealed')) {
      if (record.action.startsWith('plinth.') || !this.#holdsPersonal)
        differs('it is sealed, and nothing of it can be personal')
      return unchecked('what it asked is sealed under the keys of data subjects, or erased')
    }
    const { authority, request } = body
    if (authority == null) return differs(`it is ${record.state} without an admission`)
    if (request == null && isWithheld(body, this.#releases.get(record.release ?? '')?.personal(record.action) ?? []))
      return unchecked('what it asked is personal, and was not kept: it belongs to no data subject')
    if (request == null) return differs(`it is ${record.state} without an admission`)
    const snapshot =
      this.#snapshots.get(authority.snapshot) ??
      (authority.snapshot > this.#last.number
        ? absent(`snapshot ${authority.snapshot} is missing`)
        : unchecked('its snapshot lies too far back'))
    const release =
      this.#releases.get(record.release ?? '') ?? absent(`the manifest of \`${record.release}\` is missing`)
    if (snapshot.policySet !== authority.policySet) differs('its snapshot holds another policy set')
    if (sha256(canonical(request)) !== authority.request) differs('its request does not match its hash')
    if (authority.onBehalfOf !== record.for || canonical(authority.chain) !== canonical(record.chain))
      differs('it was given to somebody else')
    if (record.state === 'committed' && release.group(record.action) === 'commands' && !isCount(body.reads?.position))
      differs('it does not say as of when it was decided')
    const replaced = [...this.#adopted].find(([number]) => number > authority.snapshot)?.[1]
    if (replaced !== undefined && body.reads !== null && body.reads.position >= replaced)
      differs('it was decided after its snapshot had been replaced')
    const principal = principalOf(snapshot, record, body)
    const approvals = this.#approvalsOf(record, body, authority, release)
    if (!record.action.startsWith('plinth.') && events.some(({ stream }) => stream.startsWith('plinth.grant/')))
      differs('it wrote to a grant that it does not rest on')
    const above = agentsAbove(snapshot, principal)
    if (record.run !== null && !record.action.startsWith('plinth.'))
      this.#opened.check(record.run, principal, above, (why) => this.#count(why))
    const asked = this.#question(record, body, request, principal, domain, release, approvals, above)
    if (snapshot.unreadable !== null) return unchecked(`policies that are not evaluated here: ${snapshot.unreadable}`)
    const askers = [asked.principal, ...above.map(({ id }) => ({ type: 'Agent', id }))]
    for (const asker of askers) {
      const scope = evaluateCedar(snapshot.scope, {
        ...asked,
        principal: asker,
        resource: { type: 'Application', id: release.application },
        context: {},
      })
      if (scope.kind !== 'allow') differs('the action is not in scope for who did it')
    }
    const [derived, rules] = narrowest(
      askers.map((asker) => verdictOf(snapshot.admission, { ...asked, principal: asker })),
    )
    if (derived !== verdict) differs(`policy says ${derived}, and yet it is ${record.state}`)
    if (canonical(rules) !== canonical(authority.rules)) differs('other rules determine it')
    if (release.group(record.action) === 'commands') this.#limits(record, body, snapshot, asked)
    if (request.context['flow'] !== undefined)
      this.#count('what had flowed into the call was taken from the record, not followed again')
    if (record.action === 'plinth.approve') {
      if (['grant', 'withdraw'].includes(String((body.input as Record<string, unknown> | null)?.['verdict']))) {
        grantWritten(record, body, principal, events)
        return unchecked('standing grants are not followed here')
      }
      this.#decision(body, snapshot, principal, events)
    }
    if (
      record.action === 'plinth.attest' &&
      (events.length !== 1 ||
        events[0]?.stream !== `plinth.run/${record.run}` ||
        canonical(events[0].body) !== canonical(body.input))
    )
      differs('what it attested is not what was stated')
    if (record.action === 'plinth.erase') {
      const { subject, tenant, reason, basis = null } = (body.input ?? {}) as Readonly<Record<string, unknown>>
      const { kids: _kids, streams: _streams, ...said } = (events[0]?.body ?? {}) as Readonly<Record<string, unknown>>
      if (
        events.length !== 1 ||
        events[0]?.stream !== `plinth.erasure/${String(tenant)}:${String(subject)}` ||
        canonical(said) !== canonical({ subject, tenant, reason, basis })
      )
        differs('what it erased is not what was asked')
    }
    return true
  }

  /**
   * The engine's own streams are written by nobody else than who may: facts, decisions and erasures by what was admitted to, a request for approval by
   * what is held and by what ends it, a grant by who gives or uses it, everything else by the engine itself. @throws Differs
   */
  #written({ op, action, state, actor, chain }: LogRecord, events: readonly EngineEvent[]): void {
    const isAdmitted = chain.length > 0 && state === 'committed'
    const isEngines = chain.length === 0 && state === 'committed' && actor === ENGINE
    for (const event of events) {
      const { stream } = event
      const entity = stream.slice(0, stream.indexOf('/'))
      if (!entity.startsWith('plinth.')) continue
      const admitted = PERSONS[entity]
      const isOwn = entity === 'plinth.approval' && this.#isOwnRequest(op, state, event)
      if (isOwn || (admitted === undefined ? isEngines : isAdmitted && admitted(action))) continue
      differs(`nobody was admitted to write to \`${stream}\``)
    }
  }
  /** What is held asks for an approval of its own, and closes its request when it ends. */
  #isOwnRequest(op: string, state: string, { stream, n, type, body }: EngineEvent): boolean {
    if (state === 'held') return type === 'requested' && n === 1
    return type === 'closed' && this.#held.get(op) === streamTail(stream) && body?.['state'] !== 'approved'
  }

  /** Counts and sums of what was committed before it: what it was shown of them, and that it goes beyond no limit. */
  #limits(record: LogRecord, body: OperationBody, snapshot: Snapshot, asked: CedarRequest): void {
    const context = asked.context as Readonly<Record<string, unknown>>
    const shown = (context['history'] ?? {}) as Readonly<Record<string, unknown>>
    const entries = body.history?.entries ?? []
    if (record.state !== 'committed') {
      if (Object.keys(shown).length > 0)
        this.#count('was held or denied: sums and counts of history were taken from the record, not counted again')
      return
    }
    if (entries.some(({ limit }) => !snapshot.limits.some(({ name }) => name === limit)))
      differs('it rests on a limit that there is not')
    const history: Record<string, unknown> = { ...shown }
    for (const limit of snapshot.limits) {
      const { name, stepMs } = limit
      const key = counterOf(limit, record, body)
      const adding = counts(limit, record.action) ? amountOf(limit, body) : 0
      const max = limit.observes ? null : limit.max
      const entry = entries.find((one) => one.limit === name)
      if (adding === null) return differs(`what it adds to the limit \`${name}\` is no amount`)
      if (entry !== undefined) {
        const { value, exact: _, ...rest } = entry
        if (canonical(rest) !== canonical({ limit: name, counts: limit.counts, key, adding, max }))
          differs(`it was counted otherwise than the limit \`${name}\` says`)
        if (Math.floor((body.history?.atMs ?? 0) / stepMs) !== Math.floor(record.t / stepMs))
          differs(`it was admitted in another step of the limit \`${name}\``)
        if (shown[name] !== undefined && shown[name] !== value)
          differs(`policy was shown another value of the limit \`${name}\` than is on record`)
      }
      const value = this.#counters.value(limit, key, record.t)
      if (value === null) {
        this.#count(`the window of the limit \`${name}\` holds what could not be counted here`)
        continue
      }
      if (entry?.exact === true && entry.value !== value)
        differs(`it rests on ${entry.value} of the limit \`${name}\`, and the records before it add up to ${value}`)
      if (max !== null && adding > 0 && value + adding > max)
        differs(`with ${adding} more than ${value} it goes beyond the limit \`${name}\`, which is ${max}`)
      if (shown[name] !== undefined) history[name] = value
    }
    if (canonical(history) === canonical(shown)) return
    // Values that no written policy sees may be shown higher than they were. Whether none does is found by asking again with what they were.
    const written = new Map([...snapshot.admission].filter(([id]) => !id.startsWith('limit:')))
    const [verdict] = verdictOf(written, { ...asked, context: { ...context, history } })
    if (verdict !== 'admitted') differs(`counted again, policy says ${verdict}`)
  }

  /** Under the snapshot that was on record by then, or the later one that it was admitted under: was it let through? */
  #lever(position: number, record: LogRecord, body: OperationBody | null): void {
    if (record.chain.length === 0 || (record.state !== 'committed' && record.state !== 'held')) return
    const admitted = body?.authority?.snapshot
    const snapshot = this.#snapshots.get(Math.max(this.#inForce, isCount(admitted) ? Number(admitted) : 0))
    if (snapshot === undefined) return
    const policySet = body?.authority?.policySet ?? null
    const why = inTheWay(snapshot, record, this.#application, policySet)
    if (why === null) return
    this.#overdue.add(position, record, why, policySet)
    // Those that are at hand already: evidence of a group stands before its first record.
    for (const [number, later] of this.#snapshots)
      if (number > snapshot.number) this.#overdue.snapshot(later, this.#application)
  }

  /** The request as recorded, once all that it says of what happened is found to be so. */
  #question(
    record: LogRecord,
    body: OperationBody,
    request: Asked,
    principal: PrincipalEntry,
    domain: readonly { readonly stream: string; readonly type: string }[],
    release: ReleaseFile,
    approvals: readonly string[],
    above: readonly PrincipalEntry[],
  ): CedarRequest {
    const uid = uidOf(principal)
    const action = { type: 'Action', id: record.action }
    const resource = request.entities[1]?.uid ?? { type: '', id: '' }
    if (
      request.principal !== uidText(uid) ||
      request.action !== uidText(action) ||
      request.resource !== uidText(resource)
    )
      return request.entities.length === 0
        ? unchecked('its question had no form in Cedar')
        : differs('it asks about somebody or something else')
    const entityOfPrincipal = (who: PrincipalEntry): CedarEntity => ({
      uid: uidOf(who),
      attrs: {
        id: who.id,
        tenant: who.tenant,
        ...(who.owner === null ? {} : { owner: who.owner }),
        ...(record.for === null ? {} : { onBehalfOf: record.for }),
      },
      parents: who.roles.map((id) => ({ type: 'Role', id })),
    })
    const entities: readonly CedarEntity[] = [
      entityOfPrincipal(principal),
      { uid: resource, attrs: { id: resource.id }, parents: [] },
      ...above.map(entityOfPrincipal),
    ]
    if (canonical(request.entities) !== canonical(entities)) differs('it asks about somebody with other attributes')
    const { context } = request
    if (!isPartOf(context['input'] ?? {}, body.input)) differs('its input is not what was asked about')
    if (context['facts'] !== undefined && !isPartOf(context['facts'], body.facts))
      differs('its facts are not what was asked about')
    const attested = record.action.startsWith('plinth.') ? {} : this.#attested(record, body)
    if (!isPartOf(context['attested'] ?? {}, attested)) differs('other facts were attested for its run')
    if (canonical(context['approvals'] ?? []) !== canonical(approvals))
      differs('it counts other approvals than there are')
    if (record.state === 'committed' && context['impact'] !== undefined) {
      const done = {
        events: distinct(domain.map(({ stream, type }) => `${stream.slice(0, stream.indexOf('/'))}.${type}`)),
        streams: distinct(domain.map(({ stream }) => stream)).length,
        effects: distinct(record.effects.map(({ effect }) => effect).filter((effect) => effect !== 'plinth.notify')),
        irreversible: record.effects.some(({ effect }) => release.isIrreversible(effect)),
      }
      if (!isPartOf(done, context['impact'])) differs('it did something else than was asked about')
    }
    const group = { type: 'Action', id: release.group(record.action) }
    return {
      principal: uid,
      action,
      resource,
      context,
      entities: [...entities, { uid: action, attrs: {}, parents: [group] }],
    }
  }
  #attested(record: LogRecord, body: OperationBody): unknown {
    if (record.run === null) return {}
    const stream = `plinth.run/${record.run}`
    const version = body.reads?.streams.find((read) => read.stream === stream)?.version
    const known = this.#runs.get(stream) ?? { version: 0, facts: {} }
    return version === known.version ? known.facts : unchecked('the facts attested for its run lie too far back')
  }
  /** Roles of those who approved, as policies see them. */
  #approvalsOf(record: LogRecord, body: OperationBody, authority: Admitted, release: ReleaseFile): readonly string[] {
    const { approvals } = authority
    const id = record.state === 'held' ? undefined : this.#held.get(record.op)
    if (id === undefined && approvals[0]?.approval.startsWith('grt_') === true)
      return unchecked('it rests on a standing grant, and these are not followed here')
    if (id === undefined) return approvals.length === 0 ? [] : differs('it names approvals, and was never held')
    const request = this.#approvals.get(id) ?? {}
    const { operation, state, approvedBy = [] } = request
    if (operation !== record.op || state !== 'approved') differs('it went on without being approved')
    if (record.state === 'committed' && !isBoundBy(request, record, body, authority, release))
      differs('what was approved is not what was done')
    const given = approvedBy.map(({ by }) => ({ approval: id, by }))
    if (canonical(given) !== canonical(approvals)) differs('it names other approvals than there are')
    return distinct(approvedBy.map(({ role }) => role)).sort()
  }
  /** Decisions about what was held, one event for each. */
  #decision(body: OperationBody, snapshot: Snapshot, approver: PrincipalEntry, events: readonly EngineEvent[]): void {
    const { decisions, action, ...single } = body.input as Record<string, unknown>
    const decided = (Array.isArray(decisions) ? decisions : [single]) as readonly Record<string, unknown>[]
    // Policy was asked with these two members, so they must be what was decided.
    for (const { approval, verdict } of decided)
      if (verdict !== single['verdict'] || this.#approvals.get(String(approval))?.action !== action)
        differs('policy was asked about another decision than was made')
    if (events.length !== decided.length) differs('the decision is not about what waited for it')
    for (const [place, one] of decided.entries())
      this.#oneDecision(one, snapshot, approver, events.slice(place, place + 1))
  }
  /** Signed by who made it, about that request, by somebody who may. */
  #oneDecision(
    { signature, ...decision }: Record<string, unknown>,
    snapshot: Snapshot,
    approver: PrincipalEntry,
    events: readonly EngineEvent[],
  ): void {
    const id = String(decision['approval'])
    const request = this.#approvals.get(id)
    const [event, ...more] = events
    const key = approver.approvalKey === null ? null : base64(approver.approvalKey)
    if (key?.length !== SPKI.length + 32 || !key.subarray(0, SPKI.length).equals(SPKI))
      differs('its approver has no key')
    const bytes = base64(String(signature)) ?? Buffer.alloc(0)
    if (!isSigned(Buffer.from(canonical(decision)), ed25519Key((key as Buffer).subarray(SPKI.length)), bytes))
      differs('its approver did not sign the decision')
    if (more.length > 0 || event?.stream !== `plinth.approval/${id}` || request?.state !== 'pending')
      differs('the decision is not about what waited for it')
    if (decision['by'] !== approver.id || decision['binds'] !== request?.binds)
      differs('the decision is about something else')
    if ((event?.type === 'approved') !== (decision['verdict'] === 'approve')) differs('the decision was the other one')
    const asks = [request?.actor, request?.onBehalfOf]
    if (approver.kind === 'agent' || chainOf(snapshot, approver).some(({ principal }) => asks.includes(principal)))
      differs('it was decided by who had asked, or by an agent')
    const all = (event?.body as ApprovalRequest | null)?.approvedBy ?? request?.approvedBy ?? []
    for (const { by, role } of all.slice(request?.approvedBy?.length ?? 0))
      if (by !== approver.id || !approver.roles.includes(role) || request?.requires?.includes(role) !== true)
        differs('it counts as the approval of somebody else')
    if (
      (event?.body as ApprovalRequest | null)?.state === 'approved' &&
      request?.requires?.every((role) => all.some((given) => given.role === role)) !== true
    )
      differs('it counts as approved before everybody had approved')
  }
}

/** A grant that is given is written down as it was signed, by somebody who may; one that is taken back writes to no other stream. @throws Differs */
function grantWritten(
  { chain }: LogRecord,
  { input }: OperationBody,
  { id, kind, approvalKey }: PrincipalEntry,
  events: readonly EngineEvent[],
): void {
  const { signature, action, ...grant } = input as Readonly<Record<string, unknown>>
  const [event, ...more] = events
  if (more.length > 0 || event?.stream !== `plinth.grant/${String(grant['to'])}:${String(action)}` || kind === 'agent')
    differs('it wrote something else than a grant')
  if (grant['verdict'] !== 'grant') return
  const key = approvalKey === null ? null : base64(approvalKey)
  if (key?.length !== SPKI.length + 32 || !key.subarray(0, SPKI.length).equals(SPKI)) differs('its approver has no key')
  const raw = ed25519Key((key as Buffer).subarray(SPKI.length))
  const written = { [String(grant['grant'])]: { ...grant, chain, uses: 0, spent: 0 } }
  if (
    grant['by'] !== id ||
    grant['command'] !== action ||
    !isSigned(Buffer.from(canonical(grant)), raw, base64(String(signature)) ?? Buffer.alloc(0)) ||
    canonical(event?.body ?? null) !== canonical(written)
  )
    differs('what was granted is not what its approver signed')
}

/**
 * Whether the approvers' signatures, which are over `binds`, stand for this operation: its command as defined and its code, who asks for what, under
 * which policies. What else it binds was compared by the engine alone: the versions it read, and what its effects say.
 */
function isBoundBy(
  { binds, bound = {} }: ApprovalRequest,
  { log, actor, chain, for: onBehalfOf, action: command, run, effects }: LogRecord,
  { input, facts, impact }: OperationBody,
  { policySet }: Admitted,
  release: ReleaseFile,
): boolean {
  const hashOf = (value: unknown): string => sha256(canonical(value))
  const now = {
    ...{ tool: release.tool(command), code: release.code, policy: policySet, epochs: hashOf(chain) },
    arguments: hashOf({ log, actor, onBehalfOf, command, run, input }),
    ...(effects.some(({ effect }) => effect !== NOTIFY) ? {} : { impact: hashOf({ facts, impact, effects: [] }) }),
  }
  return hashOf(bound) === binds && canonical({ ...bound, ...now }) === canonical(bound)
}

const ANNOTATIONS = new Set(
  'id hold require_approval hold_for grants mode redact notify degrade description reason'.split(' '),
)

/** Admitted; held when nothing but rules that wait for approvals forbid it, and these would let it pass; otherwise denied. */
function verdictOf(
  policies: ReadonlyMap<string, CedarPolicy>,
  request: CedarRequest,
): [verdict: string, rules: readonly string[]] {
  const first = evaluateCedar(policies, request)
  if (first.kind === 'error') return ['denied', []]
  const { rules } = first
  const named = rules.map((rule) => policies.get(rule)?.annotations ?? new Map<string, string>())
  // An obligation that nobody knows would not be carried out.
  if (named.some((annotations) => [...annotations.keys()].some((name) => !ANNOTATIONS.has(name))))
    return ['denied', rules]
  if (first.kind === 'allow') return ['admitted', rules]
  const roles = named.flatMap((annotations) => annotations.get('hold') ?? annotations.get('require_approval') ?? [])
  if (rules.length === 0 || roles.length < rules.length) return ['denied', rules]
  const context = request.context as Readonly<Record<string, unknown>>
  const approvals = distinct([...((context['approvals'] ?? []) as readonly string[]), ...roles])
  const approved = evaluateCedar(policies, { ...request, context: { ...context, approvals } })
  return [approved.kind === 'allow' ? 'held' : 'denied', rules]
}

/** @throws TypeError for what has not the form of a snapshot */
function readSnapshot(number: number, hashed: string, value: Readonly<Record<string, unknown>>): Snapshot {
  const entries = value['principals'] as readonly PrincipalEntry[]
  const files = value['policies'] as Readonly<Record<string, string>>
  const scope = new Map<string, CedarPolicy>()
  const admission = new Map<string, CedarPolicy>()
  let notRead: string | null = null
  let limits: readonly Limit[] = []
  try {
    limits = readLimits(files['limits.json'])
    for (const [file, source] of Object.entries(files)) {
      if (file === 'breakers.json') continue // it only ever refuses what these allow
      for (const policy of parseCedar(file === 'limits.json' ? limitRules(source) : source)) {
        const id = policy.annotations.get('id') ?? unreadable(`a policy of \`${file}\` has no id`)
        if (scope.has(id) || admission.has(id)) unreadable(`the policy \`${id}\` is there twice`)
        // A rule that only observes decides nothing.
        if ((policy.annotations.get('mode') ?? (file.startsWith('observe/') ? 'observe' : '')) === 'observe') continue
        ;(file.startsWith('scope/') ? scope : admission).set(id, policy)
      }
    }
  } catch (error) {
    if (!(error instanceof Unreadable)) throw error
    notRead = error.message
  }
  return {
    ...{ number, hash: hashed, policySet: sha256(canonical(files)), scope, admission, unreadable: notRead },
    principals: new Map(entries.map((entry) => [entry.id, entry])),
    limits,
    switches: (value['switches'] ?? []) as readonly Switch[],
    createdAtMs: Number(value['createdAtMs']),
    unseen: [
      ...(value['leaseMs'] == null
        ? []
        : ['that the warden was heard of in time: its signs of life are not on record']),
      ...(files['breakers.json'] === undefined ? [] : ['breakers: what they would have stopped']),
    ],
  }
}

/** A limit with a `max` is a rule by itself: what is there and what is added must not be more. */
function limitRules(source: string): string {
  const { limits } = JSON.parse(source) as {
    readonly limits: Readonly<
      Record<string, { readonly of?: readonly string[]; readonly max?: number; readonly mode?: string }>
    >
  }
  const rules = Object.entries(limits).flatMap(([name, { of, max, mode }]) => {
    if (max === undefined || mode === 'observe') return []
    const actions = of === undefined ? 'Action::"commands"' : `[${of.map((one) => `Action::${JSON.stringify(one)}`)}]`
    const most = `context.history.${name} + context.adding.${name} > ${max}`
    return `@id("limit:${name}") forbid (principal, action in ${actions}, resource) when { ${most} };`
  })
  return rules.join('\n')
}

function readManifest(manifest: Readonly<Record<string, unknown>>, code: string): ReleaseFile {
  const { name, entities, commands, queries, effects } = manifest as Record<
    string,
    Record<string, { readonly risk?: string; readonly effects?: readonly string[]; readonly personal?: unknown }>
  >
  return {
    ...{ application: String(name), code },
    tool: (command) => {
      const defined = commands?.[command]
      const asks = (defined?.effects ?? []).map((effect) => effects?.[effect] ?? null)
      return sha256(canonical({ name: command, command: defined ?? null, effects: asks }))
    },
    holdsPersonal: Object.values(entities ?? {}).some(({ personal }) => personal !== undefined),
    personal: (action) => {
      const { personal } = commands?.[action] ?? {}
      return Array.isArray(personal) ? personal.map(String) : []
    },
    group: (action) =>
      Object.hasOwn(commands ?? {}, action) ? 'commands' : Object.hasOwn(queries ?? {}, action) ? 'queries' : 'engine',
    isIrreversible: (effect) => effects?.[effect]?.risk === 'irreversible',
  }
}

/** The actor as the snapshot has it, live with everybody whom it stands and falls with. @throws Differs */
function principalOf(snapshot: Snapshot, record: LogRecord, body: OperationBody): PrincipalEntry {
  const entry = snapshot.principals.get(record.actor) ?? differs('who did it is not in its snapshot')
  const chain = chainOf(snapshot, entry)
  if (chain.some(({ revoked }) => revoked)) differs('who did it had been revoked')
  if (canonical(chain.map(({ principal, epoch }) => ({ principal, epoch }))) !== canonical(record.chain))
    differs('who did it had another chain of owners')
  for (const { mayActFor } of record.for === null ? [] : [entry, ...agentsAbove(snapshot, entry)])
    if (!mayActFor.includes('*') && !mayActFor.includes(record.for as string))
      differs('who did it may not act for the one it acts for')
  if (entry.tenant !== record.tenant || entry.kind !== body.principal.kind) differs('who did it is somebody else')
  if (canonical(entry.roles) !== canonical(body.principal.roles)) differs('who did it had other roles')
  return entry
}
function chainOf(snapshot: Snapshot, entry: PrincipalEntry): { principal: string; epoch: number; revoked: boolean }[] {
  const chain = []
  for (let link: PrincipalEntry | undefined = entry; link !== undefined;) {
    if (chain.length >= CHAIN_MAX) return differs('a chain of owners has no end')
    chain.push({ principal: link.id, epoch: link.epoch, revoked: link.revoked })
    link =
      link.owner === null
        ? undefined
        : (snapshot.principals.get(link.owner) ?? differs('an owner is not in the snapshot'))
  }
  return chain
}

const uidOf = ({ kind, id }: PrincipalEntry): { readonly type: string; readonly id: string } => ({
  type: KINDS[kind] ?? '',
  id,
})

/** Agents among the owners of a principal, the nearest first: what it does needs their permission as well. */
const agentsAbove = (snapshot: Snapshot, entry: PrincipalEntry): readonly PrincipalEntry[] =>
  chainOf(snapshot, entry)
    .slice(1)
    .flatMap(({ principal }) => snapshot.principals.get(principal) ?? [])
    .filter(({ kind }) => kind === 'agent')

/** One denial denies; what is held for somebody waits. With the rules that make it so. */
function narrowest(
  verdicts: readonly (readonly [verdict: string, rules: readonly string[]])[],
): readonly [verdict: string, rules: readonly string[]] {
  const [only, ...more] = verdicts
  if (only !== undefined && more.length === 0) return only
  const verdict = ['denied', 'held'].find((kind) => verdicts.some(([one]) => one === kind)) ?? 'admitted'
  return [verdict, distinct(verdicts.flatMap(([one, rules]) => (one === verdict ? rules : []))).sort()]
}

/** Whether the first holds nothing that is not in the second: members may be left out, at any depth. */
function isPartOf(part: unknown, whole: unknown): boolean {
  if (typeof part !== 'object' || part === null || typeof whole !== 'object' || whole === null) return part === whole
  if (Array.isArray(part) || Array.isArray(whole))
    return (
      Array.isArray(part) &&
      Array.isArray(whole) &&
      part.length === whole.length &&
      part.every((item, i) => isPartOf(item, whole[i]))
    )
  const of = whole as Record<string, unknown>
  return Object.entries(part).every(([name, value]) => Object.hasOwn(of, name) && isPartOf(value, of[name]))
}

/** As Cedar writes it. */
const uidText = ({ type, id }: Uid): string =>
  `${type}::"${id.replace(/["\\\p{Cc}]/gu, (char) => (char === '"' || char === '\\' ? `\\${char}` : `\\u{${char.charCodeAt(0).toString(16)}}`))}"`

function releaseId(manifest: string, bundle: string): string {
  const parts = ['release', manifest, bundle].map((part) => `${part.length}:${part}`).join('')
  let bits = ''
  for (const byte of hash('sha256', parts, 'buffer').subarray(0, 16)) bits += byte.toString(2).padStart(8, '0')
  const letters = bits.padEnd(130, '0').match(/.{5}/g) ?? []
  return `rel_${letters.map((five) => 'abcdefghijklmnopqrstuvwxyz234567'[Number.parseInt(five, 2)]).join('')}`
}
function keep<Name, Kept>(map: Map<Name, Kept>, name: Name, value: Kept, most: number): void {
  map.delete(name)
  map.set(name, value)
  const oldest = map.keys().next()
  if (map.size > most && oldest.done !== true) map.delete(oldest.value)
}
const distinct = <Item>(items: readonly Item[]): Item[] => [...new Set(items)]
const streamTail = (stream: string): string => stream.slice(stream.indexOf('/') + 1)
/** Whether the personal members of an input were left out, as they are where no stream of a data subject is touched. */
function isWithheld({ input }: OperationBody, personal: readonly string[]): boolean {
  const values = personal.map((member) => (input as Readonly<Record<string, unknown>> | null)?.[member] ?? null)
  return values.length > 0 && values.every((value) => value === null || canonical(value) === '{"sealed":true}')
}

function jsonOrNull(bytes: Buffer): Readonly<Record<string, unknown>> | null {
  try {
    return JSON.parse(bytes.toString()) as Readonly<Record<string, unknown>>
  } catch {
    return null
  }
}

// ---------------------------------------------------------------------------------------------- receipts, consistency, equivocation

/** A C2SP tlog-proof: a header, the index, the path, a blank line, the checkpoint. */
export function parseTlogProof(bytes: Uint8Array): {
  readonly index: number
  readonly path: string[]
  readonly checkpoint: Buffer
} {
  const proof = text(bytes, 'the proof')
  const blank = proof.indexOf('\n\n')
  const [header, indexLine = '', ...path] = blank < 0 ? [] : proof.slice(0, blank).split('\n')
  if (header !== 'c2sp.org/tlog-proof@v1' || !indexLine.startsWith('index ') || path.length > 63)
    return malformed('it is not a tlog-proof')
  return { index: count(indexLine.slice(6)), path: path.map(hashLine), checkpoint: Buffer.from(proof.slice(blank + 2)) }
}

/** @param entry the exact bytes of the leaf. A record of a Plinth log is read as one; those of other logs are only hashed. */
export function verifyProof(
  entry: Uint8Array,
  proofText: Uint8Array,
  trust: Trust,
  isRecord: boolean,
  stamp: ReturnType<typeof stampIn> | null = null,
): Report {
  const judge = new Judge(trust)
  judge.attempt('proof', () => {
    const proof = parseTlogProof(proofText)
    const checkpoint = (judge.checkpoint = judge.open(proof.checkpoint))
    if (checkpoint === null) return
    judge.headsBySize(checkpoint)
    if (!verifyInclusion(proof.index, checkpoint.size, leafOf(entry), proof.path, checkpoint.rootHash))
      malformed('the record is not in the tree that the checkpoint names')
    if (stamp !== null && judge.stamped(checkpoint.size, proof.checkpoint, stamp.reply) !== stamp.timeMs)
      malformed('its timestamp says another time')
    if (!isRecord) return judge.unchecked('what the leaf says')
    const record = parseRecord(entry) ?? malformed('the record is not in the form of a record')
    if (record.log !== checkpoint.origin) malformed(`the record is of the log \`${record.log}\``)
  })
  judge.unchecked('the payload of the record', 'the records around it: ask for a bundle')
  return judge.report()
}

/** A receipt as the runtime hands it out: JSON with `index`, `record` and `proof`. */
export function verifyReceipt(bytes: Uint8Array, trust: Trust): Report {
  const judge = new Judge(trust)
  const receipt = judge.attempt('receipt', () => {
    const { index, record, proof, timestamp, ...more } = jsonObject(bytes)
    // A member that is not read might be one that should have been, by a name that was changed.
    if (Object.keys(more).length > 0)
      malformed('it has members that no receipt has: of an answer, give its member `receipt` alone')
    if (typeof record !== 'string' || typeof proof !== 'string') return malformed('it has no `record` and `proof`')
    if (index !== parseTlogProof(Buffer.from(proof)).index) malformed('its proof is for another record')
    if (!record.isWellFormed()) malformed('its record is not text')
    return { record, proof, stamp: timestamp === undefined ? null : stampIn(timestamp) }
  })
  if (receipt === null) return judge.report()
  const { record, proof, stamp } = receipt
  return verifyProof(Buffer.from(`${record}\n`), Buffer.from(proof), trust, true, stamp)
}

/** As a receipt of level `timestamped` carries it. */
function stampIn(value: unknown): { readonly timeMs: number; readonly reply: Buffer } {
  const { kind, timeMs, token, ...more } = (typeof value === 'object' && value !== null ? value : {}) as Record<
    string,
    unknown
  >
  const reply = typeof token === 'string' ? base64(token) : null
  if (kind !== 'rfc3161' || typeof timeMs !== 'number' || reply === null || Object.keys(more).length > 0)
    return malformed('its timestamp is of no known kind')
  return { timeMs, reply }
}

/** @param proof lines of base64, one hash each */
export function verifyHeads(old: Uint8Array, young: Uint8Array, proof: Uint8Array, trust: Trust): Report {
  const judge = new Judge(trust)
  judge.attempt('consistency', () => {
    const before = judge.open(old, 'old checkpoint')
    const after = (judge.checkpoint = judge.open(young, 'new checkpoint'))
    if (before === null || after === null) return
    if (before.origin !== after.origin) malformed('the checkpoints are of two logs')
    if (after.size < before.size)
      return judge.find('rollback', null, `the log went from ${before.size} records to ${after.size}`)
    if (after.size === before.size && after.rootHash !== before.rootHash)
      return judge.find('equivocation', null, `the log has signed two roots for ${after.size} records`)
    const lines = text(proof, 'the proof').split('\n')
    if (lines.pop() !== '') malformed('the proof does not end in a newline')
    if (!verifyConsistency(before.size, after.size, before.rootHash, after.rootHash, lines.map(hashLine)))
      malformed('the proof does not lead from the one to the other')
  })
  judge.unchecked('the records')
  return judge.report()
}

/**
 * Two signed checkpoints of one log that cannot both be its own, as whoever keeps checkpoints saves them. EQUIVOCATION when that is so, whoever
 * says it; ROLLBACK and INSUFFICIENT rest on the word of whoever kept the first that the second was shown after it; INVALID when nothing holds.
 */
export function verifyEvidence(bytes: Uint8Array, trust: Trust): Report {
  const judge = new Judge(trust)
  judge.attempt('evidence', () => {
    const evidence = jsonObject(bytes)
    if (evidence['kind'] === undefined) return twoLeaves(evidence, judge, trust)
    const kind = evidence['kind']
    // A client writes `heads`; a log that stopped at a witness's word writes what the witness holds, and what it refused.
    const notes = evidence['heads'] ?? [evidence['head'], evidence['refused']]
    if (!Array.isArray(notes) || notes.length !== 2 || !notes.every((note) => typeof note === 'string'))
      return malformed('it does not hold two checkpoints: a refusal alone proves nothing')
    const [before, after] = notes.map((note) => openCheckpoint(Buffer.from(note), trust)) as [Opened, Opened]
    judge.checkpoint = after
    if (evidence['v'] !== 1 || before.origin !== after.origin || evidence['origin'] !== after.origin)
      malformed('the checkpoints are not both of the log that it names')
    if (kind === 'equivocation') return contradiction(evidence['contradiction'], before, after, judge)
    if (kind !== 'rollback' && kind !== 'withheld' && kind !== 'refusal') return malformed('it is of no known kind')
    if (before.size === after.size) return contradiction({ kind: 'same-size' }, before, after, judge)
    if (before.size > after.size && kind !== 'withheld')
      judge.find('rollback', null, `the log has signed ${before.size} records, and then shown ${after.size}`)
    else if (0 < before.size && before.size < after.size && kind !== 'rollback') {
      if (leadsOn(evidence['answer'], before, after)) malformed('the answer in it proves that the log has only grown')
      judge.find('missing', null, `no proof that ${after.size} records begin with the ${before.size} signed before`)
    } else malformed('its checkpoints do not show what it says')
    judge.unchecked('that the second checkpoint was shown after the first: whoever kept them says so')
  })
  return judge.report()
}

/** The forms of a contradiction: two roots of one size; another root below the larger; another leaf at one index. */
function contradiction(value: unknown, before: Opened, after: Opened, judge: Judge): void {
  const said = (typeof value === 'object' && value !== null ? value : {}) as Record<string, unknown>
  const hexes = (one: unknown): string[] =>
    Array.isArray(one) && one.length <= 64 && one.every(isHash) ? (one as string[]) : malformed('a proof is not hashes')
  if (said['kind'] === 'same-size') {
    if (before.size !== after.size || before.rootHash === after.rootHash) malformed('the checkpoints agree')
    return judge.find('equivocation', null, `the log has signed two roots for ${after.size} records`)
  }
  if (said['kind'] === 'other-prefix') {
    const { root } = said
    const sizes = before.size > 0 && before.size < after.size
    if (!sizes || typeof root !== 'string' || root === before.rootHash) malformed('the checkpoints agree')
    if (!verifyConsistency(before.size, after.size, String(root), after.rootHash, hexes(said['proof'])))
      malformed('the proof does not lead to the larger checkpoint')
    return judge.find(
      'equivocation',
      null,
      `the log has signed another root for its first ${before.size} records before`,
    )
  }
  const { index, leaves, proofs } = said
  const pairs = Array.isArray(leaves) && leaves.length === 2 && Array.isArray(proofs) && proofs.length === 2
  if (said['kind'] !== 'other-leaf' || !pairs || typeof index !== 'number' || leaves[0] === leaves[1])
    return malformed('its contradiction is of no known kind')
  for (const [side, { size, rootHash }] of [before, after].entries())
    if (!verifyInclusion(index, size, String(leaves[side]), hexes(proofs[side]), rootHash))
      malformed(`leaf ${side + 1} is not under its checkpoint`)
  judge.find('equivocation', index, 'the log has signed two different records for one position')
}

function leadsOn(answer: unknown, before: Opened, after: Opened): boolean {
  const { proof } = (typeof answer === 'object' && answer !== null ? answer : {}) as { readonly proof?: unknown }
  if (!Array.isArray(proof) || !proof.every(isHash)) return false
  return verifyConsistency(before.size, after.size, before.rootHash, after.rootHash, proof as string[])
}

/** Two signed checkpoints of one log, and two different leaves proven at one index. */
function twoLeaves(evidence: Readonly<Record<string, unknown>>, judge: Judge, trust: Trust): void {
  const sides = ([1, 2] as const).map((side) => {
    const [head, leaf, proof] = ['head', 'leaf', 'proof'].map((name) => evidence[`${name}${side}`])
    if (typeof head !== 'string' || typeof leaf !== 'string' || !Array.isArray(proof))
      return malformed('a member is missing')
    const checkpoint = openCheckpoint(Buffer.from(head), trust)
    const hashes = [leaf, ...proof.map(String)].map(hashLine)
    const index = typeof evidence['index'] === 'number' ? evidence['index'] : -1
    if (!verifyInclusion(index, checkpoint.size, hashes[0] as string, hashes.slice(1), checkpoint.rootHash))
      malformed(`leaf ${side} is not under its checkpoint`)
    return { checkpoint, leaf: hashes[0] }
  })
  judge.checkpoint = sides[0]?.checkpoint ?? null
  if (sides[0]?.checkpoint.origin !== sides[1]?.checkpoint.origin) malformed('the checkpoints are of two logs')
  if (sides[0]?.leaf === sides[1]?.leaf) malformed('both leaves are the same')
  judge.find('equivocation', Number(evidence['index']), 'the log has signed two different records for one position')
}

// --------------------------------------------------------------------------------------------------------------------- small readers

function text(bytes: Uint8Array, what: string): string {
  return isUtf8(bytes) ? Buffer.from(bytes).toString() : malformed(`${what} is not UTF-8`)
}
/** Standard alphabet with padding, and only in the form that encoding gives. */
function base64(encoded: string): Buffer | null {
  const bytes = Buffer.from(encoded, 'base64')
  return bytes.toString('base64') === encoded ? bytes : null
}
function hashLine(line: string): string {
  const bytes = base64(line)
  return bytes?.length === 32 ? bytes.toString('hex') : malformed('a hash is not 32 bytes of base64')
}
function count(digits: string): number {
  const value = /^(0|[1-9][0-9]{0,15})$/.test(digits) ? Number(digits) : Number.NaN
  return Number.isSafeInteger(value) ? value : malformed(`\`${digits.slice(0, 32)}\` is not a count`)
}
/** No member may be named twice: two readers could take two values for it. */
function jsonObject(bytes: Uint8Array): Record<string, unknown> {
  const json = text(bytes, 'it')
  let value: unknown
  try {
    value = JSON.parse(json)
  } catch {
    // then it is no object
  }
  const object = objectOf(value)
  return membersNamed(json) === membersIn(object) ? object : malformed('it names a member twice')
}
/** Texts before a colon; of something that parses. */
function membersNamed(json: string): number {
  let named = 0
  for (let at = json.indexOf('"'); at >= 0; at = json.indexOf('"', at)) {
    for (at++; json[at] !== '"'; at++) if (json[at] === '\\') at++
    for (at++; ' \t\n\r'.includes(json[at] ?? '-');) at++
    if (json[at] === ':') named++
  }
  return named
}
function membersIn(value: object): number {
  let members = 0
  for (const open = [value]; ;) {
    const one = open.pop()
    if (one === undefined) return members
    if (!Array.isArray(one)) members += Object.keys(one).length
    for (const inner of Object.values(one)) if (typeof inner === 'object' && inner !== null) open.push(inner as object)
  }
}
const objectOf = (value: unknown): Record<string, unknown> =>
  typeof value === 'object' && value !== null
    ? (value as Record<string, unknown>)
    : malformed('it is not a JSON object')

// ------------------------------------------------------------------------------------------------------------------ the command line

const USAGE = `usage: node verify.ts bundle FILE | stream FILE | receipt FILE | proof LEAF PROOF | consistency OLD NEW PROOF | evidence FILE
  --key VKEY|FILE   public key of the log, from where you trust it; may be repeated
  --keys FILE       the keys that have followed it, as 'plinth log keys' writes them; a bundle holds them itself
  --policy FILE     tlog-policy: which witnesses must have cosigned (its logs count as keys)
  --authority VKEY|FILE  public key of the operators who sign authority snapshots; may be repeated
  --head FILE       a checkpoint of this log that you have kept; may be repeated
  --tsa-root FILE   PEM certificates of time authorities that you trust; may be repeated
  --json            the report as one JSON object
  --help, --version

exit codes: 0 VALID, 10 VALID_UNWITNESSED, 20 VALID_WITH_ERASURES, 30 EQUIVOCATION, 31 ROLLBACK, 40 INVALID, 50 INSUFFICIENT,
  2 the command line or one of your own files cannot be used
`

/** @returns the exit code */
export function main(args: readonly string[], print: (line: string) => void): number {
  try {
    const { values, positionals } = parseArgs({
      args: [...args],
      allowPositionals: true,
      options: {
        key: { type: 'string', multiple: true },
        keys: { type: 'string' },
        authority: { type: 'string', multiple: true },
        policy: { type: 'string' },
        head: { type: 'string', multiple: true },
        'tsa-root': { type: 'string', multiple: true },
        json: { type: 'boolean' },
        help: { type: 'boolean' },
        version: { type: 'boolean' },
      },
    })
    if (values.version === true || values.help === true) {
      print(values.help === true ? USAGE : VERSION)
      return 0
    }
    const policy = values.policy === undefined ? null : parsePolicy(text(readFileSync(values.policy), 'the policy'))
    const keyOf = (key: string): Key =>
      parseKey(/^[^+\s]+\+[0-9a-f]{8}\+/.test(key) ? key : readFileSync(key, 'utf8').trim())
    const keys = (values.key ?? []).map(keyOf)
    const operators = (values.authority ?? []).map(keyOf)
    const heads = (values.head ?? []).map((path) => readFileSync(path, 'utf8'))
    const tsaRoots = values['tsa-root']?.flatMap((path) => parseTsaRoots(readFileSync(path, 'utf8')))
    const logs = [...keys, ...(policy?.logs ?? [])]
    const trust: Trust = { logs, policy, heads, operators, ...(tsaRoots === undefined ? {} : { tsaRoots }) }
    if (trust.logs.length === 0 || trust.logs.some(({ kind }) => kind !== 'log'))
      malformed('the key of the log is needed: `--key`')
    const history = values.keys === undefined ? null : parseKeyHistory(readFileSync(values.keys), trust.logs)
    const report = run(positionals, { ...trust, history })
    print(values.json === true ? JSON.stringify({ version: VERSION, ...report }) : describe(report))
    return EXIT_CODES[report.verdict]
  } catch (error) {
    const said = error instanceof Error ? error.message : String(error)
    print(
      args.includes('--json')
        ? JSON.stringify({ version: VERSION, verdict: null, error: said })
        : `${said}\n\n${USAGE}`,
    )
    return 2
  }
}

function run([what, ...paths]: readonly string[], trust: Trust): Report {
  const wanted = { bundle: 1, stream: 1, receipt: 1, proof: 2, consistency: 3, evidence: 1, equivocation: 1 }[
    what ?? ''
  ]
  if (wanted !== paths.length) return malformed(`\`${what ?? ''}\` is not a thing to verify, or takes other files`)
  const file = (place: number): Buffer => {
    const path = paths[place] as string
    const opened = openSync(path, 'r')
    try {
      if (fstatSync(opened).size > 2 ** 26) malformed(`\`${path}\` is too large`)
      return readFileSync(opened)
    } finally {
      closeSync(opened)
    }
  }
  if (what === 'stream') return verifyStream(file(0), trust)
  if (what === 'receipt') return verifyReceipt(file(0), trust)
  if (what === 'proof') return verifyProof(file(0), file(1), trust, false)
  if (what === 'consistency') return verifyHeads(file(0), file(1), file(2), trust)
  if (what === 'evidence' || what === 'equivocation') return verifyEvidence(file(0), trust)
  const path = paths[0] as string
  const verified = (given: Trust): Report => fromFile(path, (open) => verifyBundleWhole(open, given))
  const report = verified(trust)
  // The key may have changed since the pinned one: then the records say how.
  const isUnknown = report.findings.some((finding) => finding.what.includes('no pinned key'))
  const history = isUnknown && !trust.history ? fromFile(path, (open) => keysInBundle(open(), trust.logs)) : null
  return history === null ? report : verified({ ...trust, history })
}

/** @param work is given what begins to read the file anew */
function fromFile<Result>(path: string, work: (open: () => Read) => Result): Result {
  const file = openSync(path, 'r')
  const open = (): Read => {
    let at = 0
    return (into) => {
      const read = readSync(file, into, 0, into.length, at)
      at += read
      return read
    }
  }
  try {
    return work(open)
  } finally {
    closeSync(file)
  }
}

function describe(report: Report): string {
  const {
    verdict,
    origin,
    size,
    rootHash,
    witnesses,
    anchors = [],
    findings,
    erasures,
    admissions,
    notChecked,
    stream,
  } = report
  const lines: string[] = [verdict]
  if (origin !== null) lines.push(`log          ${origin}`, `records      ${size}`, `root hash    ${rootHash}`)
  if (stream !== undefined)
    lines.push(
      `stream       ${stream.id}: ${stream.version === 0 ? 'not there' : `${stream.version} events, all here`}, as of ${stream.position}`,
    )
  for (const { name, time } of witnesses) lines.push(`cosigned     ${name} at ${time}`)
  for (const { size: over, time, by } of anchors) lines.push(`anchored     ${over} records by ${time}: ${by}`)
  for (const { by, records } of erasures)
    lines.push(`erased       personal data of ${records} records, by record ${by}`)
  for (const { kind, position, what } of findings)
    lines.push(`${kind.padEnd(12)} ${position === null ? '' : `${position}: `}${what}`)
  if (admissions !== null) lines.push(`admissions   ${admissions} come out again as recorded`)
  for (const what of notChecked) lines.push(`not checked  ${what}`)
  return lines.join('\n')
}

if (import.meta.main) process.exitCode = main(process.argv.slice(2), console.log)
