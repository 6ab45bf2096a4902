/** The requests of the load, as text: one governed change over HTTP, and the same one as a tool call over MCP. */
import type { Load } from './load-client.ts'
import type { RunningBench } from './system.ts'

type Addressed = Pick<Load, 'host' | 'port' | 'head' | 'body'>

/** @param keys prefix of the idempotency keys: another one for every load, or the calls would be replays */
export function httpRequest(
  system: Pick<RunningBench, 'url' | 'agentKey'>,
  command: string,
  input: object,
  keys: string,
  run = false,
): Addressed {
  const { hostname, port } = new URL(system.url)
  const head = [
    `POST /v1/commands/${command} HTTP/1.1`,
    `Host: ${hostname}:${port}`,
    `Authorization: Bearer ${system.agentKey}`,
    'Content-Type: application/json',
    `Idempotency-Key: ${keys}-%N%`,
    ...(run ? ['Plinth-Run: %R%'] : []),
  ]
  return { host: hostname, port: Number(port), head: head.join('\r\n'), body: JSON.stringify(input) }
}

export const MCP_REVISION = '2025-11-25'

/** Without a key of its own: a new intent each time, as agents usually call. */
export function mcpRequest(system: Pick<RunningBench, 'mcpUrl' | 'agentKey'>, tool: string, input: object): Addressed {
  const { hostname, port, pathname } = new URL(system.mcpUrl)
  const head = [
    `POST ${pathname} HTTP/1.1`,
    `Host: ${hostname}:${port}`,
    `Authorization: Bearer ${system.agentKey}`,
    'Content-Type: application/json',
    'Accept: application/json, text/event-stream',
    `MCP-Protocol-Version: ${MCP_REVISION}`,
  ]
  const message = { jsonrpc: '2.0', id: 1, method: 'tools/call', params: { name: tool, arguments: input } }
  return { host: hostname, port: Number(port), head: head.join('\r\n'), body: JSON.stringify(message) }
}
