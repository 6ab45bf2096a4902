/** One stream, shown whole or shown not to be there, to who knows the log's key and nothing else; and no other story about it is taken. */
import assert from 'node:assert/strict'
import { readFile, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { test } from 'node:test'
import { openBank } from '../../test/support/bank-system.ts'
import { HEADS } from '../engine/heads/statement.ts'
import type { Json } from '../model/json.ts'
import { openSqliteReader } from '../storage/sqlite/reader.ts'
import { main, parseKey, verifyStream, type Report } from '../../verifier/verify.ts'
import { writeStreamProof } from './stream-proof.ts'

test('a stream is shown whole, or not to be there, and never otherwise', async (t) => {
  const unstated = await openBank(t)
  await assert.rejects(
    writeStreamProof(
      unstated.dir,
      'account/a',
      join(unstated.dir, 'too-soon.json'),
      await unstated.engine.checkpoint(),
    ),
    {
      code: 'invalid-position',
    },
  )
  const bank = await unstated.again({ heads: { everyMs: 20, everyRecords: 1_000_000 } })
  for (const account of ['a', 'b', 'c']) await bank.do('open_account', { account, owner: 'ann' })
  for (let i = 1; i < 5; i++) await bank.do('deposit', { account: 'a', amount: i })
  const deposited = await bank.do('deposit', { account: 'a', amount: 5 })
  assert(deposited.kind === 'committed')
  const reader = openSqliteReader(bank.dir)
  t.after(() => reader.close())
  const stated = (): number => {
    const { version, position } = reader.streamHead(HEADS)
    const [event] = reader.events(HEADS, version - 1, position, 1)
    return event === undefined ? -1 : (JSON.parse(event.data) as { position: number }).position
  }
  while (stated() < deposited.position) await new Promise((resolve) => setTimeout(resolve, 10))
  const checkpoint = await bank.engine.checkpoint()
  const trust = {
    logs: [parseKey((await readFile(join(bank.dir, 'log.vkey'), 'utf8')).trim())],
    policy: null,
    heads: [],
  }
  const proof = async (stream: string): Promise<string> => {
    const file = join(bank.dir, 'proof.json')
    await rm(file, { force: true })
    await writeStreamProof(bank.dir, stream, file, checkpoint)
    return await readFile(file, 'utf8')
  }
  const verify = (text: string): Report => verifyStream(Buffer.from(text), trust)

  const whole = await proof('account/a')
  const report = verify(whole)
  assert.deepEqual([report.verdict, report.findings], ['VALID_UNWITNESSED', []])
  assert.equal(report.stream?.version, reader.streamHead('account/a' as never).version)
  const absent = await proof('account/nobody')
  assert.deepEqual(verify(absent).stream, { id: 'account/nobody', version: 0, position: report.stream?.position })
  assert.equal(verify(absent).verdict, 'VALID_UNWITNESSED')
  // Without the file that the running system keeps, the log tells the same.
  await bank.close()
  for (const suffix of ['', '-wal', '-shm']) await rm(join(bank.dir, `heads.db${suffix}`), { force: true })
  assert.equal(await proof('account/a'), whole)

  interface Proof {
    stream: string
    statement: { record: string; payload: string; proof: string }
    path: { levels: string[]; end: { key: string; version: number; leaf: string } | null }
    records: { record: string; payload: string | null }[]
  }
  const mutations: Record<string, (proof: Proof) => void> = {
    'the last event cut': ({ records }) => void records.pop(),
    'the last event cut, and the version with it': ({ records, path }) => {
      records.pop()
      path.end!.version--
    },
    'an event in between cut': ({ records }) => void records.splice(1, 1),
    'two events swapped': ({ records }) => void records.splice(1, 2, records[2]!, records[1]!),
    'an event doubled': ({ records }) => void records.splice(1, 0, records[1]!),
    'another amount': ({ records }) => void (records[2]!.payload = records[2]!.payload!.replace('2', '9')),
    'another actor': ({ records }) =>
      void (records[2]!.record = records[2]!.record.replace('"actor":"agent"', '"actor":"somebody"')),
    'said not to be there': (one) => {
      one.records = []
      one.path.end = null
    },
    'as another stream': (one) => void (one.stream = 'account/b'),
    'as one that is not there': (one) => {
      one.stream = 'account/x'
      one.records = []
    },
    'another root': ({ statement }) => void (statement.payload = statement.payload.replace(/"root":"./, '"root":"x')),
    'another statement': ({ statement }) => void (statement.record = statement.record.replace('"n":', '"n":1')),
    'a later position': ({ statement }) => void (statement.proof = statement.proof.replace(/index (\d+)/, 'index 1$1')),
    'a sibling changed': ({ path }) => void (path.levels[0] = path.levels[0]!.replace(/.{4}$/, 'AAAA')),
    'a level less': ({ path }) => void path.levels.pop(),
    'no levels': ({ path }) => void (path.levels = []),
  }
  for (const [what, mutate] of Object.entries(mutations)) {
    const changed = JSON.parse(whole) as Proof
    mutate(changed)
    assert.notDeepEqual(changed, JSON.parse(whole), what)
    assert.equal(verify(JSON.stringify(changed)).verdict, 'INVALID', what)
  }
  const without = JSON.parse(whole) as Proof
  without.records[2]!.payload = null
  assert.equal(verify(JSON.stringify(without)).verdict, 'INSUFFICIENT')
  const invented = JSON.parse(absent) as Proof
  invented.records = (JSON.parse(whole) as Proof).records
  assert.equal(verify(JSON.stringify(invented)).verdict, 'INVALID')
  const shapes: Json[] = [
    null,
    [],
    {},
    { format: 'plinth-stream/v1' },
    { ...JSON.parse(whole), path: null },
    { ...JSON.parse(whole), records: [null] },
  ]
  for (const shape of shapes)
    assert.equal(verify(JSON.stringify(shape)).verdict, 'INVALID', JSON.stringify(shape).slice(0, 80))

  const lines: string[] = []
  const vkey = join(bank.dir, 'log.vkey')
  assert.equal(
    main(['stream', join(bank.dir, 'proof.json'), '--key', vkey], (line) => lines.push(line)),
    10,
  )
  assert.match(lines.join('\n'), /account\/a: \d+ events, all here/)
})
