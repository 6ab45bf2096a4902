/** tools/list and tools/call: from the names of tools to the engine's calls. */
import { randomUUID } from 'node:crypto'
import type { ServerResponse } from 'node:http'
import { ProtocolError, ProtocolErrorCode, type CallToolResult, type Tool } from '@modelcontextprotocol/server'
import type { Engine } from '../../engine/engine.ts'
import type { Level } from '../../model/acknowledgement.ts'
import type { RunId } from '../../model/ids.ts'
import type { Json } from '../../model/json.ts'
import type { Timings } from '../../model/operation.ts'
import type { Credentials } from '../../model/principal.ts'
import { Problem, problem } from '../../model/problems.ts'
import { checkpointOf, type Receipt } from '../../model/receipt.ts'
import { checkedKey, checkedLevel, checkedName, checkedRun } from '../http/parameters.ts'
import { asProblem, problemObject, stoppedFor, timingHeader } from '../http/reply.ts'
import { sizeOf } from '../http/log-headers.ts'
import type { Exchange } from '../http/server.ts'
import { engineTools } from './engine-tools.ts'
import { answerResult, outcomeResult, problemResult } from './results.ts'
import { toolsOf } from './tool-list.ts'

/** Tools of one page of a list. */
export const TOOLS_PAGE = 200

/** One MCP request, behind the protocol. */
export interface Caller {
  readonly credentials: Credentials
  readonly exchange: Exchange
  readonly response: ServerResponse
  /** Header `Plinth-Run`, null when it is not there. */
  readonly run: string | null
}

export interface EngineTools {
  list(caller: Caller, cursor: string | undefined): Promise<{ tools: Tool[]; nextCursor?: string }>
  call(caller: Caller, name: string, input: Json, meta: Readonly<Record<string, unknown>>): Promise<CallToolResult>
}

export function openTools(
  engine: Engine,
  nowUs: () => number,
  onBug: (error: unknown, id: string) => void,
): EngineTools {
  const tools = toolsOf(engine.manifest)
  const own = engineTools(engine)

  async function call(caller: Caller, name: string, input: Json, meta: Readonly<Record<string, unknown>>) {
    const { credentials, exchange } = caller
    checkSince(meta)
    const ownTool = own.get(name)
    if (ownTool !== undefined) {
      if (!ownTool.visible(await engine.surface(credentials, exchange.signal)))
        throw problem('no-such-command', `there is no tool \`${name}\` here`)
      return watched(await ownTool.call(caller, input, levelOf(meta).acknowledge ?? null), meta)
    }
    const run = runOf(caller, meta)
    if (Object.hasOwn(engine.manifest.queries, name)) {
      const asked = await engine.query(credentials, { query: name, input, run, at: null }, exchange.signal)
      showTimings(caller, asked.timings)
      return watched(answerResult(asked.answer), meta)
    }
    // A name that is no command at all goes the same way as one out of scope, so that both get the same answer.
    const intent = {
      command: name,
      input,
      idempotencyKey: keyOf(meta),
      run,
      correlation: nameOf(meta, 'plinth/correlation'),
      causation: nameOf(meta, 'plinth/causation'),
      ...levelOf(meta),
    }
    const { answer, timings } = await engine.submit(credentials, intent, exchange.signal)
    showTimings(caller, timings)
    return watched(outcomeResult(answer), meta)
  }

  /** Whoever says in `_meta` what size of the log it knows gets the proof that this answer's log goes on from there. */
  async function watched(result: CallToolResult, meta: Meta): Promise<CallToolResult> {
    const since = meta['plinth/logSince']
    if (since === undefined) return result
    const known = since as number // checked before the call
    const shown = shownCheckpoint(result)
    const checkpoint = shown === null || sizeOf(shown) < known ? await engine.checkpoint() : shown
    const size = sizeOf(checkpoint)
    const consistency = known <= size ? await engine.consistency(known, size) : null
    return { ...result, _meta: { ...result._meta, 'plinth/log': { checkpoint, consistency } } }
  }

  const showTimings = ({ response, exchange }: Caller, timings: Timings) => {
    if (!response.headersSent) response.setHeader('Plinth-Timing', timingHeader(timings, nowUs() - exchange.startedUs))
  }

  async function list({ credentials, exchange }: Caller, cursor: string | undefined) {
    const surface = await engine.surface(credentials, exchange.signal)
    const names = [...new Set([...surface.queries, ...surface.commands])].filter((name) => !own.has(name))
    const visible = [
      ...names.flatMap((name) => tools.get(name) ?? []),
      ...[...own.values()].filter(({ visible }) => visible(surface)).map(({ tool }) => tool),
    ].sort((a, b) => (a.name < b.name ? -1 : 1))
    const from = cursor === undefined ? 0 : visible.findIndex(({ name }) => name === cursor) + 1
    if (cursor !== undefined && from === 0)
      throw new ProtocolError(ProtocolErrorCode.InvalidParams, 'the cursor is not one that this door gave')
    const page = visible.slice(from, from + TOOLS_PAGE)
    const last = page.at(-1)
    return from + TOOLS_PAGE < visible.length && last !== undefined
      ? { tools: page, nextCursor: last.name }
      : { tools: page }
  }

  return {
    async list(caller, cursor) {
      try {
        return await list(caller, cursor)
      } catch (error) {
        if (error instanceof ProtocolError) throw error
        const fault = asProblem(error)
        if (fault.code === 'bug') onBug(error, caller.exchange.id)
        const shown = problemObject(fault, `urn:plinth:request:${caller.exchange.id}`)
        throw new ProtocolError(ProtocolErrorCode.InternalError, `${fault.code}: ${fault.spec.title}`, shown)
      }
    },

    async call(caller, name, input, meta) {
      try {
        return await call(caller, name, input, meta)
      } catch (error) {
        if (error instanceof Problem && GONE.has(error.code))
          throw new ProtocolError(ProtocolErrorCode.InvalidParams, `there is no tool \`${name}\` for this principal`)
        const fault = stoppedFor(asProblem(error), caller.exchange.signal)
        if (fault.code === 'bug') onBug(error, caller.exchange.id)
        return problemResult(fault, `urn:plinth:request:${caller.exchange.id}`)
      }
    },
  }
}

type Meta = Readonly<Record<string, unknown>>

function checkSince(meta: Meta): void {
  const since = meta['plinth/logSince']
  if (since !== undefined && !(Number.isSafeInteger(since) && (since as number) >= 0))
    throw problem('malformed-request', '`_meta["plinth/logSince"]` must be a tree size')
}

/** The one that the answer is under: its receipt's, or that of what it read. */
function shownCheckpoint({ _meta: meta }: CallToolResult): string | null {
  const receipt = meta?.['plinth/receipt'] as Receipt | undefined
  return receipt === undefined ? ((meta?.['plinth/checkpoint'] as string | undefined) ?? null) : checkpointOf(receipt)
}

const GONE: ReadonlySet<string> = new Set(['no-such-command', 'no-such-query'])

function text(meta: Readonly<Record<string, unknown>>, name: string): string | null {
  const value = meta[name]
  if (value === undefined) return null
  if (typeof value !== 'string') throw problem('malformed-request', `\`_meta["${name}"]\` must be a string`)
  return value
}

/** A call without a key is an intent of its own: nothing can make it a retry of another. */
const keyOf = (meta: Readonly<Record<string, unknown>>): string => {
  const key = text(meta, 'plinth/idempotencyKey')
  return key === null ? `mcp-${randomUUID()}` : checkedKey(key)
}

function levelOf(meta: Meta): { readonly acknowledge?: Level } {
  const level = text(meta, 'plinth/acknowledge')
  return level === null ? {} : { acknowledge: checkedLevel(level, '`_meta["plinth/acknowledge"]`') }
}

function nameOf(meta: Readonly<Record<string, unknown>>, name: string): string | null {
  const value = text(meta, name)
  return value === null ? null : checkedName(value, `\`_meta["${name}"]\``)
}

/** @throws `malformed-request` when header and `_meta` name two runs: one of them is not the caller's. */
function runOf(caller: Caller, meta: Readonly<Record<string, unknown>>): RunId | null {
  const said = text(meta, 'plinth/run')
  if (said !== null && caller.run !== null && said !== caller.run)
    throw problem('malformed-request', '`_meta["plinth/run"]` and header `Plinth-Run` name different runs')
  const run = said ?? caller.run
  return run === null ? null : checkedRun(run)
}
