/** The warden as it runs: a real child with its door, its heartbeat, its read-only door, and a runtime's mirror of that. */
import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { existsSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs'
import { createServer, request } from 'node:http'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import { test, type TestContext } from 'node:test'
import { systemClock } from '../host/clock.ts'
import { startWardenChild } from '../main/warden-child.ts'
import { Problem } from '../model/problems.ts'
import { readDoorFile } from './door-file.ts'
import { mirrorAuthority } from './mirror.ts'
import { requestChange, withWarden } from './operate.ts'
import { openAuthoritySource } from './source.ts'
import { testWarden } from './testing/test-warden.ts'
import { runWarden } from './warden-process.ts'

const fails = (code: string) => (error: unknown) => error instanceof Problem && error.code === code
const NEVER = new AbortController().signal
const add = (id: string) =>
  ({ change: 'add-principal', principal: { id, kind: 'agent', owner: null, roles: [] } }) as const
const quiet = (): void => {}

async function child(t: TestContext, made: ReturnType<typeof testWarden>, user: number | null = null) {
  made.warden.close()
  const { dir, publishDir } = made
  const started = await startWardenChild({ dir, publishDir, user, onProblem: quiet, signal: NEVER })
  t.after(() => started.close())
  return started
}

test('a child takes signed changes at its door, and ends with whoever started it', async (t) => {
  const made = testWarden(t, { leaseMs: 60_000 })
  const started = await child(t, made)
  const mia = made.operators['mia']!
  const done = await requestChange(made, mia, [add('bot')], 'needed')
  assert.deepEqual(done.kind === 'published' && done.snapshot, 2)
  const door = readDoorFile(made.dir)
  assert.equal(door?.pid, started.pid)
  assert.equal(statSync(join(made.dir, 'door.json')).mode & 0o777, 0o600)
  await started.close()
  assert.equal(readDoorFile(made.dir), null)
  const after = await withWarden(made, (warden) => warden.status())
  assert.equal(after.snapshot, 2, 'the directory is free again')
})

test('a child that dies is started again', async (t) => {
  const made = testWarden(t)
  const started = await child(t, made)
  const first = started.pid as number
  process.kill(first, 'SIGKILL')
  while (started.pid === first || readDoorFile(made.dir)?.pid !== started.pid)
    await new Promise((resolve) => setTimeout(resolve, 20))
  const done = await requestChange(made, made.operators['mia']!, [add('bot')], '')
  assert.equal(done.kind, 'published')
})

test(
  'as root, the child gets a user of its own, and so does its directory',
  { skip: process.getuid?.() !== 0 },
  async (t) => {
    const USER = 61_203
    const made = testWarden(t)
    execFileSync('chmod', ['711', join(made.dir, '..')])
    const started = await child(t, made, USER).catch((error: unknown) => error as Error)
    if (started instanceof Error) return t.skip(`that user cannot run node here: ${started.message}`)
    assert.equal(started.uid, USER)
    assert.equal(statSync(`/proc/${started.pid}`).uid, USER)
    assert.equal(statSync(join(made.dir, 'warden.db')).uid, USER)
    const done = await requestChange(made, made.operators['mia']!, [add('bot')], '')
    assert.equal(done.kind, 'published')
  },
)

test('the door asks for its token, knows few addresses, and answers anything with a problem', async (t) => {
  const made = testWarden(t)
  made.warden.close()
  const { dir, publishDir } = made
  const warden = await runWarden({
    ...{ dir, publishDir, clock: systemClock, checkPolicies: () => [], serve: null, onProblem: quiet },
  })
  t.after(() => warden.close())
  const { at } = warden // a socket, unless its path would be too long for one
  if ('socket' in at) assert.equal(statSync(at.socket).mode & 0o777, 0o600)
  const where = 'socket' in at ? { socketPath: at.socket } : { host: '127.0.0.1', port: at.port }
  const token = readDoorFile(dir)?.token ?? ''
  const ask = (method: string, path: string, bearer: string, body = ''): Promise<readonly [number, string]> =>
    new Promise((resolve, reject) => {
      const asked = request({ ...where, method, path, headers: { authorization: `Bearer ${bearer}` } }, (response) => {
        let text = ''
        response.setEncoding('utf8').on('data', (part: string) => (text += part))
        response.on('end', () => resolve([response.statusCode ?? 0, (JSON.parse(text) as { code: string }).code]))
      })
      asked.on('error', reject)
      asked.end(body)
    })
  assert.deepEqual(await ask('GET', '/status', 'wrong'), [401, 'credentials-invalid'])
  assert.deepEqual(await ask('POST', '/changes', '', '{}'), [401, 'credentials-invalid'])
  assert.deepEqual(await ask('DELETE', '/status', token), [404, 'not-found'])
  assert.deepEqual(await ask('POST', '/changes', token, '{'), [400, 'malformed-json'])
  for (const body of ['', 'null', '[]', '{"request":1}', '{"request":"","operator":"","signature":""}'])
    assert.deepEqual(await ask('POST', '/changes', token, body), [400, 'malformed-request'], body)
  assert.deepEqual(await ask('POST', '/drills', token, '{"report":"{}","operator":"mia","signature":"AAAA"}'), [
    403,
    'change-not-authorized',
  ])
  assert.deepEqual(await ask('POST', '/changes', token, 'x'.repeat(3_000_000)).catch(() => [413, 'body-too-large']), [
    413,
    'body-too-large',
  ])
})

test('a runtime elsewhere fetches what is published, and nothing can be written where it fetches', async (t) => {
  const made = testWarden(t, { leaseMs: 60_000 })
  made.warden.close()
  const { dir, publishDir } = made
  const serve = { host: '127.0.0.1', port: 0 }
  const options = { dir, publishDir, clock: systemClock, checkPolicies: () => [], serve, onProblem: quiet }
  const warden = await runWarden(options)
  t.after(() => warden.close())
  const url = warden.url ?? ''
  const copy = join(dir, '..', 'copy')
  const mirror = await mirrorAuthority(url, copy, made.vkey, quiet)
  t.after(() => mirror.close())
  const source = await openAuthoritySource(copy, made.vkey, { clock: systemClock, pollMs: 50 })
  t.after(() => source.close())
  assert.ok((source.leaseUntilMs() ?? 0) > Date.now())
  await requestChange(made, made.operators['mia']!, [add('bot')], '')
  while (source.current().number < 2) await new Promise((resolve) => setTimeout(resolve, 10))
  for (const [method, path] of [
    ['POST', '/authority/000003.snapshot'],
    ['PUT', '/authority/lease'],
    ['GET', '/authority/../warden/warden.db'],
    ['GET', '/authority/%2e%2e/warden/door.json'],
    ['GET', '/status'],
    ['POST', '/changes'],
  ] as const)
    assert.equal((await fetch(url + path, { method })).status, 404, `${method} ${path}`)
  assert.ok(!existsSync(join(copy, '000003.snapshot')))
})

test('who answers once in the warden’s place keeps nothing from being found afterwards', async (t) => {
  const made = testWarden(t)
  const other = testWarden(t)
  await made.change(add('bot'))
  await other.change(add('bot'))
  const forged = readFileSync(join(other.publishDir, '000002.snapshot'))
  const real = (name: string) => readFileSync(join(made.publishDir, name))
  const answers = new Map<string, Buffer>([
    ['/authority/000001.snapshot', real('000001.snapshot')],
    ['/authority/000002.snapshot', forged],
    ['/authority/lease', Buffer.alloc(2_000_000)],
  ])
  const server = createServer(({ url = '' }, response) => {
    const answer = answers.get(url)
    response.writeHead(answer === undefined ? 404 : 200).end(answer)
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  t.after(() => server.close())
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
  const copy = join(made.dir, '..', 'copy')
  const told: string[] = []
  const look = async () => (await mirrorAuthority(url, copy, made.vkey, (what) => told.push(what))).close()
  await look()
  assert.deepEqual(readdirSync(copy), ['000001.snapshot'])
  assert.equal(told.length, 1)
  writeFileSync(join(copy, '000002.snapshot'), forged) // by who may write there
  answers.set('/authority/000002.snapshot', real('000002.snapshot'))
  await look()
  assert.deepEqual(readFileSync(join(copy, '000002.snapshot')), real('000002.snapshot'))
  assert.deepEqual(readdirSync(copy), ['000001.snapshot', '000002.snapshot'], 'a lease of two million bytes is none')
  assert.equal(told.length, 2)
})

test('who is no warden’s directory is told so', async (t) => {
  const made = testWarden(t)
  const nowhere = { dir: join(made.dir, 'nowhere'), publishDir: made.publishDir }
  await assert.rejects(
    withWarden(nowhere, (warden) => warden.status()),
    fails('warden-unavailable'),
  )
})
