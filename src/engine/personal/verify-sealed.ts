/**
 * The part of an audit that is about personal data: what is sealed opens under keys that are there, or an erasure of this log says why it does not.
 * Erased, missing and changed are three different things.
 */
import { setImmediate } from 'node:timers/promises'
import { ERASURE } from '../engine-streams.ts'
import type { Finding } from '../../event-log/verify.ts'
import { streamParts, type Position } from '../../model/ids.ts'
import { mayBeSealed, sealedPartOf, type Erasure } from '../../model/personal.ts'
import { parseRecord } from '../../model/record-line.ts'
import { openDocument, type Standing } from '../../personal-data/documents.ts'
import { contextOfLine } from '../../personal-data/opening-reader.ts'
import type { StorageReader } from '../../storage/storage.ts'

export interface SealedReport {
  readonly findings: readonly Finding[]
  /** Records of which personal data were erased. */
  readonly erased: number
  readonly notChecked: readonly string[]
}
const PAGE_RECORDS = 100 // what is read of a page is gone before the next, and never grows old
const FINDINGS_MAX = 20

/** @param keys null: the key store is not at hand, so nothing is opened */
export async function verifySealed(
  stored: StorageReader,
  keys: { standing(kid: string): Standing } | null,
  head: Position,
  signal: AbortSignal,
): Promise<SealedReport> {
  const erasedBy = await erasedKeys(stored, head, signal)
  const findings: Finding[] = []
  const find = (position: number | null, what: string): void => {
    if (findings.length < FINDINGS_MAX) findings.push({ position, what })
  }
  for (const [kid, position] of erasedBy)
    if (keys?.standing(kid).kind === 'live') find(position, `key \`${kid}\`, which this record erased, is still there`)
  let erased = 0
  let unopened = 0
  let elsewhere = 0
  await eachRecord(stored, head, signal, (position, line, payload) => {
    if (payload === null || !mayBeSealed(payload)) return
    const { kids } = sealedPartOf(JSON.parse(payload)) ?? { kids: [] }
    if (kids.length === 0) return
    if (kids.some((kid) => erasedBy.has(kid))) return void (erased += 1)
    if (keys === null) return void (unopened += 1)
    const opened = openDocument(payload, (kid) => keys.standing(kid), contextOfLine(line))
    if (opened.kind === 'erased') elsewhere += 1
    if (opened.kind === 'missing')
      find(position, `missing: the key of its personal data is not there, and no erasure covers it`)
    if (opened.kind === 'tampered') find(position, 'its personal data do not open under their key')
  })
  const notChecked: string[] = []
  if (unopened > 0) notChecked.push(`${unopened} sealed records: the key store of data subjects is not at hand`)
  if (elsewhere > 0)
    notChecked.push(
      `${elsewhere} records whose keys were destroyed by an erasure that this log does not hold: it is from before`,
    )
  return { findings, erased, notChecked }
}

async function erasedKeys(
  stored: StorageReader,
  head: Position,
  signal: AbortSignal,
): Promise<ReadonlyMap<string, number>> {
  const erased = new Map<string, number>()
  const marker = `"stream":"${ERASURE}/`
  await eachRecord(stored, head, signal, (position, line, payload) => {
    if (!line.includes(marker) || payload === null) return
    const record = parseRecord(line)
    if (record?.kind !== 'event' || streamParts(record.stream).entity !== ERASURE) return
    for (const kid of (JSON.parse(payload) as Partial<Erasure>).kids ?? []) erased.set(kid, position)
  })
  return erased
}

async function eachRecord(
  stored: StorageReader,
  head: Position,
  signal: AbortSignal,
  visit: (position: number, line: string, payload: string | null) => void,
): Promise<void> {
  for (let from = 0; from <= head;) {
    signal.throwIfAborted()
    const page = stored.records(from as Position, Math.min(PAGE_RECORDS, head + 1 - from))
    if (page.length === 0) return
    for (const { position, line, payload } of page) {
      try {
        visit(position, line, payload)
      } catch (error) {
        if (!(error instanceof SyntaxError)) throw error // a damaged record is the first look's to report
      }
    }
    from += page.length
    await setImmediate()
  }
}
