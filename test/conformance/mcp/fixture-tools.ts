/** The tools that the official suite calls: contents of each kind, errors, progress, logs, and changes to listen for. */
import { setTimeout as after } from 'node:timers/promises'
import type { CallToolResult, McpHttpHandler, ServerContext, Tool } from '@modelcontextprotocol/server'
import { MissingRequiredClientCapabilityError } from '@modelcontextprotocol/server'
import type { SurfaceTool } from '../../../src/doors/mcp/surface.ts'
import { redPixel, silence } from './media.ts'

type Content = CallToolResult['content'][number]

export const text = (words: string): Content => ({ type: 'text', text: words })
export const content = (...items: Content[]): CallToolResult => ({ content: items })

const NO_ARGUMENTS: Tool['inputSchema'] = { type: 'object', additionalProperties: false }

export const fixtureTool = (
  name: string,
  description: string,
  call: SurfaceTool['call'],
  inputSchema: Tool['inputSchema'] = NO_ARGUMENTS,
): SurfaceTool => ({ tool: { name, description, inputSchema }, call })

const image: Content = { type: 'image', data: redPixel(), mimeType: 'image/png' }
const audio: Content = { type: 'audio', data: silence(), mimeType: 'audio/wav' }
const resource = (uri: string, mimeType: string, words: string): Content => ({
  type: 'resource',
  resource: { uri, mimeType, text: words },
})

/** A pause that a reader of the stream can tell from none, in ms. */
const PAUSE_MS = 50

async function progress(context: ServerContext): Promise<void> {
  const token = context.mcpReq._meta?.progressToken
  for (const done of [0, 50, 100]) {
    if (done > 0) await after(PAUSE_MS)
    if (token === undefined) continue
    const params = { progressToken: token, progress: done, total: 100 }
    await context.mcpReq.notify({ method: 'notifications/progress', params })
  }
}

async function logs(context: ServerContext): Promise<void> {
  await context.mcpReq.log('info', 'Tool execution started')
  await after(PAUSE_MS)
  await context.mcpReq.log('info', 'Tool processing data')
  await after(PAUSE_MS)
  await context.mcpReq.log('info', 'Tool execution completed')
}

/** @param notify publishes changes to open subscriptions; there once the door is open */
export function contentTools(notify: () => McpHttpHandler['notify'] | null): readonly SurfaceTool[] {
  const words = 'This is a simple text response for testing.'
  return [
    fixtureTool('test_simple_text', 'Says one sentence.', async () => content(text(words))),
    fixtureTool('test_image_content', 'Shows one pixel.', async () => content(image)),
    fixtureTool('test_audio_content', 'Plays a moment of silence.', async () => content(audio)),
    fixtureTool('test_embedded_resource', 'Hands over a resource inside the answer.', async () =>
      content(resource('test://embedded-resource', 'text/plain', 'This is an embedded resource content.')),
    ),
    fixtureTool('test_multiple_content_types', 'Text, image and resource in one answer.', async () =>
      content(
        text('Multiple content types test:'),
        image,
        resource('test://mixed-content-resource', 'application/json', JSON.stringify({ test: 'data', value: 123 })),
      ),
    ),
    fixtureTool('test_error_handling', 'Fails, as a tool fails.', async () => ({
      ...content(text('This tool intentionally returns an error for testing')),
      isError: true,
    })),
    fixtureTool('test_tool_with_progress', 'Tells how far it is.', async (_input, context) => {
      await progress(context)
      return content(text('three steps done'))
    }),
    fixtureTool('test_tool_with_logging', 'Logs while it works.', async (_input, context) => {
      await logs(context)
      return content(text('logged three times'))
    }),
    fixtureTool('test_logging_tool', 'Logs once, to those who asked for it.', async (_input, context) => {
      await context.mcpReq.log('info', 'a line')
      return content(text('logged'))
    }),
    fixtureTool('test_missing_capability', 'Works only with a client that can sample.', async (_input, context) => {
      const declared = context.mcpReq.envelope as Record<string, unknown> | undefined
      const capabilities = declared?.['io.modelcontextprotocol/clientCapabilities'] as { sampling?: object } | undefined
      if (capabilities?.sampling === undefined)
        throw new MissingRequiredClientCapabilityError({ requiredCapabilities: { sampling: {} } })
      return content(text('the client can sample'))
    }),
    fixtureTool('test_trigger_tool_change', 'Says that the list of tools has changed.', async () => {
      notify()?.toolsChanged()
      return content(text('said'))
    }),
    fixtureTool('test_trigger_prompt_change', 'Says that the list of prompts has changed.', async () => {
      notify()?.promptsChanged()
      return content(text('said'))
    }),
    fixtureTool(
      'json_schema_2020_12_tool',
      'Takes an input that only a full dialect can describe.',
      async () => content(text('taken')),
      {
        $schema: 'https://json-schema.org/draft/2020-12/schema',
        type: 'object',
        $defs: {
          address: {
            $anchor: 'addressDef',
            type: 'object',
            properties: { street: { type: 'string' }, city: { type: 'string' } },
          },
        },
        properties: {
          name: { type: 'string' },
          address: { $ref: '#/$defs/address' },
          contactMethod: { type: 'string', enum: ['phone', 'email'] },
          phone: { type: 'string' },
          email: { type: 'string' },
        },
        allOf: [{ anyOf: [{ required: ['phone'] }, { required: ['email'] }] }],
        if: { properties: { contactMethod: { const: 'phone' } }, required: ['contactMethod'] },
        then: { required: ['phone'] },
        else: { required: ['email'] },
        additionalProperties: false,
      },
    ),
  ]
}
