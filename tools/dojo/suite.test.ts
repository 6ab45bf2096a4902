import assert from 'node:assert/strict'
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test, type TestContext } from 'node:test'
import { UsageError } from '../tau/options.ts'
import { readSuite, suitesIn } from './suite.ts'

const FILES = {
  'tools.json': [
    { name: 'read_page', kind: 'read', untrusted_output: true, inputSchema: { type: 'object', properties: {} } },
    {
      name: 'send_note',
      kind: 'egress',
      targets: ['to', 'gone'],
      inputSchema: { type: 'object', properties: { to: {} } },
    },
  ],
  'vectors.json': [{ id: 'page', where: 'a page' }],
  'user_tasks.jsonl': { id: 'u', prompt: 'p', calls: [{ tool: 'send_note', args: { to: 'x' } }] },
  'injection_tasks.jsonl': {
    id: 'i',
    goal: 'g',
    calls: [{ tool: 'send_note' }, { tool: 'read_page' }, { tool: 'gone' }],
  },
}

/** A folder with one suite, in which some files are others; null leaves a file out. */
async function folderWith(t: TestContext, changes: Readonly<Record<string, unknown>> = {}): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'plinth-suite-test-'))
  t.after(() => rm(folder, { recursive: true, force: true }))
  await mkdir(join(folder, 's'))
  for (const [name, content] of Object.entries({ ...FILES, ...changes }))
    if (content !== null)
      await writeFile(join(folder, 's', name), typeof content === 'string' ? content : JSON.stringify(content))
  return folder
}

test('what is left out has the value that asks for most care', async (t) => {
  const folder = await folderWith(t)
  const { tools, users, injections, places } = readSuite(folder, folder, 's')
  const [read, send] = tools
  assert.deepEqual([read?.risk, send?.risk, send?.untrusted_output], ['none', 'irreversible', true])
  assert.deepEqual(send?.targets, ['to'])
  assert.deepEqual(send?.requestedBy.slice(0, 2), ['send', 'email'])
  assert.deepEqual(users, [
    { id: 'u', prompt: 'p', exposes: [], calls: [{ tool: 'send_note', args: { to: 'x' }, kind: 'egress' }] },
  ])
  assert.deepEqual(
    injections[0]?.calls.map(({ must_stop }) => must_stop),
    [true, false, true],
  )
  assert.deepEqual([...places], [['page', '']])
})

test('tools and places are those of the data set where the folder has none', async (t) => {
  const environments = await folderWith(t)
  const tasks = await folderWith(t, { 'tools.json': null, 'vectors.json': null })
  assert.equal(readSuite(tasks, environments, 's').tools.length, 2)
})

test('files that cannot be used are refused with their name and what is wrong', async (t) => {
  const wrong: readonly (readonly [RegExp, Readonly<Record<string, unknown>>])[] = [
    [/no file `tools\.json`: put it into/, { 'tools.json': null }],
    [/tools\.json` is not JSON/, { 'tools.json': '{' }],
    [/tools\.json`.*array/, { 'tools.json': {} }],
    [/tools\.json` entry 1: `kind`/, { 'tools.json': [{ name: 'x', kind: 'other' }] }],
    [/user_tasks\.jsonl` task 1: `prompt`/, { 'user_tasks.jsonl': { id: 'u', calls: [] } }],
    [/user_tasks\.jsonl` task 1: `calls\.0\.tool`/, { 'user_tasks.jsonl': { id: 'u', prompt: 'p', calls: [{}] } }],
    [/user_tasks\.jsonl` line 1 is not an object/, { 'user_tasks.jsonl': '[]' }],
    [/task `u` of suite `s` calls `fly`/, { 'user_tasks.jsonl': { id: 'u', prompt: 'p', calls: [{ tool: 'fly' }] } }],
    [
      /two tasks of suite `s` have the same id/,
      { 'user_tasks.jsonl': `${JSON.stringify(FILES['user_tasks.jsonl'])}\n`.repeat(2) },
    ],
    [/injection_tasks\.jsonl` task 1: `goal`/, { 'injection_tasks.jsonl': { id: 'i' } }],
    [/vectors\.json` entry 1: `default`/, { 'vectors.json': [{ id: 'x', default: 5 }] }],
  ]
  for (const [message, changes] of wrong) {
    const folder = await folderWith(t, changes)
    assert.throws(
      () => readSuite(folder, folder, 's'),
      (error) => error instanceof UsageError && message.test(error.message),
      String(message),
    )
  }
  const empty = await folderWith(t, { 'user_tasks.jsonl': null })
  assert.throws(() => suitesIn(empty), /holds no suite/)
})
