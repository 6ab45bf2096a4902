/** A real system behind real doors on a free loopback port, and what tests ask of it. One a test file: opening it takes about a second. */
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import type { HttpLimits } from '../../../src/doors/http/limits.ts'
import { openHttpDoor, type HttpDoor } from '../../../src/doors/http/server.ts'
import { openMcpDoor } from '../../../src/doors/mcp/door.ts'
import type { Clock } from '../../../src/host/clock.ts'
import type { McpSurface } from '../../../src/doors/mcp/surface.ts'
import type { Release } from '../../../src/model/manifest.ts'
import { openSystem, type System } from '../../../src/main/open-system.ts'

export interface Ledger {
  readonly system: System
  readonly door: HttpDoor
  readonly url: string
  /** Bearer tokens. */
  readonly agent: string
  readonly operator: string
  readonly frontDoor: string
  /** What the doors reported as bugs, in order. */
  readonly bugs: readonly unknown[]
  /** Position of the last record: a test that nothing was written compares it. */
  head(): Promise<number>
  close(): Promise<void>
}

/** Built once for a test file. */
let release: Release | undefined

/** @param options `clock` is the door's: what the engine does takes its own time */
export async function openLedger(
  options: { surface?: McpSurface; limits?: Partial<HttpLimits>; clock?: Clock } = {},
): Promise<Ledger> {
  const dir = await mkdtemp(join(tmpdir(), 'plinth-doors-'))
  const application = fileURLToPath(new URL('ledger', import.meta.url))
  const system = await openSystem({
    dir,
    application,
    signer: { kind: 'thread' },
    ...(release === undefined ? {} : { release }),
  })
  release = system.release
  const bugs: unknown[] = []
  const onBug = (error: unknown): void => void bugs.push(error)
  const { engine, credentials } = system
  const surface = options.surface === undefined ? {} : { surface: options.surface }
  const mounts = [openMcpDoor({ engine, onBug, ...surface })]
  const limits = options.limits === undefined ? {} : { limits: options.limits }
  const clock = options.clock === undefined ? {} : { clock: options.clock }
  const door = await openHttpDoor({ engine, port: 0, mounts, onBug, ...limits, ...clock })
  const operator = credentials.operator.apiKey
  return {
    system,
    door,
    url: door.url,
    agent: credentials.agent.apiKey,
    operator,
    frontDoor: credentials.frontDoor.apiKey,
    bugs,
    head: async () => (await engine.self({ bearer: operator, onBehalfOf: null }, AbortSignal.timeout(5_000))).position,
    async close() {
      await door.close(2_000)
      await system.close()
      await rm(dir, { recursive: true, force: true })
    },
  }
}

/** One HTTP request. `headers` win over what is sent by default. */
export interface Answer {
  readonly status: number
  readonly headers: Headers
  readonly body: Record<string, unknown>
  readonly text: string
}

export async function ask(
  url: string,
  bearer: string | null,
  init: { method?: string; body?: unknown; headers?: Readonly<Record<string, string>>; timeoutMs?: number } = {},
): Promise<Answer> {
  const response = await fetch(url, {
    ...(init.timeoutMs === undefined ? {} : { signal: AbortSignal.timeout(init.timeoutMs) }),
    method: init.method ?? (init.body === undefined ? 'GET' : 'POST'),
    headers: {
      ...(bearer === null ? {} : { authorization: `Bearer ${bearer}` }),
      ...(init.body === undefined ? {} : { 'content-type': 'application/json' }),
      ...init.headers,
    },
    ...(init.body === undefined ? {} : { body: typeof init.body === 'string' ? init.body : JSON.stringify(init.body) }),
  })
  const text = await response.text()
  const isJson = (response.headers.get('content-type') ?? '').includes('json')
  return {
    status: response.status,
    headers: response.headers,
    text,
    body: isJson ? (JSON.parse(text) as Record<string, unknown>) : {},
  }
}
