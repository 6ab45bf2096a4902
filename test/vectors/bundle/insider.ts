/**
 * A system's own log as an insider would go on with it who has the log's key, and whose runtime asks nobody: an operation of before done once more, or
 * what an operation says of itself made to say something else. Every hash, link and signature is right again.
 */
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { TestContext } from 'node:test'
import { exportLog } from '../../../src/main/export-log.ts'
import { sha256Hex, type Position } from '../../../src/model/ids.ts'
import { canonicalJson, type Json, type JsonObject } from '../../../src/model/json.ts'
import { leafHash } from '../../../src/model/merkle.ts'
import { openSqliteReader } from '../../../src/storage/sqlite/reader.ts'
import { parseKey, type Trust } from '../../../verifier/verify.ts'
import { temporaryDirectory, type Bank } from '../../support/bank-system.ts'
import { stolenKey } from '../../support/log-key.ts'
import { bundleOf, checkpointOf, pack, unpack, type Raw } from './forge.ts'

type Line = JsonObject & {
  readonly kind: string
  readonly stream: string
  readonly action: string
  readonly state: string
  readonly tx: { readonly i: number; readonly n: number }
}
export interface Insider {
  readonly trust: Trust
  /** As the system itself exports it. */
  readonly sound: Buffer
  /** @param change of the records, in place; what links and hashes them is made to fit afterwards */
  forged(change: (records: Record[]) => void): Promise<Buffer>
}
export interface Record {
  line: Line
  payload: JsonObject
  effects: readonly string[]
}

/** Closes the bank. */
export async function insiderOf(context: TestContext, bank: Bank): Promise<Insider> {
  await bank.close()
  const file = join(await temporaryDirectory(context), 'log.tar')
  await exportLog(bank.dir, file, 'bundle', null)
  const sound = await readFile(file)
  const key = async (name: string) => parseKey((await readFile(join(bank.dir, name), 'utf8')).trim())
  const grounds = unpack(sound).filter(({ name }) => /^(authority|release)\//.test(name))
  return {
    trust: { logs: [await key('log.vkey')], operators: [await key('authority/root.vkey')], policy: null, heads: [] },
    sound,
    async forged(change) {
      const records = recordsOf(bank.dir)
      change(records)
      const raw = linked(records)
      const signer = stolenKey(bank.dir)
      const members = unpack(await bundleOf(raw, checkpointOf(raw, signer.name, signer)))
      const first = members.findIndex(({ name }) => name.startsWith('tile/entries/'))
      return pack(members.toSpliced(first, 0, ...grounds))
    },
  }
}

/** The transaction that ends with the last committed operation of this action. */
export function lastOf(records: readonly Record[], action: string): Record[] {
  const end = records.findLastIndex(({ line }) => line.action === action && line.state === 'committed')
  return records.slice(end + 1 - (records[end]?.line.tx.n ?? 0), end + 1)
}

/** Done once more: the same, under another name, as the last thing that the log holds. */
export function again(transaction: readonly Record[], records: Record[]): void {
  const t = (records.at(-1) as Record).line['t'] as number
  const op = `op_again${records.length}`
  records.push(...transaction.map((record) => ({ ...record, line: { ...record.line, op, t } })))
}

/** @param change of the payload of an operation; what its line and its authority commit to follows */
export function rewritten(record: Record, change: (payload: { [member: string]: Json }) => void): void {
  const payload = structuredClone(record.payload) as { [member: string]: Json }
  change(payload)
  const authority = payload['authority'] as { [member: string]: Json }
  authority['request'] = sha256Hex(canonicalJson(payload['request'] as Json))
  record.payload = payload
  record.line = { ...record.line, gate: sha256Hex(canonicalJson(authority)) }
}

function recordsOf(dir: string): Record[] {
  const reader = openSqliteReader(dir)
  try {
    const sent = reader.effects(-1 as Position, 1_000_000)
    return reader.records(0 as Position, reader.head().treeSize).map(({ position, line, payload }) => ({
      line: JSON.parse(line) as Line,
      payload: JSON.parse(payload ?? 'null') as JsonObject,
      effects: sent.filter((effect) => effect.position === position).map((effect) => effect.payload),
    }))
  } finally {
    reader.close()
  }
}

function linked(records: readonly Record[]): Raw[] {
  const heads = new Map<string, { readonly n: number; readonly leaf: string }>()
  return records.map(({ line, payload, effects }) => {
    const text = typeof payload === 'string' ? (payload as string) : JSON.stringify(payload) // a text is taken as it is
    const hashed = { ...line, payload: { hash: sha256Hex(text), bytes: Buffer.byteLength(text) } }
    const head = heads.get(line.stream)
    const whole =
      line.kind === 'event' ? { ...hashed, n: (head?.n ?? 0) + 1, prev: head?.leaf ?? '' } : hashed
    const written = JSON.stringify(whole)
    if (line.kind === 'event') heads.set(line.stream, { n: (head?.n ?? 0) + 1, leaf: leafHash(written) })
    return { line: written, payload: text, effects }
  })
}
