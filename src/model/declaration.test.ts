import assert from 'node:assert/strict'
import { test } from 'node:test'
import { z } from 'zod'
import { checkManifest } from '../application/check-manifest.ts'
import { application, command, effect, entity, invariant, query, readModel } from '../application/declarations.ts'
import { describeApplication } from '../application/describe.ts'
import { changedDeclarations, declarationHash, weightyDeclarations, type DeclarationName } from './declaration.ts'
import type { Manifest } from './manifest.ts'

interface Differences {
  readonly bound?: number
  readonly risk?: 'reversible' | 'irreversible'
  readonly reaches?: readonly 'to'[]
  readonly level?: 'signed' | 'witnessed'
  readonly opened?: z.ZodType
  readonly returns?: 'external'
  readonly words?: boolean
}

/** An account that can be paid out: what differs between two releases is given. */
function made({ risk = 'irreversible', reaches = ['to'], level = 'witnessed', ...more }: Differences = {}): Manifest {
  const account = entity('account', {
    state: z.object({ balance: z.int() }),
    events: { opened: (more.opened ?? z.object({})) as z.ZodObject, paid: z.object({ amount: z.int() }) },
    opens: ['opened'],
    acknowledge: { paid: level },
    evolve: {
      opened: () => ({ balance: 0 }),
      paid: ({ balance }, { amount }) => ({ balance: balance - amount }),
    },
  })
  const payout = effect('payout', { describe: 'Pays.', payload: z.object({}), risk })
  const pay = command('pay', {
    describe: 'Pays out.',
    input: z.object({ account: account.id(), to: z.string() }),
    effects: [payout],
    reaches,
    decide: () => null,
  })
  const solvent = invariant('solvent', {
    of: account,
    holds: more.bound === undefined ? ({ balance }) => balance >= 0 : ({ balance }) => balance >= -100,
  })
  const ask = query('ask', {
    describe: 'Asks.',
    input: z.object({ account: account.id() }),
    ...(more.returns === undefined ? {} : { returns: more.returns }),
    read: () => 1,
  })
  const accounts = readModel('accounts', {
    of: account,
    row: z.object({ balance: z.int() }),
    indexes: [['balance']],
    from: ({ balance }) => ({ balance }),
  })
  const built = application('bank', {
    describe: 'A bank.',
    entities: [account],
    effects: [payout],
    commands: [pay],
    queries: [ask],
    invariants: [solvent],
    readModels: [accounts],
    attested: more.words === true ? z.object({ said: z.string().optional() }) : z.object({}),
  })
  return checkManifest(JSON.parse(describeApplication(built)))
}

const ALL: readonly DeclarationName[] = [
  { kind: 'entity', name: 'account' },
  { kind: 'event', name: 'account.opened' },
  { kind: 'event', name: 'account.paid' },
  { kind: 'command', name: 'pay' },
  { kind: 'query', name: 'ask' },
  { kind: 'read-model', name: 'accounts' },
  { kind: 'effect', name: 'payout' },
  { kind: 'invariant', name: 'solvent' },
  { kind: 'attested', name: 'facts' },
]
const signed = ALL.map((one) => ({ ...one, hash: declarationHash(made(), one) as never }))
const changed = (manifest: Manifest) => changedDeclarations(manifest, signed).map(({ kind, name }) => `${kind}:${name}`)

test('the same application says the same', () => {
  assert.deepEqual(changed(made()), [])
  assert.equal(new Set(signed.map(({ hash }) => hash)).size, ALL.length)
})

for (const [what, differences, expected] of [
  ['the code of an invariant', { bound: -100 }, ['invariant:solvent']],
  ['the risk of an effect', { risk: 'reversible' }, ['effect:payout']],
  ['whom a command reaches', { reaches: [] }, ['command:pay']],
  ['the level of an event', { level: 'signed' }, ['entity:account', 'event:account.paid']],
  ['the schema of an event', { opened: z.object({ by: z.string() }) }, ['entity:account', 'event:account.opened']],
  ['where answers come from', { returns: 'external' }, ['query:ask']],
  ['what a front door attests', { words: true }, ['attested:facts']],
] as const satisfies readonly (readonly [string, Differences, readonly string[]])[])
  test(`${what} changes just the declarations that say it`, () => {
    assert.deepEqual(changed(made(differences)), expected)
  })

test('what is recommended is what would be missed most', () => {
  const names = (manifest: Manifest) => weightyDeclarations(manifest).map(({ kind, name }) => `${kind}:${name}`)
  assert.deepEqual(names(made()), ['invariant:solvent', 'effect:payout', 'entity:account', 'command:pay'])
  assert.deepEqual(names(made({ risk: 'reversible', reaches: [], returns: 'external', words: true })), [
    ...['invariant:solvent', 'entity:account', 'query:ask', 'attested:facts'],
  ])
})

test('nothing is declared under a name that every object has', () => {
  for (const { kind } of ALL)
    for (const name of ['toString', '__proto__', 'account.toString', 'constructor.name'])
      assert.equal(declarationHash(made(), { kind, name }), null, `${kind}:${name}`)
})
