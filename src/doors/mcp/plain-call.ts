/**
 * The message that nearly all traffic is: a `tools/call` of a 2025 client that asks for nothing else. It is recognised by what it must not have, and
 * answered as the SDK would, without the server, the transport and the web request that the SDK makes for each message. Whatever is not exactly
 * this goes to the SDK, which knows the rest of the protocol, and what to say of a message that is wrong.
 */
import type { IncomingMessage, ServerResponse } from 'node:http'
import { ProtocolError, type CallToolResult } from '@modelcontextprotocol/server'
import type { Json, JsonObject } from '../../model/json.ts'

export interface PlainCall {
  readonly id: string | number
  readonly name: string
  readonly input: JsonObject
  readonly meta: JsonObject
}

/** Stateless revisions that the SDK serves alike; a request without the header is one of them. */
const REVISIONS: ReadonlySet<string> = new Set(['2025-03-26', '2025-06-18', '2025-11-25'])
const ACCEPTED = ['application/json', 'text/event-stream']
/** With any of these the SDK may have more to check. */
const TELLING_HEADERS = ['mcp-session-id', 'mcp-method', 'mcp-name', 'last-event-id']
/** What the door itself reads of `_meta`. A progress token or the envelope of a later revision is for the SDK. */
const OWN_META = 'plinth/'

/** Null for everything else. @param body of a request whose media type has been checked */
export function plainCall({ method, headers }: IncomingMessage, body: Json | undefined): PlainCall | null {
  const revision = headers['mcp-protocol-version']
  if (method !== 'POST' || (revision !== undefined && !(typeof revision === 'string' && REVISIONS.has(revision))))
    return null
  if (TELLING_HEADERS.some((name) => headers[name] !== undefined)) return null
  if (!ACCEPTED.every((type) => headers.accept?.includes(type) === true)) return null
  if (!hasOnly(body, ['jsonrpc', 'id', 'method', 'params'])) return null
  const { jsonrpc, id, method: asked, params } = body
  if (jsonrpc !== '2.0' || asked !== 'tools/call' || !isId(id)) return null
  if (!hasOnly(params, ['name', 'arguments', '_meta'])) return null
  const { name, arguments: input = {}, _meta: meta = {} } = params
  if (typeof name !== 'string' || !isObject(input) || !isObject(meta)) return null
  return Object.keys(meta).every((key) => key.startsWith(OWN_META)) ? { id, name, input, meta } : null
}

/** Answers with what the call gives, or with the protocol's error where it throws one. */
export async function answerPlain(
  response: ServerResponse,
  { id }: PlainCall,
  called: Promise<CallToolResult>,
): Promise<void> {
  const message = await called.then(
    (result) => ({ jsonrpc: '2.0', id, result }),
    (error: unknown) => {
      if (!(error instanceof ProtocolError)) throw error
      const { code, message: text, data } = error
      return { jsonrpc: '2.0', id, error: { code, message: text, data } }
    },
  )
  if (response.headersSent || response.destroyed) return
  const text = JSON.stringify(message)
  response.setHeader('Content-Type', 'application/json')
  response.setHeader('Content-Length', Buffer.byteLength(text))
  response.setHeader('X-Content-Type-Options', 'nosniff')
  response.writeHead(200).end(text)
}

const isId = (id: Json | undefined): id is string | number => typeof id === 'string' || Number.isSafeInteger(id)

const isObject = (value: Json | undefined): value is JsonObject =>
  typeof value === 'object' && value !== null && !Array.isArray(value)

const hasOnly = (value: Json | undefined, names: readonly string[]): value is JsonObject =>
  isObject(value) && Object.keys(value).every((name) => names.includes(name))
