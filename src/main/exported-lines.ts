/** The records of an exported log, in order, whichever form it has: a bundle (tar) or JSON lines. Each is compared with its payload's hash on the way. */
import { open } from 'node:fs/promises'
import { hash } from 'node:crypto'
import { readJsonLine, type JsonLinesRecord } from '../event-log/export-jsonl.ts'
import { readBundle } from '../event-log/read-bundle.ts'
import { Problem, problem } from '../model/problems.ts'
import { parseRecord } from '../model/record-line.ts'
import type { LogRecord } from '../model/record.ts'

const LINE_CHARACTERS_MAX = 64 << 20

export interface ExportedLine {
  readonly record: LogRecord
  readonly stored: JsonLinesRecord
  /** Of the record, from 1: the line of a file of JSON lines. */
  readonly number: number
}

/** @throws `usage` when the file cannot be read, `storage-damaged` with the number of a record that is not as it was written */
export async function* exportedLines(file: string, signal: AbortSignal): AsyncGenerator<ExportedLine> {
  if (await isBundle(file)) return yield* linesOfBundle(file, signal)
  for await (const { text, number } of linesOf(file)) {
    signal.throwIfAborted()
    yield readLine(number, () => readJsonLine(text))
  }
}

/** The checkpoint in a bundle, as it was signed; null for JSON lines, which hold none. */
export async function exportedCheckpoint(file: string, signal: AbortSignal): Promise<string | null> {
  if (!(await isBundle(file))) return null
  for await (const part of readBundle(file, signal)) if (part.kind === 'checkpoint') return part.text
  return null
}

export const damaged = (number: number, what: string): Problem => problem('storage-damaged', `line ${number}: ${what}`)

async function isBundle(file: string): Promise<boolean> {
  const handle = await opened(file)
  try {
    const { buffer, bytesRead } = await handle.read(Buffer.alloc(7), 0, 7, 0)
    return bytesRead === 7 && buffer.toString('latin1') === 'format\0'
  } finally {
    await handle.close()
  }
}

/** Effects come behind the records that name them, in their order. */
async function* linesOfBundle(file: string, signal: AbortSignal): AsyncGenerator<ExportedLine> {
  let waiting: readonly { readonly line: string; readonly payload: string | null; readonly position: number }[] = []
  const flush = function* (effects: readonly (string | null)[]): Generator<ExportedLine> {
    let next = 0
    for (const { line, payload, position } of waiting)
      yield readLine(
        position + 1,
        (record) => {
          const listed = record?.kind === 'operation' ? record.effects : []
          const own = effects.slice(next, next + listed.length)
          next += listed.length
          if (payload !== null && hash('sha256', payload, 'hex') !== record?.payload.hash)
            throw damaged(position + 1, 'a payload does not match its hash')
          if (own.some((effect, place) => effect !== null && hash('sha256', effect, 'hex') !== listed[place]?.hash))
            throw damaged(position + 1, 'an effect does not match its hash')
          return { line, payload, effects: own }
        },
        line,
      )
    waiting = []
  }
  for await (const part of readBundle(file, signal)) {
    if (part.kind === 'effects') yield* flush(part.payloads)
    if (part.kind !== 'records') continue
    yield* flush([])
    waiting = part.records
  }
  yield* flush([])
}

function readLine(number: number, read: (record: LogRecord | null) => JsonLinesRecord, line?: string): ExportedLine {
  try {
    const known = line === undefined ? null : parseRecord(line)
    const stored = read(known)
    const record = known ?? parseRecord(stored.line)
    if (record === null) throw damaged(number, 'is no record')
    return { record, stored, number }
  } catch (error) {
    if (error instanceof Problem && !error.detail.startsWith('line ')) throw damaged(number, error.detail)
    throw error
  }
}

/** Lines of a file of any size; memory is that of one line. @throws `usage`, `limit-exceeded` */
async function* linesOf(file: string): AsyncGenerator<{ readonly text: string; readonly number: number }> {
  const handle = await opened(file)
  let rest = ''
  let number = 0
  for await (const chunk of handle.createReadStream({ encoding: 'utf8', highWaterMark: 1 << 20 })) {
    const parts = (rest + String(chunk)).split('\n')
    rest = parts.pop() ?? ''
    if (rest.length > LINE_CHARACTERS_MAX)
      throw problem('limit-exceeded', `line ${number + 1} is longer than ${LINE_CHARACTERS_MAX} characters`)
    for (const text of parts) yield { text, number: ++number }
  }
  if (rest !== '') yield { text: rest, number: ++number }
}

const opened = (file: string) =>
  open(file, 'r').catch((cause: unknown) => {
    throw problem('usage', `\`${file}\` could not be read: ${(cause as Error).message}`, {}, cause)
  })
