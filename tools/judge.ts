/**
 * `npm run judge`: programs that nobody here wrote accept what we write, and reject each mutation of it.
 *
 * Go's `sumdb/note` and `sumdb/tlog` (what the Go project checks its checksum database with) judge checkpoints, inclusion and consistency proofs,
 * tiles and entries; `openssl` the signature; `openssl ts` and `@sigstore/core` time stamps; `tar` the archive.
 * On Debian: `apt-get install golang-go golang-golang-x-mod-dev openssl tar`.
 * Installs nothing. Exit code 0: all as it should be; 1: a judge disagrees; 3: a judge is not there, and what it would have judged was not.
 */
import { spawnSync, type SpawnSyncReturns } from 'node:child_process'
import { createPublicKey, randomInt } from 'node:crypto'
import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { openCommitter } from '../src/engine/committer/committer.ts'
import { exportBundle } from '../src/event-log/export.ts'
import type { Hash, OperationId, Position, PrincipalId, StreamId } from '../src/model/ids.ts'
import { sha256Hex } from '../src/model/ids.ts'
import { leafHash } from '../src/model/merkle.ts'
import type { Receipt } from '../src/model/receipt.ts'
import { consistencyProof } from '../src/transparency-log/proofs.ts'
import { parseTlogProof } from '../src/transparency-log/tlog-proof.ts'
import { Tree } from '../src/transparency-log/tree.ts'
import { isSigned, openCheckpoint, parseKey, parseNote } from '../verifier/verify.ts'
import { judgeTimestamps } from './judge/timestamps.ts'

const OPERATIONS = 700 // of one or two events: more than five full tiles
const GO_PATH = process.env['PLINTH_JUDGE_GOPATH'] ?? '/usr/share/gocode' // where Debian puts the sources of Go packages
const ORIGIN = 'log.example/judged'

interface Log {
  readonly vkey: string
  readonly checkpoint: string
  readonly old: string
  readonly oldSize: number
  readonly receipts: readonly Receipt[]
  readonly lines: readonly string[]
  readonly bundle: Buffer
}

const dir = mkdtempSync(join(tmpdir(), 'plinth-judge-'))
let disagreements = 0
let absent = 0
try {
  const log = await writeLog()
  const unpacked = join(dir, 'bundle')
  judgeArchive(log, unpacked)
  judgeWithGo(log, unpacked)
  judgeWithOpenssl(log)
  console.log('not judged: `ssh-keygen` verifies only its own signature format, not Ed25519 over the bytes of a note')
  const missing = await judgeTimestamps(log.checkpoint, expect)
  absent += missing.length
  for (const one of missing) console.log(one)
} finally {
  rmSync(dir, { recursive: true, force: true })
}
if (disagreements > 0) console.log(`judge: ${disagreements} disagreements`)
else if (absent > 0) console.log(`judge: ${absent} judges are not there`)
else console.log('judge: all agree')
process.exitCode = disagreements > 0 ? 1 : absent > 0 ? 3 : 0

/** A log as the runtime writes it: through the committer, with its own key, receipts and checkpoints. */
async function writeLog(): Promise<Log> {
  const data = join(dir, 'data')
  mkdirSync(data)
  const committer = await openCommitter({ dir: data, origin: ORIGIN, synchronous: 'OFF' })
  const versions = new Map<string, number>()
  const receipts: Receipt[] = []
  let old = ''
  try {
    for (let step = 0; step < OPERATIONS; step++) {
      const streams = [`order/${step % 37}`, `order/${(step * 7) % 41}`].slice(0, 1 + (step % 2))
      const events = [...new Set(streams)].map((stream) => {
        const version = (versions.get(stream) ?? 0) + 1
        versions.set(stream, version)
        return { stream: stream as StreamId, version, type: 'changed', data: `{"step":${step}}` }
      })
      const result = await committer.commit({
        ...{ operation: `op_${step}` as OperationId, intentHash: sha256Hex(String(step)), action: 'change', chain: [] },
        ...{
          actor: 'agent' as PrincipalId,
          onBehalfOf: null,
          tenant: 'default',
          run: null,
          correlation: `größe-${step}`,
        },
        ...{ causation: null, release: null, gate: '', state: 'committed', streams: [], finds: [], rows: [] },
        ...{ readPosition: -1 as Position, events, payload: '{"input":null}' },
        effects: step % 5 === 0 ? [{ effect: 'notify', payload: `{"payload":${step}}` }] : [],
      })
      if (result.kind !== 'committed') throw new Error(`the committer says ${result.kind}`)
      receipts.push(result.receipt)
      if (step === Math.floor(OPERATIONS / 3)) old = parseTlogProof(result.receipt.proof).checkpoint
    }
    const checkpoint = (await committer.checkpoint()) as string
    const reader = committer.reader()
    const { treeSize } = reader.head()
    const lines = reader.records(0 as Position, treeSize).map(({ line }) => line)
    const parts: Uint8Array[] = []
    await exportBundle(reader, checkpoint, (bytes) => void parts.push(bytes))
    reader.close()
    const { size: oldSize } = openCheckpoint(Buffer.from(old), { logs: [parseKey(committer.vkey)], policy: null })
    return { vkey: committer.vkey, checkpoint, old, oldSize, receipts, lines, bundle: Buffer.concat(parts) }
  } finally {
    await committer.close()
  }
}

function judgeArchive({ bundle }: Log, into: string): void {
  mkdirSync(into)
  const { status, stderr } = run('tar', ['-x', '-f', '-', '-C', into], bundle)
  const names = readdirSync(into).sort()
  expect(
    'tar',
    'the bundle',
    true,
    status === 0 && names.join() === 'checkpoint,effect,format,payload,tile',
    String(stderr),
  )
  const short = run('tar', ['-t', '-f', '-'], bundle.subarray(0, 5_000))
  expect('tar', 'the bundle, cut', false, short.status === 0)
}

interface GoCase {
  readonly what: string
  readonly accepted: boolean
  readonly kind: 'note' | 'record' | 'consistency' | 'tiles'
  readonly checkpoint: Buffer
  readonly old?: Buffer
  readonly index?: number
  readonly leaf?: Buffer
  readonly proof?: readonly string[]
  readonly dir?: string
  readonly entries?: readonly string[]
}

function judgeWithGo(log: Log, unpacked: string): void {
  const program = join(dir, 'judge')
  const environment = {
    ...process.env,
    GO111MODULE: 'off',
    GOPATH: GO_PATH,
    GOFLAGS: '',
    GOCACHE: join(dir, 'go-cache'),
  }
  if (run('go', ['version']).error !== undefined || !existsSync(join(GO_PATH, 'src/golang.org/x/mod/sumdb/tlog'))) {
    absent++
    console.log(
      'NOT JUDGED: Go and golang.org/x/mod are not there: `apt-get install golang-go golang-golang-x-mod-dev`',
    )
    return
  }
  const built = run('go', ['build', '-o', program, join(import.meta.dirname, 'judge/judge.go')], undefined, environment)
  if (built.status !== 0) throw new Error(`the judge does not build: ${String(built.stderr)}`)
  const cases = [...noteCases(log), ...recordCases(log), ...consistencyCases(log), ...tileCases(log, unpacked)]
  const input = cases.map(({ what: _what, accepted: _accepted, checkpoint, old, leaf, ...rest }) => ({
    ...rest,
    vkey: log.vkey,
    checkpoint: checkpoint.toString('base64'),
    ...(old === undefined ? {} : { old: old.toString('base64') }),
    ...(leaf === undefined ? {} : { leaf: leaf.toString('base64') }),
  }))
  const judged = run(program, [], Buffer.from(JSON.stringify(input)))
  if (judged.status !== 0) throw new Error(`the judge broke off: ${String(judged.stderr)}`)
  const verdicts = JSON.parse(String(judged.stdout)) as string[]
  for (const [place, { what, accepted }] of cases.entries())
    expect('go', what, accepted, verdicts[place] === '', verdicts[place])
  for (const kind of ['note', 'record', 'consistency', 'tiles']) {
    const mine = cases.filter((one) => one.kind === kind)
    const good = mine.filter(({ accepted }) => accepted).length
    console.log(`go ${kind.padEnd(12)} ${good} to accept, ${mine.length - good} mutations to reject`)
  }
}

/** Every byte of a checkpoint flipped. Base64 has spare bits that Go ignores and the verifier does not: there the signature stays the same. */
function* noteCases({ checkpoint }: Log): Generator<GoCase> {
  const note = Buffer.from(checkpoint)
  yield { what: 'the checkpoint', accepted: true, kind: 'note', checkpoint: note }
  const signature = (bytes: Buffer): string =>
    Buffer.from(/ (\S+)\n$/.exec(bytes.toString())?.[1] ?? '', 'base64').toString('hex')
  for (let at = 0; at < note.length; at++) {
    const flipped = Buffer.from(note)
    flipped[at] = (flipped[at] as number) ^ (1 << (at % 7))
    const same =
      flipped.length - at < 6 && signature(flipped) === signature(note) && flipped.toString('latin1').endsWith('=\n')
    if (!same) yield { what: `the checkpoint, byte ${at} flipped`, accepted: false, kind: 'note', checkpoint: flipped }
  }
}

function* recordCases({ receipts, lines, checkpoint }: Log): Generator<GoCase> {
  const places = [0, 1, 2, Math.floor(receipts.length / 2), receipts.length - 2, receipts.length - 1]
  for (const { index, record, proof } of places.map((place) => receipts[place] as Receipt)) {
    const { hashes, checkpoint: note } = parseTlogProof(proof)
    const path = hashes.map(base64)
    const good = {
      kind: 'record',
      checkpoint: Buffer.from(note),
      index,
      leaf: Buffer.from(`${record}\n`),
      proof: path,
    } as const
    const bad = (what: string, change: Partial<GoCase>): GoCase => ({
      ...good,
      ...change,
      accepted: false,
      what: `receipt ${index}, ${what}`,
    })
    yield { ...good, accepted: true, what: `receipt ${index}` }
    yield bad('another record', { leaf: Buffer.from(`${lines[index === 0 ? 1 : 0]}\n`) })
    yield bad('the record without its newline', { leaf: Buffer.from(record) })
    yield bad('re-attributed', { leaf: Buffer.from(`${record.replace('"actor":"agent"', '"actor":"other"')}\n`) })
    yield bad('another index', { index: index + 1 })
    if (index > 0) yield bad('an index before', { index: index - 1 })
    yield bad('the latest checkpoint', { checkpoint: Buffer.from(checkpoint), proof: [...path, ...path] })
    yield bad('a hash more', { proof: [...path, base64('00'.repeat(32) as Hash)] })
    for (const [place, hash] of hashes.entries()) {
      yield bad(`hash ${place} gone`, { proof: path.toSpliced(place, 1) })
      yield bad(`hash ${place} flipped`, { proof: path.with(place, base64(flipHash(hash))) })
      if (place > 0)
        yield bad(`hash ${place} swapped`, { proof: path.with(place, path[place - 1]!).with(place - 1, path[place]!) })
    }
  }
}

function* consistencyCases({ lines, checkpoint, old, oldSize }: Log): Generator<GoCase> {
  const tiles = new Map<string, Uint8Array>()
  const tree = Tree.restore(0, (level, index) => tiles.get(`${level}/${index}`) ?? new Uint8Array(), [])
  for (const line of lines) {
    tree.append(leafHash(line))
    for (const { level, index, hashes } of tree.takeFullTiles()) tiles.set(`${level}/${index}`, hashes)
  }
  const path = consistencyProof(tree, oldSize, lines.length)
  const proof = path.map(base64)
  const good = { kind: 'consistency', checkpoint: Buffer.from(checkpoint), old: Buffer.from(old), proof } as const
  const bad = (what: string, change: Partial<GoCase>): GoCase => ({
    ...good,
    ...change,
    accepted: false,
    what: `consistency, ${what}`,
  })
  yield { ...good, accepted: true, what: 'consistency' }
  yield bad('the other way round', { checkpoint: Buffer.from(old), old: Buffer.from(checkpoint) })
  yield bad('a hash more', { proof: [...proof, proof[0] as string] })
  for (const [place, hash] of path.entries()) {
    yield bad(`hash ${place} gone`, { proof: proof.toSpliced(place, 1) })
    yield bad(`hash ${place} flipped`, { proof: proof.with(place, base64(flipHash(hash))) })
  }
}

function* tileCases({ checkpoint, lines }: Log, unpacked: string): Generator<GoCase> {
  const entries = lines.map((line) => Buffer.from(`${line}\n`).toString('base64'))
  const good = { kind: 'tiles', checkpoint: Buffer.from(checkpoint), dir: unpacked, entries } as const
  yield { ...good, accepted: true, what: 'all tiles and entries' }
  yield {
    ...good,
    accepted: false,
    what: 'two entries swapped',
    entries: entries.with(3, entries[4]!).with(4, entries[3]!),
  }
  yield { ...good, accepted: false, what: 'an entry gone', entries: entries.slice(1) }
  const tiles = readdirSync(join(unpacked, 'tile'), { recursive: true, encoding: 'utf8' }).filter(
    (path) => /^[0-9].*\/(\d{3}|\d+)$/.test(path) && !path.endsWith('.p'),
  )
  for (const [place, path] of tiles.entries()) {
    const content = readOrNull(join(unpacked, 'tile', path))
    if (content === null) continue
    for (const what of ['flipped', 'cut'] as const) {
      const copy = join(dir, `tiles-${place}-${what}`)
      run('cp', ['-r', unpacked, copy])
      const at = randomInt(content.length)
      const changed = Buffer.from(content)
      changed[at] = (changed[at] as number) ^ 1
      writeFileSync(join(copy, 'tile', path), what === 'flipped' ? changed : content.subarray(0, -32))
      yield { ...good, accepted: false, dir: copy, what: `tile ${path} ${what} at ${at}` }
    }
  }
}

function judgeWithOpenssl({ vkey, checkpoint }: Log): void {
  if (run('openssl', ['version']).error !== undefined) {
    absent++
    console.log('NOT JUDGED: `openssl` is not there')
    return
  }
  const raw = Buffer.from(vkey.split('+').slice(2).join('+'), 'base64').subarray(1)
  const publicKey = createPublicKey({
    ...{ key: Buffer.concat([Buffer.from('302a300506032b6570032100', 'hex'), raw]), format: 'der', type: 'spki' },
  })
  writeFileSync(join(dir, 'key.pem'), publicKey.export({ format: 'pem', type: 'spki' }))
  const note = parseNote(Buffer.from(checkpoint))
  const signature = note.signatures[0]?.bytes ?? Buffer.alloc(0)
  const judged = (text: Buffer, bytes: Buffer): boolean => {
    writeFileSync(join(dir, 'text'), text)
    writeFileSync(join(dir, 'signature'), bytes)
    const files = ['-inkey', join(dir, 'key.pem'), '-in', join(dir, 'text'), '-sigfile', join(dir, 'signature')]
    const accepted = run('openssl', ['pkeyutl', '-verify', '-pubin', '-rawin', ...files]).status === 0
    expect('verifier', 'the same as openssl', accepted, isSigned(text, publicKey, bytes))
    return accepted
  }
  const text = Buffer.from(note.text)
  expect('openssl', 'the signature', true, judged(text, signature))
  let mutations = 0
  for (const at of [0, 10, text.length - 1])
    expect('openssl', `the text, byte ${at}`, false, judged(flipByte(text, at), signature), String(mutations++))
  for (const at of [0, 31, 32, 63])
    expect('openssl', `the signature, byte ${at}`, false, judged(text, flipByte(signature, at)), String(mutations++))
  console.log(`openssl         1 to accept, ${mutations} mutations to reject`)
}

function expect(who: string, what: string, wanted: boolean, came: boolean, why = ''): void {
  if (wanted === came) return
  disagreements++
  console.log(`DISAGREES: ${who}: ${what}: ${came ? 'accepted' : 'refused'} ${why}`)
}

function run(command: string, args: readonly string[], input?: Buffer, env = process.env): SpawnSyncReturns<Buffer> {
  return spawnSync(command, args, { input, env, maxBuffer: 2 ** 26 })
}
function flipByte(bytes: Buffer, at: number): Buffer {
  const flipped = Buffer.from(bytes)
  flipped[at] = (flipped[at] as number) ^ 1
  return flipped
}
function base64(hash: Hash): string {
  return Buffer.from(hash, 'hex').toString('base64')
}
function flipHash(hash: Hash): Hash {
  return flipByte(Buffer.from(hash, 'hex'), 7).toString('hex') as Hash
}
function readOrNull(path: string): Buffer | null {
  try {
    return readFileSync(path)
  } catch {
    return null // a folder
  }
}
