/** A log that contradicts itself stops: nothing more is written, the evidence convicts it, and only an operator lets it go on. */
import assert from 'node:assert/strict'
import { cpSync, existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { createServer, type Server } from 'node:http'
import { once } from 'node:events'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test, type TestContext } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { NEVER, openBank, type Bank } from '../../../test/support/bank-system.ts'
import { openVault, VAULT } from '../../../test/support/vault-system.ts'
import { writePolicy } from '../../../test/support/witnesses.ts'
import type { StopMark } from '../../model/log-stop.ts'
import { Problem } from '../../model/problems.ts'
import { parseVerifierKey } from '../../model/signed-note.ts'
import { logOfKey, openAnyCheckpoint } from '../../transparency-log/cosignature-checkpoint.ts'
import { verifyEquivocation } from '../../transparency-log/witness/equivocation.ts'
import { LogStop, resumeLog } from './log-stop.ts'
import { witnessedPath } from './witnessed.ts'

const stoppedLog = (error: unknown) => error instanceof Problem && error.code === 'log-stopped'

async function stops(vault: Bank): Promise<StopMark> {
  for (;;) {
    const { stopped } = vault.engine.acknowledgement()
    if (stopped !== null) return stopped
    await sleep(10)
  }
}
const evidenceOf = ({ evidence }: StopMark): Record<string, unknown> =>
  JSON.parse(readFileSync(evidence, 'utf8')) as Record<string, unknown>

/** A copy of the vault's folder, behind by one sealed box that is witnessed. */
async function leftBehind(vault: Bank, copy: string): Promise<string> {
  await vault.close()
  cpSync(vault.dir, copy, { recursive: true })
  const later = await vault.again()
  await later.do('seal', { box: 'b' })
  await later.close()
  return copy
}

/** The same data directory as of an earlier moment, opened as if it were the newest. */
async function openCopy(test: TestContext, from: string, witnessPolicy: string | null): Promise<Bank> {
  return openBank(test, {
    dir: from,
    application: VAULT,
    acknowledgement: { witnessPolicy, everyMs: 50 },
    onProblem: () => {},
  })
}

test('files that were put back: the witness is further, the log stops, stays stopped, and goes on only when told to', async (t) => {
  const { vault, policy, folder, logVkey } = await openVault(t, { names: ['one'], threshold: 1, everyMs: 50 })
  await vault.do('seal', { box: 'a' })
  const backup = await leftBehind(vault, join(folder, 'backup'))

  const restored = await openCopy(t, backup, policy)
  const mark = await stops(restored)
  assert.deepEqual([mark.kind, mark.witness], ['rollback', 'one'])
  assert.ok(mark.evidence.startsWith(join(backup, 'evidence')))
  const log = logOfKey(parseVerifierKey(logVkey))
  const { refused, head } = evidenceOf(mark) as { refused: string; head: string }
  assert.ok(openAnyCheckpoint(head, log).size > openAnyCheckpoint(refused, log).size, 'both are signed by the log')
  const { position } = await restored.engine.self(restored.operator, NEVER)
  await assert.rejects(restored.do('put', { box: 'c' }), stoppedLog)
  assert.equal((await restored.engine.self(restored.operator, NEVER)).position, position)

  const again = await openCopy(t, (await restored.close(), backup), null)
  assert.deepEqual(again.engine.acknowledgement().stopped, mark, 'also without asking any witness')
  await assert.rejects(again.do('put', { box: 'c' }), stoppedLog)
  await again.close()
  assert.equal(resumeLog(backup, 'operator', 'restored on purpose', 1)?.reason, 'restored on purpose')
  assert.equal(resumeLog(backup, 'operator', 'twice', 2), null)
  assert.ok(existsSync(mark.evidence))
  const goesOn = await openCopy(t, backup, null)
  assert.equal((await goesOn.do('put', { box: 'c' })).kind, 'committed')
  const records = await goesOn.engine.records(goesOn.operator, 0, 200, NEVER)
  const resumed = records.items.filter(({ line }) => line.includes('plinth.resume-log'))
  assert.equal(resumed.length, 1)
  assert.match(
    String(records.items.find(({ payload }) => payload?.includes('restored on purpose'))?.payload),
    /rollback/,
  )
  assert.deepEqual((await goesOn.engine.verify(() => {}, NEVER)).findings, [])
  await goesOn.close()
  const told = await stops(await openCopy(t, backup, policy))
  assert.equal(told.kind, 'equivocation', 'what was told to go on has forked by now, and the same witness says so')
})

test('the database alone was put back: what was witnessed before says so before anything is written', async (t) => {
  const { vault, policy, folder, witnesses } = await openVault(t, { names: ['one'], threshold: 1, everyMs: 50 })
  const backup = await leftBehind(vault, join(folder, 'backup'))
  await witnesses[0]?.kill()
  cpSync(witnessedPath(vault.dir), witnessedPath(backup))
  const restored = await openCopy(t, backup, policy)
  assert.equal(restored.engine.acknowledgement().stopped?.kind, 'rollback')
  await assert.rejects(restored.do('put', { box: 'c' }), stoppedLog)
})

test('two histories under one key: the witness refuses the second, and the proof convicts without anybody’s word', async (t) => {
  const { vault, policy, folder, logVkey } = await openVault(t, { names: ['one'], threshold: 1, everyMs: 50 })
  const fork = await leftBehind(vault, join(folder, 'fork'))
  const other = await openCopy(t, fork, null)
  for (let i = 0; i < 20; i++) await other.do('put', { box: `other${i}` })
  await other.close()
  rmSync(witnessedPath(fork), { force: true })
  const shown = await openCopy(t, fork, policy)
  const mark = await stops(shown)
  assert.deepEqual([mark.kind, mark.witness], ['equivocation', 'one'])
  const [small, large] = verifyEquivocation(evidenceOf(mark), logOfKey(parseVerifierKey(logVkey)))
  assert.ok(small.size < large.size)
  await assert.rejects(shown.do('seal', { box: 'c' }), stoppedLog)
})

test('a witness’s bare refusal stops the log as well; faults that are not refusals do not', async (t) => {
  let answer = { status: 503, body: 'busy\n' }
  await using liar = await serving(() => answer)
  const { vault, logVkey, folder, witnesses } = await openVault(t, { names: ['one', 'two'], threshold: 2 })
  await vault.close()
  const [one, two] = witnesses
  assert.ok(one !== undefined && two !== undefined)
  const policy = await writePolicy(folder, logVkey, [one, { ...two, url: liar.url }], 2)
  const tested = await openCopy(t, vault.dir, policy)
  for (const fault of [
    { status: 503, body: 'busy\n' },
    { status: 404, body: 'who?\n' },
    { status: 200, body: 'nonsense' },
  ]) {
    answer = fault
    const before = tested.engine.acknowledgement().witnesses[1]?.failed ?? 0
    assert.equal((await tested.do('put', { box: 'a' })).kind, 'committed')
    while ((tested.engine.acknowledgement().witnesses[1]?.failed ?? 0) === before) await sleep(10)
    assert.equal(tested.engine.acknowledgement().stopped, null, JSON.stringify(fault))
  }
  answer = { status: 422, body: 'the proof does not verify\n' }
  const mark = await stops(tested)
  assert.deepEqual([mark.kind, mark.witness], ['refusal', 'two'])
  assert.match(String(evidenceOf(mark)['detail']), /422: the proof does not verify/)
  await assert.rejects(tested.do('put', { box: 'a' }), stoppedLog)
})

test('a size that this log never had, without a head to show for it, stops it after a second try', async (t) => {
  let asked = 0
  let lying = false // not while the system still starts, which writes records of its own
  await using liar = await serving((path) => {
    if (path !== '/add-checkpoint') return { status: 404, body: '' }
    if (!lying) return { status: 503, body: '' }
    asked++
    return { status: 409, body: '999999\n', type: 'text/x.tlog.size' }
  })
  const { vault, logVkey, folder, witnesses } = await openVault(t, { names: ['one'], threshold: 1 })
  await vault.close()
  const policy = await writePolicy(
    folder,
    logVkey,
    witnesses.map((one) => ({ ...one, url: liar.url })),
    1,
  )
  const copy = await openCopy(t, vault.dir, policy)
  lying = true
  const mark = await stops(copy)
  assert.deepEqual([mark.kind, evidenceOf(mark)['head']], ['refusal', null])
  assert.ok(asked >= 2)
})

test('the mark: what is first stands; a disk that does not take it leaves this process stopped; one that cannot be read is not taken for none', (t) => {
  const dir = mkdtempSync(join(tmpdir(), 'plinth-stop-'))
  t.after(() => rmSync(dir, { recursive: true }))
  const handedIn: unknown[] = []
  const committer = { commit: (request: unknown) => Promise.resolve(handedIn.push(request)) as never }
  const stop = new LogStop(dir)
  const guarded = stop.guard(committer)
  void guarded.commit({} as never)
  const mark = stop.stop('refusal', 'one', 'no', { it: 'says' }, 7)
  assert.deepEqual(stop.stop('rollback', 'two', 'worse', { it: 'shows' }, 8), mark)
  assert.equal(readdirSync(join(dir, 'evidence')).length, 3, 'two pieces of evidence, one mark')
  assert.deepEqual(new LogStop(dir).mark, mark)
  assert.equal(handedIn.length, 1)
  writeFileSync(join(dir, 'evidence', 'log-stopped.json'), '{"v":1,')
  assert.throws(() => new LogStop(dir), { code: 'storage-damaged' })

  const full = join(dir, 'full')
  mkdirSync(full)
  writeFileSync(join(full, 'evidence'), 'a file where the folder should be')
  const unwritten = new LogStop(full)
  assert.throws(() => unwritten.stop('refusal', 'one', 'no', {}, 7))
  assert.equal(unwritten.mark?.witness, 'one')
  return assert.rejects(unwritten.guard(committer).commit({} as never), stoppedLog)
})

interface Serving extends AsyncDisposable {
  readonly url: string
}
async function serving(
  answer: (path: string) => { readonly status: number; readonly body: string; readonly type?: string },
): Promise<Serving> {
  const server: Server = createServer((request, response) => {
    const { status, body, type = 'text/plain' } = answer(request.url ?? '')
    request.resume()
    response.writeHead(status, { 'content-type': type }).end(body)
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    [Symbol.asyncDispose]: () =>
      new Promise((resolve) => {
        server.close(() => resolve())
        server.closeAllConnections()
      }),
  }
}
