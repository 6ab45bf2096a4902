/** Folding streams anew, as a rebuild of read models does: through the sandbox, and in this process as a limit. */
import { account } from '../application/index.ts'
import { rebuildStreams } from '../../src/engine/verify-fold.ts'
import type { Position } from '../../src/model/ids.ts'
import type { Release } from '../../src/model/manifest.ts'
import type { Sandbox } from '../../src/sandbox/sandbox.ts'
import { openSqliteReader, type SqliteReader } from '../../src/storage/sqlite/reader.ts'
import { EVENTS_PER_ACCOUNT } from './big-log.ts'

const STREAMS_PER_CALL = 100 // as a rebuild takes them

export async function foldRates(
  dir: string,
  release: Release,
  sandbox: Sandbox,
  events: number,
): Promise<{ readonly rebuild: number; readonly foldDirectly: number }> {
  await sandbox.load(release.id, release.bundle)
  const reader = openSqliteReader(dir)
  try {
    const streams = Math.max(1, Math.floor(events / EVENTS_PER_ACCOUNT))
    const signal = new AbortController().signal
    const at = reader.head().position
    const parts = { reader, sandbox, release }
    return {
      rebuild: await rate(reader, at, streams, async (some) => {
        const rebuilt = await rebuildStreams(parts, 'account', some, at, signal)
        if (rebuilt.some(({ rows }) => rows.length !== 1)) throw new Error('an account has no row')
      }),
      foldDirectly: await rate(reader, at, streams, async (some) => {
        for (const stream of some) foldDirectly(reader, stream, at)
      }),
    }
  } finally {
    reader.close()
  }
}

/** Events per second. */
async function rate(
  reader: SqliteReader,
  at: Position,
  streams: number,
  fold: (some: ReturnType<SqliteReader['streams']>) => Promise<void>,
): Promise<number> {
  const startedMs = performance.now()
  let done = 0
  for (let after: string | null = null; done < streams;) {
    const some = reader.streams('account', after, at, Math.min(STREAMS_PER_CALL, streams - done))
    const last = some.at(-1)
    if (last === undefined) break
    await fold(some)
    done += some.length
    after = last.slice('account/'.length)
  }
  return (done * EVENTS_PER_ACCOUNT * 1000) / (performance.now() - startedMs)
}

function foldDirectly(reader: SqliteReader, stream: ReturnType<SqliteReader['streams']>[number], at: Position): string {
  const evolve = account.evolve as Readonly<Record<string, (state: unknown, data: unknown, id: string) => unknown>>
  let state: unknown
  for (const { type, data } of reader.events(stream, 0, at, EVENTS_PER_ACCOUNT))
    state = evolve[type]?.(state, JSON.parse(data), stream)
  return JSON.stringify(state)
}
