/** Tools that need something of the client before they can answer. Written once; 2025 clients are asked during the call, 2026 clients in between. */
import { randomBytes } from 'node:crypto'
import {
  acceptedContent,
  createRequestStateCodec,
  inputRequired,
  inputResponse,
  type InputRequests,
  type ServerContext,
} from '@modelcontextprotocol/server'
import type { SurfaceTool } from '../../../src/doors/mcp/surface.ts'
import { content, fixtureTool, text } from './fixture-tools.ts'

/** State that goes through the client is sealed; the key lives as long as the process. */
export const stateCodec = createRequestStateCodec<{ readonly round: string; readonly name?: string }>({
  key: randomBytes(32),
})

const sentence = (name: string) => ({
  type: 'object' as const,
  properties: { [name]: { type: 'string' as const } },
  required: [name],
})
const asking = (message: string, member: string) => inputRequired.elicit({ message, requestedSchema: sentence(member) })
const sampling = (words: string, maxTokens: number) =>
  inputRequired.createMessage({ messages: [{ role: 'user', content: { type: 'text', text: words } }], maxTokens })
const confirmation = inputRequired.elicit({
  message: 'Please confirm',
  requestedSchema: { type: 'object', properties: { ok: { type: 'boolean' } }, required: ['ok'] },
})

const answers = (context: ServerContext) => context.mcpReq.inputResponses
const has = (context: ServerContext, key: string) => inputResponse(answers(context), key).kind !== 'missing'
const said = (context: ServerContext, key: string) => JSON.stringify(answers(context)?.[key] ?? null)

/** Asks one form and reports what came of it. */
const form = (
  name: string,
  description: string,
  request: (input: unknown) => InputRequests,
  report: string,
): SurfaceTool =>
  fixtureTool(
    name,
    description,
    async (input, context) => {
      if (!has(context, 'form')) return inputRequired({ inputRequests: request(input) })
      const answer = answers(context)?.['form'] as { action?: string; content?: unknown }
      return content(text(`${report} action=${answer.action}, content=${JSON.stringify(answer.content ?? {})}`))
    },
    { type: 'object' },
  )

const member = (input: unknown, name: string): string => String((input as Record<string, unknown>)[name] ?? '')

export const inputTools: readonly SurfaceTool[] = [
  fixtureTool(
    'test_sampling',
    "Asks the client's model.",
    async (input, context) => {
      if (!has(context, 'sample'))
        return inputRequired({ inputRequests: { sample: sampling(member(input, 'prompt'), 100) } })
      const answer = answers(context)?.['sample'] as { content?: { text?: string } }
      return content(text(`LLM response: ${answer.content?.text}`))
    },
    { type: 'object', properties: { prompt: { type: 'string' } }, required: ['prompt'] },
  ),
  form(
    'test_elicitation',
    'Asks the person at the client.',
    (input) => ({
      form: inputRequired.elicit({
        message: member(input, 'message'),
        requestedSchema: {
          type: 'object',
          properties: {
            username: { type: 'string', description: 'How to call you' },
            email: { type: 'string', description: 'Where to write to' },
          },
          required: ['username', 'email'],
        },
      }),
    }),
    'User response:',
  ),
  form(
    'test_elicitation_sep1034_defaults',
    'Asks with a default for each kind of value.',
    () => ({
      form: inputRequired.elicit({
        message: 'Check these values',
        requestedSchema: {
          type: 'object',
          properties: {
            name: { type: 'string', default: 'John Doe' },
            age: { type: 'integer', default: 30 },
            score: { type: 'number', default: 95.5 },
            status: { type: 'string', enum: ['active', 'inactive', 'pending'], default: 'active' },
            verified: { type: 'boolean', default: true },
          },
        },
      }),
    }),
    'Elicitation completed:',
  ),
  form(
    'test_elicitation_sep1330_enums',
    'Asks with each way to write a choice.',
    () => ({
      form: inputRequired.elicit({
        message: 'Choose',
        requestedSchema: {
          type: 'object',
          properties: {
            untitledSingle: { type: 'string', enum: ['option1', 'option2', 'option3'] },
            titledSingle: { type: 'string', oneOf: titled('Option') },
            legacyEnum: {
              type: 'string',
              enum: ['opt1', 'opt2', 'opt3'],
              enumNames: ['Option One', 'Option Two', 'Option Three'],
            },
            untitledMulti: { type: 'array', items: { type: 'string', enum: ['option1', 'option2', 'option3'] } },
            titledMulti: { type: 'array', items: { anyOf: titled('Choice') } },
          },
        },
      }),
    }),
    'Elicitation completed:',
  ),
  fixtureTool('test_streaming_elicitation', 'Tells how far it is, then asks.', async (_input, context) => {
    if (has(context, 'user_name')) return content(text('asked and answered'))
    return inputRequired({ inputRequests: { user_name: asking('What is your name?', 'name') } })
  }),
  fixtureTool('test_input_required_result_elicitation', 'Asks for a name.', async (_input, context) => {
    const name = acceptedContent<{ name: unknown }>(answers(context), 'user_name')?.name
    if (typeof name === 'string') return content(text(`Hello, ${name}!`))
    return inputRequired({ inputRequests: { user_name: asking('What is your name?', 'name') } })
  }),
  fixtureTool('test_input_required_result_sampling', "Asks the client's model.", async (_input, context) => {
    if (has(context, 'capital_question')) return content(text(said(context, 'capital_question')))
    return inputRequired({ inputRequests: { capital_question: sampling('What is the capital of France?', 100) } })
  }),
  fixtureTool('test_input_required_result_list_roots', 'Asks for the roots of the client.', async (_input, context) => {
    if (has(context, 'client_roots')) return content(text(said(context, 'client_roots')))
    return inputRequired({ inputRequests: { client_roots: inputRequired.listRoots() } })
  }),
  fixtureTool(
    'test_input_required_result_request_state',
    'Sends state through the client.',
    async (_input, context) => {
      const state = context.mcpReq.requestState<{ round: string }>()
      if (has(context, 'confirm') && state?.round === 'confirm') return content(text('state-ok'))
      return inputRequired({
        inputRequests: { confirm: confirmation },
        requestState: await stateCodec.mint({ round: 'confirm' }, context),
      })
    },
  ),
  fixtureTool(
    'test_input_required_result_tampered_state',
    'Refuses state that was changed on its way.',
    async (_input, context) => {
      const state = context.mcpReq.requestState<{ round: string }>()
      if (has(context, 'confirm') && state?.round === 'sealed') return content(text('state-ok'))
      return inputRequired({
        inputRequests: { confirm: confirmation },
        requestState: await stateCodec.mint({ round: 'sealed' }, context),
      })
    },
  ),
  fixtureTool(
    'test_input_required_result_multiple_inputs',
    'Asks for three things at once.',
    async (_input, context) => {
      const complete = ['user_name', 'greeting', 'client_roots'].every((key) => has(context, key))
      if (complete && context.mcpReq.requestState<{ round: string }>()?.round === 'all')
        return content(text(['user_name', 'greeting', 'client_roots'].map((key) => said(context, key)).join(' ')))
      return inputRequired({
        inputRequests: {
          user_name: asking('What is your name?', 'name'),
          greeting: sampling('Generate a greeting', 50),
          client_roots: inputRequired.listRoots(),
        },
        requestState: await stateCodec.mint({ round: 'all' }, context),
      })
    },
  ),
  fixtureTool('test_input_required_result_multi_round', 'Asks twice.', async (_input, context) => {
    const state = context.mcpReq.requestState<{ round: string; name?: string }>()
    if (state?.round === 'two' && has(context, 'step2'))
      return content(text(`${state.name}: ${said(context, 'step2')}`))
    if (state?.round === 'one' && has(context, 'step1'))
      return inputRequired({
        inputRequests: { step2: asking('Step 2: What is your favorite color?', 'color') },
        requestState: await stateCodec.mint({ round: 'two', name: said(context, 'step1') }, context),
      })
    return inputRequired({
      inputRequests: { step1: asking('Step 1: What is your name?', 'name') },
      requestState: await stateCodec.mint({ round: 'one' }, context),
    })
  }),
  fixtureTool(
    'test_input_required_result_capabilities',
    'Asks only for what the client can do.',
    async (_input, context) => {
      const declared = context.mcpReq.envelope as Record<string, unknown> | undefined
      const can = (declared?.['io.modelcontextprotocol/clientCapabilities'] ?? {}) as {
        elicitation?: object
        sampling?: object
      }
      const wanted: InputRequests = {}
      if (can.elicitation !== undefined) wanted['user_name'] = asking('What is your name?', 'name')
      if (can.sampling !== undefined) wanted['greeting'] = sampling('Generate a greeting', 50)
      if (Object.keys(wanted).length === 0 || Object.keys(wanted).every((key) => has(context, key)))
        return content(text('done'))
      return inputRequired({ inputRequests: wanted })
    },
  ),
]

function titled(what: string) {
  return ['First', 'Second', 'Third'].map((which, index) => ({ const: `value${index + 1}`, title: `${which} ${what}` }))
}
