import assert from 'node:assert/strict'
import { test } from 'node:test'
import { checkManifest } from '../../src/application/check-manifest.ts'
import { describeApplication } from '../../src/application/describe.ts'
import type { JsonObject } from '../../src/model/json.ts'
import { assistant, type Tool } from './application.ts'
import { requestedBy } from './requests.ts'
import { actionNames, declarable, namespacesOf } from './tool-form.ts'

const tool = (inputSchema: JsonObject): Tool => ({
  ...{ name: 'send', kind: 'egress', risk: 'irreversible', description: 'Send.', targets: [], untrusted_output: true },
  ...{ requestedBy: [], inputSchema },
})

test('whatever case and separators a name has, it becomes that of an action, and no two become one', () => {
  const names = ['send_mail', 'sendMail', 'Mail.send-mail', 'HTTPGet', '2fa', '送る', 'x'.repeat(90)]
  assert.deepEqual(
    [...actionNames(names).values()],
    ['send_mail', 'send_mail_2', 'mail_send_mail', 'http_get', 'tool_2fa', 'tool_', 'x'.repeat(56)],
  )
})

test('what only describes or cannot be declared goes from a schema, and members of any name stay', () => {
  const member = { anyOf: [{ type: 'string' }, { type: 'null' }], default: null }
  const { inputSchema } = declarable(
    tool({ properties: { to: member, default: { type: 'string' } }, required: ['to'] }),
  )
  assert.deepEqual(inputSchema, {
    ...{ type: 'object', required: ['to'] },
    properties: { to: { anyOf: member.anyOf }, default: { type: 'string' } },
  })
})

for (const odd of [
  { type: 'array', items: { type: 'string' }, uniqueItems: true },
  { if: { type: 'string' }, then: { minLength: 2 } },
  { patternProperties: { '^x': { type: 'string' } }, type: 'object' },
  { $ref: 'https://elsewhere.example/schema' },
  { type: 'colour' },
])
  test(`a tool whose schema says ${JSON.stringify(odd)} can be declared`, () => {
    const kept = declarable(tool({ type: 'object', properties: { to: odd } }))
    assert.doesNotThrow(() => checkManifest(JSON.parse(describeApplication(assistant([kept])))))
    assert.deepEqual(Object.keys(kept.inputSchema['properties'] as JsonObject), ['to'])
  })

test('what asks for a tool is the verb of its name, behind a word for where the tool belongs', () => {
  const names = ['mail_list_drafts', 'mail_send_draft', 'approve_transfer', 'approve_invite', 'getPage']
  const namespaces = namespacesOf(names)
  assert.deepEqual([...namespaces], ['mail'])
  assert.ok(requestedBy('mail_send_draft', namespaces).includes('tell'))
  assert.deepEqual(requestedBy('approve_transfer', namespaces), ['approve'])
  assert.ok(requestedBy('getPage').includes('visit'))
  assert.ok(requestedBy('issue_refund').includes('refund'))
  assert.ok(!requestedBy('cancel_reservation').includes('reserve'))
})
