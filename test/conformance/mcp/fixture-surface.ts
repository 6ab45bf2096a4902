/** Everything of the protocol that Plinth itself has no use for, as the official suite expects it, behind the same door. */
import {
  inputRequired,
  ProtocolError,
  ProtocolErrorCode,
  ResourceNotFoundError,
  type McpHttpHandler,
  type Prompt,
  type Resource,
  type Server,
} from '@modelcontextprotocol/server'
import type { McpSurface } from '../../../src/doors/mcp/surface.ts'
import { inputTools, stateCodec } from './fixture-input.ts'
import { contentTools } from './fixture-tools.ts'
import { redPixel } from './media.ts'

const TEMPLATE = /^test:\/\/template\/([^/]+)\/data$/

const RESOURCES: readonly Resource[] = [
  { uri: 'test://static-text', name: 'static-text', description: 'A text that stays.', mimeType: 'text/plain' },
  { uri: 'test://static-binary', name: 'static-binary', description: 'A pixel that stays.', mimeType: 'image/png' },
  { uri: 'test://watched-resource', name: 'watched', description: 'A text to subscribe to.', mimeType: 'text/plain' },
]

const argument = (name: string, description: string) => ({ name, description, required: true })
const PROMPTS: readonly Prompt[] = [
  { name: 'test_simple_prompt', description: 'One message.' },
  {
    name: 'test_prompt_with_arguments',
    description: 'One message of two arguments.',
    arguments: [argument('arg1', 'First.'), argument('arg2', 'Second.')],
  },
  {
    name: 'test_prompt_with_embedded_resource',
    description: 'A resource, and a message about it.',
    arguments: [argument('resourceUri', 'Which resource.')],
  },
  { name: 'test_prompt_with_image', description: 'A picture, and a message about it.' },
  { name: 'test_input_required_result_prompt', description: 'Asks for its context first.' },
]

export function fixtureSurface(): McpSurface {
  let notify: McpHttpHandler['notify'] | null = null
  return {
    capabilities: {
      tools: { listChanged: true },
      prompts: { listChanged: true },
      resources: { subscribe: true, listChanged: true },
      completions: {},
      logging: {},
    },
    tools: [...contentTools(() => notify), ...inputTools],
    options: { requestState: { verify: (state, context) => stateCodec.verify(state, context) } },
    sessions: true,
    install,
    started: (given) => {
      notify = given
    },
  }
}

function install(server: Server, era: 'legacy' | 'modern'): void {
  server.setRequestHandler('resources/list', () => ({ resources: [...RESOURCES] }))
  server.setRequestHandler('resources/templates/list', () => ({
    resourceTemplates: [
      {
        uriTemplate: 'test://template/{id}/data',
        name: 'template',
        description: 'Data of any id.',
        mimeType: 'application/json',
      },
    ],
  }))
  server.setRequestHandler('resources/read', ({ params }) => ({ contents: [read(params.uri)] }))
  if (era === 'legacy') {
    server.setRequestHandler('resources/subscribe', () => ({}))
    server.setRequestHandler('resources/unsubscribe', () => ({}))
  }
  server.setRequestHandler('prompts/list', () => ({ prompts: [...PROMPTS] }))
  server.setRequestHandler('prompts/get', ({ params }, context) => {
    if (params.name !== 'test_input_required_result_prompt') return prompt(params.name, params.arguments ?? {})
    if (context.mcpReq.inputResponses?.['user_context'] !== undefined)
      return message(`The context is ${JSON.stringify(context.mcpReq.inputResponses['user_context'])}.`)
    return inputRequired({
      inputRequests: {
        user_context: inputRequired.elicit({
          message: 'What context should the prompt use?',
          requestedSchema: { type: 'object', properties: { context: { type: 'string' } }, required: ['context'] },
        }),
      },
    })
  })
  server.setRequestHandler('completion/complete', ({ params }) => {
    const known = ['paris', 'park', 'party', 'rome']
    const values = known.filter((each) => each.startsWith(params.argument.value))
    return { completion: { values, total: values.length, hasMore: false } }
  })
}

function read(uri: string) {
  switch (uri) {
    case 'test://static-text':
      return { uri, mimeType: 'text/plain', text: 'This is the content of the static text resource.' }
    case 'test://static-binary':
      return { uri, mimeType: 'image/png', blob: redPixel() }
    case 'test://watched-resource':
      return { uri, mimeType: 'text/plain', text: 'watched' }
    default: {
      const id = TEMPLATE.exec(uri)?.[1]
      if (id === undefined) throw new ResourceNotFoundError(uri)
      const data = { id, templateTest: true, data: `Data for ID: ${id}` }
      return { uri, mimeType: 'application/json', text: JSON.stringify(data) }
    }
  }
}

const message = (words: string) => ({
  messages: [{ role: 'user' as const, content: { type: 'text' as const, text: words } }],
})

function prompt(name: string, input: Readonly<Record<string, string>>) {
  switch (name) {
    case 'test_simple_prompt':
      return message('This is a simple prompt for testing.')
    case 'test_prompt_with_arguments':
      return message(`Prompt with arguments: arg1='${input['arg1']}', arg2='${input['arg2']}'`)
    case 'test_prompt_with_embedded_resource': {
      const resource = {
        uri: input['resourceUri'] ?? '',
        mimeType: 'text/plain',
        text: 'Embedded resource content for testing.',
      }
      const embedded = { role: 'user' as const, content: { type: 'resource' as const, resource } }
      return { messages: [embedded, ...message('Please process the embedded resource above.').messages] }
    }
    case 'test_prompt_with_image': {
      const image = { type: 'image' as const, data: redPixel(), mimeType: 'image/png' }
      return {
        messages: [{ role: 'user' as const, content: image }, ...message('Please analyze the image above.').messages],
      }
    }
    default:
      throw new ProtocolError(ProtocolErrorCode.InvalidParams, `there is no prompt \`${name}\``)
  }
}
