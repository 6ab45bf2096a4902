/**
 * Power cuts, simulated: a process runs with every write, truncation and sync written down (record-writes.c); then the disk is rebuilt as it
 * might have been at a random moment. What was synced is there; each later write is there, lost, or torn by sectors. kill -9
 * proves nothing about fsync, because the kernel keeps what the process wrote; this does.
 */
import { spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { cpSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { basename, join, relative } from 'node:path'
import type { Synchronous } from '../../src/storage/sqlite/database.ts'
import { ORIGIN } from '../support/commits.ts'
import { auditDirectory, readAcknowledgements, type Acknowledged, type Audit } from './crash-audit.ts'
import { random } from './random.ts'
import { brokenRows } from './workload-rows.ts'

const SECTOR_BYTES = 512 // the unit a disk writes whole
const CUTS_PER_RECORDING = 50
const ACKNOWLEDGED = 'acknowledged'
const DATABASE = /data\.db(-wal|-shm)?$/
const SIGNED_HEAD = /signer\/head$/

/** Why power cuts cannot be simulated here; null when they can. */
export function powerCutsImpossible(): string | null {
  if (process.platform !== 'linux') return 'power cuts are simulated on Linux only'
  return spawnSync('cc', ['--version']).status === 0 ? null : 'there is no C compiler (`cc`) to build the recorder with'
}

/** One change of a file, in the order in which they happened. */
export type Change =
  | { readonly kind: 'write'; readonly path: string; readonly offset: number; readonly data: Buffer }
  | { readonly kind: 'truncate'; readonly path: string; readonly length: number }
  | { readonly kind: 'sync'; readonly path: string }

/** Builds the recorder. @returns path of the library to preload */
export function buildRecorder(folder: string): string {
  const library = join(folder, 'record-writes.so')
  const source = join(import.meta.dirname, 'record-writes.c')
  const built = spawnSync('cc', ['-O2', '-shared', '-fPIC', '-o', library, source, '-ldl', '-lpthread'], {
    encoding: 'utf8',
  })
  if (built.status !== 0) throw new Error(`the recorder does not compile: ${built.stderr}`)
  return library
}

/** Runs a program to its end with its changes under `dir` recorded. */
export async function record(
  library: string,
  dir: string,
  journal: string,
  program: readonly string[],
): Promise<Change[]> {
  const child = spawn(process.execPath, program, {
    stdio: ['ignore', 'ignore', 'inherit'],
    env: { ...process.env, LD_PRELOAD: library, PLINTH_RECORD_DIR: dir, PLINTH_RECORD_JOURNAL: journal },
  })
  const [code] = (await once(child, 'exit')) as [number | null]
  if (code !== 0) throw new Error(`the recorded program ended with ${code}`)
  return readJournal(readFileSync(journal), dir)
}

function readJournal(journal: Buffer, dir: string): Change[] {
  const changes: Change[] = []
  for (let at = 0; at < journal.length;) {
    const kind = String.fromCharCode(journal.readUInt8(at))
    const pathEnd = at + 21 + journal.readUInt32LE(at + 1)
    const offset = Number(journal.readBigInt64LE(at + 5))
    const end = pathEnd + Number(journal.readBigInt64LE(at + 13))
    const path = relative(dir, journal.toString('utf8', at + 21, pathEnd))
    if (kind === 'W') changes.push({ kind: 'write', path, offset, data: journal.subarray(pathEnd, end) })
    else if (kind === 'T') changes.push({ kind: 'truncate', path, length: offset })
    else changes.push({ kind: 'sync', path })
    at = end
  }
  return changes
}

/** The files as a power cut after the first `until` changes may leave them. */
export function filesAfterCut(changes: readonly Change[], until: number, pick: () => number): Map<string, Buffer> {
  const synced = new Map<string, number>()
  for (let place = 0; place < until; place++) {
    const change = changes[place] as Change
    if (change.kind === 'sync') synced.set(change.path, place)
  }
  const files = new Map<string, GrowingFile>()
  for (let place = 0; place < until; place++) {
    const change = changes[place] as Change
    if (change.kind === 'sync') continue
    const file = files.get(change.path) ?? new GrowingFile()
    files.set(change.path, file)
    const durable = place < (synced.get(change.path) ?? -1)
    if (!durable && pick() < 0.5) continue
    if (change.kind === 'truncate') file.truncate(change.length)
    else if (durable || pick() < 0.5) file.write(change.offset, change.data)
    else
      for (let start = 0; start < change.data.length; start += SECTOR_BYTES)
        if (pick() < 0.5) file.write(change.offset + start, change.data.subarray(start, start + SECTOR_BYTES))
  }
  return new Map([...files].map(([path, file]) => [path, file.bytes()]))
}

class GrowingFile {
  #bytes = Buffer.alloc(65_536)
  #length = 0
  write(offset: number, data: Buffer): void {
    while (this.#bytes.length < offset + data.length)
      this.#bytes = Buffer.concat([this.#bytes, Buffer.alloc(this.#bytes.length)])
    data.copy(this.#bytes, offset)
    this.#length = Math.max(this.#length, offset + data.length)
  }
  truncate(length: number): void {
    if (length < this.#length) this.#bytes.fill(0, length, this.#length)
    this.#length = length
  }
  bytes(): Buffer {
    return this.#bytes.subarray(0, this.#length)
  }
}

/** What is recorded, and what must hold of what a cut leaves of it. */
export interface PowerCutSubject {
  /** Arguments of a program that works in this folder, writes acknowledgements to `acknowledged` in it, and ends. */
  program(folder: string, seed: number): readonly string[]
  /** Where in that folder the data directory is. */
  readonly data: string
  audit(dir: string, acknowledged: readonly Acknowledged[]): Promise<Audit>
}

export const committerSubject = (synchronous: Synchronous = 'FULL', callers = 8, operations = 40): PowerCutSubject => ({
  program: (folder, seed) => [
    join(import.meta.dirname, 'committer-workload.ts'),
    ...[folder, seed, callers, operations, synchronous].map(String),
  ],
  data: '.',
  audit: (dir, acknowledged) => auditDirectory(dir, ORIGIN, acknowledged, brokenRows),
})

export interface PowerCutOptions {
  readonly cuts: number
  readonly subject?: PowerCutSubject
  readonly firstSeed?: number
  readonly onCut?: (cut: { readonly seed: number; readonly audit: Audit }) => void
}
export interface PowerCutReport {
  readonly cuts: number
  readonly acknowledged: number
  readonly records: number
  readonly cutsWithLoss: number
  readonly broken: readonly string[]
}

/** Records the subject at work, and audits the disk after cuts at random moments. */
export async function powerCuts({
  cuts,
  subject = committerSubject(),
  firstSeed = 1,
  onCut,
}: PowerCutOptions): Promise<PowerCutReport> {
  const scratch = mkdtempSync(join(tmpdir(), 'plinth-power-'))
  const report = { cuts: 0, acknowledged: 0, records: 0, cutsWithLoss: 0, broken: [] as string[] }
  try {
    const library = buildRecorder(scratch)
    for (let seed = firstSeed; report.cuts < cuts; seed++) {
      const folder = join(scratch, `recorded-${seed}`)
      mkdirSync(folder)
      const changes = await record(library, folder, join(scratch, `journal-${seed}`), subject.program(folder, seed))
      const first = changes.findIndex(({ path }) => path === ACKNOWLEDGED)
      const pick = random(`power ${seed}`)
      for (let cut = 0; cut < CUTS_PER_RECORDING && report.cuts < cuts; cut++) {
        const until = first + Math.floor(pick() * (changes.length - first + 1))
        const disk = join(scratch, 'disk')
        layOut(disk, folder, filesAfterCut(changes, until, pick))
        const audit = await subject.audit(join(disk, subject.data), toldBefore(changes, until))
        rmSync(disk, { recursive: true })
        report.cuts++
        report.acknowledged += audit.acknowledged
        report.records += audit.records
        if (audit.broken.length > 0) report.cutsWithLoss++
        report.broken.push(...audit.broken.map((what) => `seed ${seed}, cut after ${until} changes: ${what}`))
        onCut?.({ seed, audit })
      }
      rmSync(folder, { recursive: true })
      rmSync(join(scratch, `journal-${seed}`))
    }
    return report
  } finally {
    rmSync(scratch, { recursive: true })
  }
}

/** The disk after the cut: database and signed head as they were rebuilt; small files that were there before the first answer, as they are. */
function layOut(disk: string, recorded: string, files: ReadonlyMap<string, Buffer>): void {
  const rebuilt = (path: string): boolean =>
    DATABASE.test(path) || SIGNED_HEAD.test(path) || basename(path) === ACKNOWLEDGED
  cpSync(recorded, disk, { recursive: true, filter: (path) => !rebuilt(path) && !path.endsWith('.sock') })
  for (const [path, bytes] of files)
    if (/\.db(-wal)?$/.test(path) || SIGNED_HEAD.test(path)) writeFileSync(join(disk, path), bytes)
}

/** Callers live elsewhere: what they were told is what had been written down, synced or not. */
function toldBefore(changes: readonly Change[], until: number): Acknowledged[] {
  const told = changes
    .slice(0, until)
    .flatMap((change) => (change.kind === 'write' && change.path === ACKNOWLEDGED ? [change.data] : []))
  return readAcknowledgements(Buffer.concat(told).toString())
}
