/** What a caller that watches the log is given with an answer, over HTTP and over MCP: checked with the key alone. */
import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { ask, openLedger, type Answer, type Ledger } from '../../../test/support/doors/open-ledger.ts'
import { checkpointOf, type Consistency, type Receipt } from '../../model/receipt.ts'
import type { Hash } from '../../model/ids.ts'
import { parseVerifierKey, type NoteVerifier } from '../../model/signed-note.ts'
import { openCheckpoint } from '../../transparency-log/checkpoint.ts'
import { verifyConsistency } from '../../transparency-log/proofs.ts'
import { verifyReceipt } from '../../transparency-log/tlog-proof.ts'
import { CHECKPOINT_HEADER, CONSISTENCY_HEADER } from './log-headers.ts'

let ledger: Ledger
let log: NoteVerifier
let keys = 0
before(async () => {
  ledger = await openLedger()
  log = parseVerifierKey(readFileSync(join(ledger.system.dir, 'log.vkey'), 'utf8').trim())
})
after(() => ledger.close())

const open = (accountId: string, since: string | number): Promise<Answer> =>
  ask(`${ledger.url}/v1/commands/open_account`, ledger.agent, {
    body: { accountId, owner: 'ada' },
    headers: { 'idempotency-key': `log-${++keys}`, 'plinth-log-since': String(since) },
  })
const newest = async () => openCheckpoint(await ledger.system.engine.checkpoint(), log)
const noteIn = (answer: Answer): string => Buffer.from(answer.headers.get(CHECKPOINT_HEADER) ?? '', 'base64').toString()
const hexOf = (text: string): Hash => Buffer.from(text, 'base64').toString('hex') as Hash
function proofIn(answer: Answer): Consistency {
  const [from = '', to = '', root = '', proof = ''] = (answer.headers.get(CONSISTENCY_HEADER) ?? '').split(' ')
  return {
    from: Number(from),
    to: Number(to),
    root: hexOf(root),
    proof: proof === '' ? [] : proof.split(',').map(hexOf),
  }
}

test('a change answers with the proof from the size that the caller has kept to its receipt', async () => {
  const kept = await newest()
  for (const account of ['w1', 'w2', 'w3']) {
    const answer = await open(account, kept.size)
    const receipt = answer.body['receipt'] as Receipt
    const shown = verifyReceipt(receipt, log)
    assert.equal(noteIn(answer), checkpointOf(receipt))
    const { from, to, root, proof } = proofIn(answer)
    assert.deepEqual([from, to, root], [kept.size, shown.size, kept.rootHash])
    assert.ok(verifyConsistency(kept.size, shown.size, kept.rootHash, shown.rootHash, proof))
  }
})

test('a read carries the checkpoint of the log that it was read from, over its position', async () => {
  const kept = await newest()
  await open('r1', 0)
  const answer = await ask(`${ledger.url}/v1/queries/find_accounts`, ledger.agent, {
    body: { owner: 'ada' },
    headers: { 'plinth-log-since': String(kept.size) },
  })
  const shown = openCheckpoint(answer.body['checkpoint'] as string, log)
  assert.ok(shown.size > (answer.body['asOf'] as number))
  assert.equal(noteIn(answer), answer.body['checkpoint'])
  assert.ok(verifyConsistency(kept.size, shown.size, kept.rootHash, shown.rootHash, proofIn(answer).proof))
})

test('what is held has the receipt of the record that holds it, also when it is asked for again', async () => {
  await open('h1', 0)
  const close = (): Promise<Answer> =>
    ask(`${ledger.url}/v1/commands/close_account`, ledger.agent, {
      body: { accountId: 'h1' },
      headers: { 'idempotency-key': 'close-h1', 'plinth-log-since': '0' },
    })
  const first = await close()
  assert.equal(first.status, 202)
  const again = await close()
  const outcome = await ask(`${ledger.url}${first.headers.get('location')}`, ledger.agent)
  for (const { body } of [first, again, outcome]) {
    const receipt = body['receipt'] as Receipt
    verifyReceipt(receipt, log)
    const { op, state } = JSON.parse(receipt.record) as { op: string; state: string }
    assert.deepEqual([op, state], [body['operation'], 'held'])
  }
  assert.equal(noteIn(first), checkpointOf(first.body['receipt'] as Receipt))
  const refused = await open('h1', 0)
  assert.deepEqual([refused.status, refused.body['receipt']], [422, undefined]) // nothing in the log to prove
})

test('so does every other answer, and nothing is added for who does not ask', async () => {
  const self = await ask(`${ledger.url}/v1/self`, ledger.operator, { headers: { 'plinth-log-since': '0' } })
  assert.equal(noteIn(self), await ledger.system.engine.checkpoint())
  const refused = await open('r1', 0)
  assert.deepEqual([refused.status, openCheckpoint(noteIn(refused), log).size > 0], [422, true])
  const plain = await ask(`${ledger.url}/v1/self`, ledger.operator)
  assert.equal(plain.headers.get(CHECKPOINT_HEADER), null)
})

test('who has kept a larger log is shown the smaller checkpoint, and no proof', async () => {
  const { size } = await newest()
  const answer = await open('b1', size + 1_000)
  assert.equal(openCheckpoint(noteIn(answer), log).size < size + 1_000, true)
  assert.equal(answer.headers.get(CONSISTENCY_HEADER), null)
})

test('what is no size is refused before anything is done', async () => {
  const position = await ledger.head()
  for (const since of ['-1', '1.5', '01', 'all', '9007199254740993']) {
    const answer = await open(`m${since}`, since)
    assert.deepEqual([answer.status, answer.body['code']], [400, 'malformed-request'], since)
  }
  assert.equal(await ledger.head(), position)
})

test('anybody may ask for the proof between two sizes, and gets a typed problem beyond the log', async () => {
  const { size, rootHash } = await newest()
  const get = (query: string) => ask(`${ledger.url}/v1/log/consistency?${query}`, null)
  const { status, body } = await get(`from=2&to=${size}`)
  const { from, to, root, proof } = body as unknown as Consistency
  assert.deepEqual([status, from, to], [200, 2, size])
  assert.ok(verifyConsistency(2, size, root, rootHash, proof))
  assert.equal((await get(`from=0&to=${size + 1}`)).body['code'], 'invalid-position')
  assert.equal((await get('from=2&to=1')).body['code'], 'invalid-position')
  assert.equal((await get('from=x')).body['code'], 'malformed-request')
})

test('over MCP the same stands in `_meta`', async () => {
  const kept = await newest()
  const call = async (name: string, input: unknown, since: unknown) => {
    const params = { name, arguments: input, _meta: { 'plinth/logSince': since } }
    const { body } = await ask(`${ledger.url}/mcp`, ledger.agent, {
      body: { jsonrpc: '2.0', id: 1, method: 'tools/call', params },
      headers: { accept: 'application/json, text/event-stream', 'mcp-protocol-version': '2025-11-25' },
    })
    return body['result'] as { isError?: boolean; structuredContent: { code?: string }; _meta: Record<string, unknown> }
  }
  const { _meta: meta } = await call('open_account', { accountId: 'mcp', owner: 'ada' }, kept.size)
  const shown = verifyReceipt(meta['plinth/receipt'] as Receipt, log)
  const { checkpoint, consistency } = meta['plinth/log'] as { checkpoint: string; consistency: Consistency }
  assert.equal(openCheckpoint(checkpoint, log).size, shown.size)
  assert.ok(verifyConsistency(kept.size, shown.size, kept.rootHash, shown.rootHash, consistency.proof))
  const read = await call('find_accounts', { owner: 'ada' }, shown.size + 99)
  assert.equal((read._meta['plinth/log'] as { consistency: unknown }).consistency, null)
  const bad = await call('open_account', { accountId: 'mcp2', owner: 'ada' }, '7')
  assert.deepEqual([bad.isError, bad.structuredContent.code], [true, 'malformed-request'])
})
