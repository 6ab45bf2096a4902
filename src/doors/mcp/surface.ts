/**
 * What a host may add to the MCP door beside the tools of the engine: more tools, and handlers for the rest of the protocol.
 * The runtime itself adds nothing; the conformance fixture adds everything.
 */
import type { Server, ServerCapabilities, ServerContext, Tool } from '@modelcontextprotocol/server'
import type { CallToolResult, InputRequiredResult, McpHttpHandler, ServerOptions } from '@modelcontextprotocol/server'
import type { Json } from '../../model/json.ts'

export interface SurfaceTool {
  readonly tool: Tool
  call(input: Json, context: ServerContext, server: Server): Promise<CallToolResult | InputRequiredResult>
}

export interface McpSurface {
  /** Merged with the door's own `tools`. */
  readonly capabilities: ServerCapabilities
  readonly tools: readonly SurfaceTool[]
  /** Options of the SDK's server, for parts of the protocol that need them. */
  readonly options?: Pick<ServerOptions, 'requestState' | 'cacheHints'>
  /** True where something of this surface talks back to a 2025 client during a call: the door then keeps sessions. */
  readonly sessions: boolean
  /** Sets handlers on a server that is about to serve one request, or one session. */
  install(server: Server, era: 'legacy' | 'modern'): void
  /** Given once, when the door opens: publishes changes to whoever listens. */
  started?(notify: McpHttpHandler['notify']): void
}

export const EMPTY_SURFACE: McpSurface = { capabilities: {}, tools: [], sessions: false, install: () => {} }
