/**
 * `plinth log gossip URL|FILE`: takes a head of the log from anyone (another runtime, a witness, a colleague's receipt) and holds it against the
 * one that is kept here. Of two sizes, the log itself is asked for the proof between them; a contradiction is saved.
 */
import { readFile } from 'node:fs/promises'
import type { HeadStore } from '../../../client/log/head-store.ts'
import { LogFault } from '../../../client/log/log-fault.ts'
import { readConsistency } from '../../../client/log/shown.ts'
import { meetHead, type Meeting } from '../../../client/log/meet-head.ts'
import { Problem, problem } from '../../../model/problems.ts'
import type { Consistency } from '../../../model/receipt.ts'
import type { CommandCall } from '../command.ts'
import { dataDirectory, findConnection, type Connection } from '../connection.ts'
import { EXIT, type ExitCode } from '../exit-codes.ts'
import { headStore, logProblem, pinnedKeys } from '../log-watch.ts'
import { request } from '../http-client.ts'
import { printable } from '../terminal.ts'

const FETCH_MS = 10_000
const HEAD_BYTES_MAX = 1_000_000 // as a note may have

export async function gossip({ options, terminal }: CommandCall, from: string | undefined): Promise<ExitCode> {
  if (from === undefined) throw problem('usage', 'say whose head: `plinth log gossip URL|FILE`', { command: 'log' })
  const vkeys = await pinnedKeys(options, dataDirectory(options))
  const heads: HeadStore | null = headStore(options)
  if (vkeys === null) throw problem('usage', 'the key of the log is needed: `--vkey`', { command: 'log' })
  if (heads === null) throw problem('usage', 'heads are switched off: `--heads FOLDER`', { command: 'log' })
  const text = /^https?:/.test(from) ? await fetched(from) : await read(from)
  const connection = await findConnection(options).catch((error: unknown) => {
    if (error instanceof Problem && error.code === 'system-unreachable') return null
    throw error
  })
  try {
    const met = await meetHead(text, { vkeys, heads, prove: (small, large) => prove(connection, small, large) })
    if (terminal.json) terminal.data(JSON.stringify({ kind: 'gossip', ...met }))
    else terminal.data(printable(`${SAYS[met.result]}: ${met.shown} records there, ${met.kept} kept here`))
    return met.result === 'unknown' ? EXIT.tryAgain : EXIT.ok
  } catch (error) {
    throw error instanceof LogFault ? logProblem(error) : error
  }
}

const SAYS: Readonly<Record<Meeting['result'], string>> = {
  same: 'the same head',
  older: 'an older head of the same log',
  newer: 'a newer head of the same log, kept from now on',
  first: 'the first head of this log, kept from now on',
  unknown: 'both are signed; whether one goes on from the other is not known: the log gave no proof',
}

async function prove(connection: Connection | null, from: number, to: number): Promise<Consistency | null> {
  if (connection === null) return null
  try {
    const unwatched = { ...connection, log: null }
    return readConsistency(await request<unknown>(unwatched, '/v1/log/consistency', { query: { from, to } }))
  } catch (error) {
    if (!(error instanceof Problem)) throw error
    // A log that does not have what was signed of it is asked to its face: then it is the watch that finds it smaller.
    if (error.code === 'invalid-position') await request(connection, '/v1/checkpoint')
    return null
  }
}

/** A system's address stands for its checkpoint; any other address is taken as it is. */
async function fetched(address: string): Promise<string> {
  if (!URL.canParse(address)) throw problem('usage', `\`${address}\` is not an address`, { command: 'log' })
  const url = new URL(address)
  if (url.pathname === '/') url.pathname = '/v1/checkpoint'
  try {
    const response = await fetch(url, { signal: AbortSignal.timeout(FETCH_MS) })
    const text = await response.text()
    if (response.ok) return bounded(text)
    throw problem('system-unreachable', `\`${url.href}\` answers with HTTP status ${response.status}`)
  } catch (cause) {
    if (cause instanceof Problem) throw cause
    throw problem('system-unreachable', `nothing answers at \`${url.href}\``, {}, cause)
  }
}

async function read(file: string): Promise<string> {
  try {
    return bounded(await readFile(file, 'utf8'))
  } catch (cause) {
    if (cause instanceof Problem) throw cause
    throw problem('usage', `\`${file}\` cannot be read`, { command: 'log' }, cause)
  }
}

const bounded = (text: string): string => {
  if (text.length > HEAD_BYTES_MAX) throw problem('usage', 'that is too long for a head', { command: 'log' })
  return text
}
