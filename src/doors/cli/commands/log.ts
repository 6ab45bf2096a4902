/** `plinth log tail|show|export|stream`: records as they are stored. `--json` prints one record a line. */
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import type { Page, Self } from '../../../engine/engine.ts'
import { Problem, problem } from '../../../model/problems.ts'
import type { Outcome } from '../../../model/operation.ts'
import type { LogRecord } from '../../../model/record.ts'
import type { StoredRecord } from '../../../storage/storage.ts'
import { unknownWord, type CommandCall } from '../command.ts'
import { dataDirectory, findConnection, type Connection } from '../connection.ts'
import { EXIT, type ExitCode } from '../exit-codes.ts'
import { request } from '../http-client.ts'
import { time } from '../table.ts'
import { anchorNow, listAnchors } from './anchors.ts'
import { gossip } from './gossip.ts'
import { keys, recover, rotateKey } from './log-keys.ts'
import { resume } from './log-resume.ts'
import { witnesses } from './log-witnesses.ts'
import { printable, type Terminal } from '../terminal.ts'

const TAIL_DEFAULT = 20 // records
const TAIL_MAX = 200 // records, one page of the HTTP door
const FOLLOW_EVERY_MS = 500
const POSITION_MAX = 2 ** 53 - 1

export async function run(call: CommandCall): Promise<ExitCode> {
  const [word, position] = call.words
  if (word === 'export') return await exportLog(call, position)
  if (word === 'import') return await importLog(call, position)
  if (word === 'stream') return await proveStream(call, position)
  if (word === 'gossip') return await gossip(call, position)
  if (word === 'anchor') return await anchorNow(call)
  if (word === 'anchors') return await listAnchors(call)
  if (word === 'witnesses') return await witnesses(call)
  if (word === 'resume') return await resume(call)
  if (word === 'rotate-key') return await rotateKey(call)
  if (word === 'recover') return await recover(call)
  if (word === 'keys') return await keys(call, position, await newestCheckpoint(call))
  const connection = await findConnection(call.options)
  if (word === 'show') return await show(connection, position, call.terminal)
  if (word === 'tail') return await tail(connection, call)
  throw unknownWord('log', word, [
    'tail',
    'show',
    'export',
    'import',
    'stream',
    'gossip',
    'anchor',
    'anchors',
    'witnesses',
    'resume',
    'rotate-key',
    'keys',
    'recover',
  ])
}

async function exportLog(call: CommandCall, file: string | undefined): Promise<ExitCode> {
  const { options, terminal, composition } = call
  const format = options.text('format') ?? 'bundle'
  if (file === undefined) throw problem('usage', 'say where to: `plinth log export FILE`', { command: 'log' })
  if (format !== 'bundle' && format !== 'jsonl')
    throw problem('usage', `\`${format}\` is none of \`bundle\`, \`jsonl\``, { command: 'log' })
  const checkpoint = options.flag('witnessed') ? await witnessedCheckpoint(call) : await newestCheckpoint(call)
  const exported = await composition.exportLog(dataDirectory(options), file, format, checkpoint)
  if (terminal.json) terminal.data(JSON.stringify({ kind: 'exported', format, ...exported }))
  else
    terminal.data(`${exported.file}: ${exported.records} records, ${exported.bytes} bytes, root ${exported.rootHash}`)
  return exported.matchesCheckpoint === false ? EXIT.proofFailed : EXIT.ok
}

async function proveStream(call: CommandCall, stream: string | undefined): Promise<ExitCode> {
  const { options, terminal, composition } = call
  const file = options.text('proof')
  if (stream === undefined || file === null)
    throw problem('usage', 'say which and where to: `plinth log stream ENTITY/ID --proof FILE`', { command: 'log' })
  const written = await composition.streamProof(dataDirectory(options), stream, file, await newestCheckpoint(call))
  if (terminal.json) terminal.data(JSON.stringify({ kind: 'stream-proof', ...written }))
  else
    terminal.data(
      printable(
        `${written.file}: ${written.events === 0 ? `no stream \`${stream}\`` : `${written.events} events of \`${stream}\``}, as of #${written.asOf} (${written.streams} streams)`,
      ),
    )
  return EXIT.ok
}

/** The newest that witnesses have cosigned: of the running system, or as the last one has left it. @throws `level-unavailable` */
async function witnessedCheckpoint({ options }: CommandCall): Promise<string> {
  try {
    return await request<string>(await findConnection(options), '/v1/checkpoint/witnessed')
  } catch (error) {
    if (!(error instanceof Problem) || error.code !== 'system-unreachable') throw error
    return await readFile(join(dataDirectory(options), 'witnessed.note'), 'utf8').catch(() => {
      throw problem('level-unavailable', 'nothing of this log is witnessed yet')
    })
  }
}

async function importLog({ options, terminal, composition }: CommandCall, file: string | undefined): Promise<ExitCode> {
  if (file === undefined) throw problem('usage', 'say what: `plinth log import FILE`', { command: 'log' })
  const root = options.text('root')
  if (root !== null && !/^[0-9a-f]{64}$/.test(root))
    throw problem('usage', '`--root` is the root hash that must come out, 64 hexadecimal digits', { command: 'log' })
  const stop = new AbortController()
  const interrupt = (): void => stop.abort()
  process.once('SIGINT', interrupt)
  const imported = await composition.importLog(dataDirectory(options), file, root, stop.signal)
  process.removeListener('SIGINT', interrupt)
  if (terminal.json) terminal.data(JSON.stringify({ kind: 'imported', ...imported }))
  else terminal.data(`${imported.records} records of ${printable(imported.origin)}, root ${imported.rootHash}`)
  return EXIT.ok
}

/** Of the running system; null when none runs. */
async function newestCheckpoint({ options }: CommandCall): Promise<string | null> {
  try {
    return await request<string>(await findConnection(options), '/v1/checkpoint')
  } catch (error) {
    if (error instanceof Problem && error.code === 'system-unreachable') return null
    throw error
  }
}

async function show(connection: Connection, word: string | undefined, terminal: Terminal): Promise<ExitCode> {
  const position = word?.startsWith('op_') === true ? await positionOf(connection, word) : word
  if (position === undefined || !/^(0|[1-9][0-9]{0,15})$/.test(position))
    throw problem('usage', 'say a position or an operation: `plinth log show 12`', { command: 'log' })
  const [record] = await recordsFrom(connection, Number(position), 1)
  if (record === undefined) throw problem('invalid-position', `the log has no record at ${position}`)
  terminal.data(terminal.json ? json(record) : pretty(record))
  return EXIT.ok
}

/** @throws `invalid-position` for an operation whose record is not in the log: refused, denied, or only a read */
async function positionOf(connection: Connection, operation: string): Promise<string> {
  const outcome = await request<Outcome>(connection, `/v1/operations/${encodeURIComponent(operation)}`)
  if (outcome.kind === 'committed' || outcome.kind === 'awaiting') return String(outcome.position)
  throw problem('invalid-position', `\`${operation}\` is ${outcome.kind}: see \`plinth why ${operation}\``)
}

async function tail(connection: Connection, { options, terminal }: CommandCall): Promise<ExitCode> {
  const limit = options.number('limit', TAIL_MAX) ?? TAIL_DEFAULT
  let from = options.number('from', POSITION_MAX) ?? (await firstOfLast(connection, limit))
  for (;;) {
    const records = await recordsFrom(connection, from, limit)
    for (const record of records) terminal.data(terminal.json ? json(record) : line(record))
    from = (records.at(-1)?.position ?? from - 1) + 1
    if (!options.flag('follow')) return EXIT.ok
    if (records.length < limit) await sleep(FOLLOW_EVERY_MS)
  }
}

async function firstOfLast(connection: Connection, limit: number): Promise<number> {
  const self = await request<Self>(connection, '/v1/self')
  return Math.max(0, self.position + 1 - limit)
}

const recordsFrom = async (connection: Connection, from: number, limit: number): Promise<readonly StoredRecord[]> =>
  (await request<Page<StoredRecord>>(connection, '/v1/records', { query: { from, limit } })).items

const parsed = (record: StoredRecord): LogRecord => JSON.parse(record.line) as LogRecord

const payload = (record: StoredRecord): unknown => (record.payload === null ? null : JSON.parse(record.payload))

const json = (record: StoredRecord): string =>
  JSON.stringify({ kind: 'record', position: record.position, record: parsed(record), payload: payload(record) })

const pretty = (record: StoredRecord): string =>
  JSON.stringify({ position: record.position, record: parsed(record), payload: payload(record) }, null, 2)

function line(record: StoredRecord): string {
  const { kind, t, actor, op, ...rest } = parsed(record)
  const what = 'stream' in rest ? `${rest.stream} v${rest.n} ${rest.type}` : `${rest.action} ${rest.state}`
  return printable(`#${record.position}  ${time(t)}  ${kind.padEnd(9)}  ${actor}  ${what}  ${op}`)
}
