/** The gate between outbox and world: what cannot be taken back waits for witnesses, visibly, and everything else does not. */
import assert from 'node:assert/strict'
import { join } from 'node:path'
import { test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { NEVER, openBank, type Bank } from '../../test/support/bank-system.ts'
import { openVault, VAULT } from '../../test/support/vault-system.ts'
import type { Parts } from './parts.ts'
import { EFFECTS_SCAN_MAX, countAwaiting, readyEffects, outboxEffects } from './ready-effects.ts'
import { sha256Hex, type OperationId, type Position, type PrincipalId } from '../model/ids.ts'
import { lineComposer } from '../model/record-line.ts'

const effectsOf = async (vault: Bank, state?: string) =>
  (await vault.engine.effects(vault.operator, state === undefined ? {} : { state }, { after: null, limit: 200 }, NEVER))
    .items
const ORIGIN = -1 as Position

test('without witnesses an irreversible effect waits, says so everywhere, and what to do', async (t) => {
  const vault = await openBank(t, { application: VAULT })
  const sent = await vault.do('send', { box: 'a' })
  assert.equal(sent.kind, 'committed', 'the operation itself is acknowledged as ever')
  const [mail, wire] = await effectsOf(vault)
  assert.deepEqual([mail?.effect, mail?.state, mail?.next], ['mail', 'ready', null])
  assert.deepEqual([wire?.effect, wire?.state, wire?.operation], ['wire', 'awaiting-witness', sent.operation])
  assert.match(String(wire?.next), /start with `--witness-policy FILE`/)
  assert.deepEqual(
    (await effectsOf(vault, 'awaiting-witness')).map(({ effect }) => effect),
    ['wire'],
  )
  const { effectsAwaitingWitness } = (await vault.engine.self(vault.operator, NEVER)).acknowledgement
  assert.deepEqual([effectsAwaitingWitness.count, effectsAwaitingWitness.complete], [1, true])
  const ops = await vault.engine.operations(vault.operator, { action: 'send' }, { after: null, limit: 1 }, NEVER)
  assert.deepEqual([ops.items[0]?.level, ops.items[0]?.effects], ['signed', 'awaiting-witness'])
  const why = await vault.engine.why(vault.operator, sent.operation, NEVER)
  const line = why.lines.find(({ label }) => label === 'effects may not leave yet')
  assert.match(JSON.stringify(line?.value), /awaiting-witness.*--witness-policy/)
})

test('the witnesses are asked at once, whether or not somebody waits; while they are away it waits, then it is ready', async (t) => {
  const hour = 3_600_000
  const { vault, witnesses } = await openVault(t, { names: ['one'], threshold: 1, everyMs: hour })
  await vault.do('send', { box: 'a' })
  while ((await effectsOf(vault, 'awaiting-witness')).length > 0) await sleep(10)
  await witnesses[0]?.kill()
  const sent = await vault.do('send', { box: 'b' })
  assert.deepEqual(
    (await effectsOf(vault)).map(({ state }) => state),
    ['ready', 'ready', 'ready', 'awaiting-witness'],
  )
  while (!/`one` unreachable/.test(String((await effectsOf(vault))[3]?.next))) await sleep(10)
  await witnesses[0]?.again()
  while ((await effectsOf(vault, 'awaiting-witness')).length > 0) await sleep(10)
  const why = await vault.engine.why(vault.operator, sent.operation as OperationId, NEVER)
  assert.equal(why.lines.find(({ label }) => label === 'stands at')?.value, 'witnessed')
})

test('a release that thinks less of an effect does not let go what an earlier one decided', async (t) => {
  const vault = await openBank(t, { application: VAULT })
  await vault.do('send', { box: 'a' })
  const lenient = await vault.again({ application: join(VAULT, 'lenient.ts') })
  await lenient.do('send', { box: 'b' })
  assert.deepEqual(
    (await effectsOf(lenient)).map(({ effect, state, risk }) => [effect, state, risk]),
    [
      ['mail', 'awaiting-witness', 'irreversible'],
      ['wire', 'awaiting-witness', 'irreversible'],
      ['mail', 'ready', 'compensable'],
      ['wire', 'ready', 'compensable'],
    ],
  )
  const { effectsAwaitingWitness } = (await lenient.engine.self(lenient.operator, NEVER)).acknowledgement
  assert.equal(effectsAwaitingWitness.count, 2)
})

test('the list pages through effects of one record, and refuses what is no state', async (t) => {
  const vault = await openBank(t, { application: VAULT })
  for (const box of ['a', 'b', 'c']) await vault.do('send', { box })
  const seen: string[] = []
  for (let after: string | null = null; ;) {
    const page = await vault.engine.effects(vault.operator, {}, { after, limit: 1 }, NEVER)
    seen.push(...page.items.map(({ position, ordinal }) => `${position}/${ordinal}`))
    if ((after = page.next) === null) break
  }
  assert.equal(new Set(seen).size, 6)
  assert.equal(seen.length, 6)
  await assert.rejects(
    vault.engine.effects(vault.operator, { state: 'gone' }, { after: null, limit: 1 }, NEVER),
    /malformed-request/,
  )
  await assert.rejects(vault.engine.effects(vault.agent, {}, { after: null, limit: 1 }, NEVER), /forbidden/)
})

/** What the engine does by itself: nobody is behind it who could be revoked. */
const LINE = lineComposer({
  ...{ log: 'made.up', op: 'op_1' as OperationId, n: 1, t: 0, actor: 'plinth' as PrincipalId, chain: [], for: null },
  ...{ tenant: '', run: null, corr: null, cause: null, release: null, gate: '' },
}).operation('send', 'committed', [], { hash: sha256Hex(''), bytes: 0 })

/** A gate over made-up rows. */
function gate(effects: readonly string[], witnessedSize: number, stopped = false): Parts {
  const rows = effects.map((effect, i) => ({ position: i as Position, ordinal: 0, effect, payload: '{}' }))
  const risks: Record<string, string> = { wire: 'irreversible', mail: 'compensable', note: 'reversible' }
  return {
    reader: {
      effects: (after: number, limit: number) => rows.slice(after + 1, after + 1 + limit),
      record: () => ({ line: LINE, payload: null }),
    },
    authority: { current: () => ({ switches: [] }) },
    release: { manifest: { name: 'made-up' } },
    acknowledgement: {
      stop: { mark: stopped ? {} : null },
      witnessedSize,
      riskOf: (effect: string) => risks[effect] ?? 'irreversible',
    },
  } as unknown as Parts
}

test('ready is what may be taken back, and what is witnessed; an effect that waits holds up no other', () => {
  const names = (parts: Parts) => readyEffects(parts, ORIGIN, 100).map(({ position }) => position)
  const effects = ['wire', 'mail', 'wire', 'note', 'unheard-of']
  assert.deepEqual(names(gate(effects, 0)), [1, 3])
  assert.deepEqual(names(gate(effects, 1)), [0, 1, 3])
  assert.deepEqual(names(gate(effects, 3)), [0, 1, 2, 3])
  assert.deepEqual(names(gate(effects, 5)), [0, 1, 2, 3, 4], 'what the release does not declare waits as well')
  assert.deepEqual(names(gate(effects, 5, true)), [], 'a stopped log sends nothing')
  assert.ok(outboxEffects(gate(effects, 5, true), ORIGIN, 9).every(({ state }) => state === 'log-stopped'))
})

test('counting those that wait is bounded, and says when there may be more', () => {
  assert.deepEqual(
    countAwaiting(
      gate(
        Array.from({ length: 10 }, () => 'wire'),
        4,
      ),
    ),
    { count: 6, complete: true },
  )
  const many = gate(
    Array.from({ length: EFFECTS_SCAN_MAX + 5 }, () => 'wire'),
    0,
  )
  assert.deepEqual(countAwaiting(many), { count: EFFECTS_SCAN_MAX, complete: false })
})
