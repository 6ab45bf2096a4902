import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { test } from 'node:test'
import { approvalPlaces, payloadPlaces, personalInput, sealText, subjectOf } from './places.ts'
import type { OperationPayload } from '../operation-payload.ts'
import type { StreamId } from '../../model/ids.ts'
import type { Manifest } from '../../model/manifest.ts'

const paths = (places: readonly { readonly path: readonly string[] }[]) => places.map(({ path }) => path.join('/'))
const key = { kid: `k_${'a'.repeat(26)}`, tenant: '', subject: 'user/1', secret: randomBytes(32) }

test('a member that nobody has thought of is sealed too', () => {
  const payload = {
    ...{
      command: 'c',
      input: {},
      intentHash: 'h',
      reads: { position: 1, streams: [], finds: [], later: 1 },
      facts: {},
    },
    ...{ outcome: { kind: 'refused', code: 'x', title: 't', detail: {}, surprise: 1 }, invented: 'Ann' },
  }
  assert.deepEqual(paths(payloadPlaces(payload)).sort(), [
    ...['facts', 'input', 'invented', 'outcome/detail', 'outcome/surprise', 'reads/finds', 'reads/later'],
  ])
  const request = {
    approval: 'a',
    input: {},
    invented: 1,
    intent: { command: 'c', input: {} },
    impact: { events: [], facts: {} },
  }
  assert.deepEqual(paths(approvalPlaces(request)).sort(), ['impact/facts', 'input', 'intent/input', 'invented'])
})

test('data that look sealed already are turned down', () => {
  for (const text of ['{"$sealed":{}}', '{"name":"Ann","$sealed":1}'])
    assert.throws(() => sealText(text, [], [key], 'here'), { code: 'application-output-invalid' })
})

test('whose data it is: the entity itself, or whom its state names', () => {
  const stream = 'order/7' as StreamId
  assert.equal(subjectOf({ subject: { entity: 'order', member: null }, events: {} }, stream, '{}'), stream)
  const of = { subject: { entity: 'user', member: 'owner' }, events: {} }
  assert.equal(subjectOf(of, stream, '{"owner":"ann"}'), 'user/ann')
  for (const state of ['{}', '{"owner":""}', '{"owner":7}', '{"owner":"\\ud800"}'])
    assert.throws(() => subjectOf(of, stream, state), { code: 'application-output-invalid' })
})

test('of a record that belongs to nobody, declared input is left out, and all where nothing is known', () => {
  const action = { targets: [], personal: ['email'] }
  const about = { targets: [{ entity: 'user', member: 'user' }] }
  const manifest = {
    entities: { user: { personal: {} }, thing: {} },
    commands: { sign_up: action, rename: about, count: { targets: [] } },
    queries: {},
    readModels: { people: { of: 'user' }, things: { of: 'thing' } },
  } as unknown as Manifest
  const places = (command: string, more: object) =>
    paths(
      personalInput(manifest, {
        command,
        input: { email: 'a', n: 1 },
        facts: {},
        reads: null,
        ...more,
      } as unknown as OperationPayload),
    )
  const reads = { position: 0, streams: [], finds: [] }
  assert.deepEqual(places('sign_up', { reads }), ['input/email', 'facts', 'reads/finds'])
  assert.deepEqual(places('sign_up', {}), ['input', 'facts'])
  assert.deepEqual(places('rename', {}), ['input', 'facts'])
  assert.deepEqual(places('rename', { reads }), [])
  assert.deepEqual(places('count', {}), [])
  assert.deepEqual(places('plinth.read-records', { input: { model: 'people', where: {} } }), ['input/where', 'request'])
  assert.deepEqual(places('plinth.read-records', { input: { model: 'things', where: {} } }), [])
})
