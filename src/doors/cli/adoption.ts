/** Publishes an authority change, and waits until the running system says that it decides by it. */
import { setTimeout as sleep } from 'node:timers/promises'
import { join } from 'node:path'
import type { Self } from '../../engine/engine.ts'
import { Problem } from '../../model/problems.ts'
import type { Change } from '../../warden/changes.ts'
import { publish } from '../../warden/publish.ts'
import type { ParsedOptions } from './command.ts'
import { dataDirectory, findConnection, type Connection } from './connection.ts'
import { readOperator } from './credential.ts'
import { request } from './http-client.ts'

const ASK_EVERY_MS = 10
const WAIT_MS_MAX = 10_000 // the runtime polls every 2 s where the file system tells it nothing

export type Adoption =
  /** The system answered with this snapshot; `ms` from before signing until the answer. */
  | { readonly kind: 'adopted'; readonly snapshot: number; readonly ms: number }
  /** Signed and durable; nothing runs on this directory, the next start adopts it. */
  | { readonly kind: 'published'; readonly snapshot: number }
  | { readonly kind: 'not-adopted'; readonly snapshot: number; readonly waitedMs: number }

export const authorityFolder = (dir: string): string => join(dir, 'authority')

export async function publishAndWait(options: ParsedOptions, change: Change): Promise<Adoption> {
  const dir = dataDirectory(options)
  const operator = await readOperator(dir)
  const connection = await runningOn(options)
  const startedMs = performance.now()
  const { number } = await publish(authorityFolder(dir), operator.operatorKey, change, Date.now())
  if (connection === null) return { kind: 'published', snapshot: number }
  while (performance.now() - startedMs < WAIT_MS_MAX) {
    const adopted = await adoptedNumber(connection)
    if (adopted === null) return { kind: 'published', snapshot: number }
    if (adopted >= number) return { kind: 'adopted', snapshot: number, ms: performance.now() - startedMs }
    await sleep(ASK_EVERY_MS)
  }
  return { kind: 'not-adopted', snapshot: number, waitedMs: WAIT_MS_MAX }
}

async function runningOn(options: ParsedOptions): Promise<Connection | null> {
  try {
    const connection = await findConnection(options)
    return (await adoptedNumber(connection)) === null ? null : connection
  } catch (error) {
    if (error instanceof Problem && error.code === 'system-unreachable') return null
    throw error
  }
}

/** Null when nothing answers. */
async function adoptedNumber(connection: Connection): Promise<number | null> {
  try {
    return (await request<Self>(connection, '/v1/self')).authority.snapshot
  } catch (error) {
    if (error instanceof Problem && error.code === 'system-unreachable') return null
    throw error
  }
}

export const adoptionLine = (adoption: Adoption): string => {
  switch (adoption.kind) {
    case 'adopted':
      return `snapshot ${adoption.snapshot} is in force: the running system adopted it ${adoption.ms.toFixed(1)} ms after the signature was asked for`
    case 'published':
      return `snapshot ${adoption.snapshot} is signed; nothing runs here, the next start adopts it`
    case 'not-adopted':
      return `snapshot ${adoption.snapshot} is signed, but the running system has not adopted it after ${adoption.waitedMs} ms: see \`plinth policy status\``
    default:
      return adoption satisfies never
  }
}
